"""How fast the ledger writes and verifies: `python -m tests.bench.ledger [--url URL] [--entries N] [--rounds N]`.

The last line is one JSON object:
  entries_per_second   sustained, 200 writers at once, group commit, each awaited until durable
  entries_per_cpu_second  the same by this process's CPU time: what a busy machine does not change much
  write_ms             one awaited write at a time: median and p95
  append_ms            the synchronous call: median and p95
  overhead_ms          CPU time of the event loop's thread for one write: what an activity is charged
  bare_commit_ms       one bare INSERT and commit with the driver alone on the same disk (SQLite only)
  overhead_ms_per_step  what our worker adds to a step against the plain SDK, by turns on one server; latency_ratio,
                        throughput_ratio: the same as ratios (tests/bench/step_overhead.py)
  verify_seconds       all entries, digests, roots and signatures; and verify_entries
"""

import argparse
import asyncio
import json
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop

from contracts.records import Entry
from ledger import FolderArtifacts, Ledger
from tests.bench import step_overhead

WRITERS = 200


def entry(key: str) -> Entry:
    """An entry of the size that the worker's interceptor writes."""
    now = datetime.now(UTC)
    facts = {"activity_id": key, "task_queue": "countersign-agents", "digest": "sha256:" + "0" * 64, "n": 3}
    says = "Read 12,000 commits of 50,000 in the sandbox"
    return Entry(
        key=key, kind="activity", name="changelog.gather", says=says, run="changelog-2026-11-23-4f1b",
        workflow="changelog", started_at=now, finished_at=now, facts=facts,
    )  # fmt: skip


def spread(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds)
    return {
        "median": round(statistics.median(ordered) * 1e3, 3),
        "p95": round(ordered[int(len(ordered) * 0.95)] * 1e3, 3),
    }


async def one_at_a_time(ledger: Ledger, count: int) -> tuple[list[float], float]:
    """Seconds of each write, and CPU seconds of this thread per write."""
    entries = [entry(f"single-{number}") for number in range(count)]
    took, cpu = [], time.thread_time()
    for one in entries:
        await asyncio.sleep(0)  # each in a turn of the event loop of its own, as activities are
        started = time.perf_counter()
        await ledger.write(one)
        took.append(time.perf_counter() - started)
    return took, (time.thread_time() - cpu) / count


async def sustained(ledger: Ledger, count: int) -> tuple[float, float]:
    """Entries per second, and per second of this process's CPU time."""

    async def writer(name: int) -> None:
        for number in range(count // WRITERS):
            await ledger.write(entry(f"many-{name}-{number}"))

    started, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(writer(name) for name in range(WRITERS)))
    written = count // WRITERS * WRITERS
    return written / (time.perf_counter() - started), written / (time.process_time() - cpu)


def repeated(action: Callable[[int], object], count: int) -> list[float]:
    took = []
    for number in range(count):
        started = time.perf_counter()
        action(number)
        took.append(time.perf_counter() - started)
    return took


def bare_commits(path: Path, count: int) -> list[float]:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("CREATE TABLE t (body TEXT)")

    def commit(number: int) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO t VALUES (?)", ("x" * 600,))
        connection.execute("COMMIT")

    return repeated(commit, count)


def measure(url: str, folder: Path, count: int) -> dict[str, Any]:
    key = folder / "ledger_key"
    with Ledger.open(url, FolderArtifacts(folder / "artifacts"), signing_key=key, seal_seconds=1) as ledger:
        asyncio.run(one_at_a_time(ledger, 200))
        ledger.seal()
        took, cpu = asyncio.run(one_at_a_time(ledger, 2_000))
        appended = [entry(f"append-{number}") for number in range(1_000)]
        result: dict[str, Any] = {
            "database": ledger.store.engine.dialect.name,
            "write_ms": spread(took),
            "append_ms": spread(repeated(lambda number: ledger.append(appended[number]), 1_000)),
            "overhead_ms": round(cpu * 1e3, 3),
        }
        by_clock, by_cpu = asyncio.run(sustained(ledger, count))
        result |= {"entries_per_second": round(by_clock), "entries_per_cpu_second": round(by_cpu)}
        ledger.seal()
        verified = ledger.verify()
    if ledger.store.is_sqlite:
        result["bare_commit_ms"] = spread(bare_commits(folder / "bare.db", 2_000))
    checked = {"verify_entries": verified.sealed, "verify_seconds": verified.seconds, "ok": verified.ok}
    return result | checked


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", default="", help="of an empty database; default: SQLite in a temporary folder")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=60, help="of ten steps, with our worker and without; 0: none")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{folder}/ledger.db"
        found = measure(url, Path(folder), options.entries)
    if options.rounds:
        steps = uvloop.run(step_overhead.run(options.rounds))
        found |= {name: steps[name] for name in ("overhead_ms_per_step", "latency_ratio", "throughput_ratio")}
    print(json.dumps(found))


if __name__ == "__main__":
    main()

"""How fast the ledger is searched: `python -m tests.bench.ledger_search [--entries N] [--postgres]`.

A million entries of 2,500 runs, as agents write them, through the ledger's own index. Each kind of question is asked
`--times` times with other values. The last line is one JSON object: for each kind of question the median and p95 in ms,
`worst_p95_ms` of them, and `index_per_second`, entries taken into the index.
"""

import argparse
import json
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from contracts.finding import Query
from contracts.records import Entry, RunRecord
from ledger import FolderArtifacts, Ledger
from ledger.entries import row_of
from tests.bench.ledger import spread
from tests.support import postgres

START = datetime(2026, 1, 1, tzinfo=UTC)
PEOPLE = [f"person{number}" for number in range(200)]
STEPS = ("gather", "compose", "propose", "model", "egress.request", "machine.run", "gate.note", "carry_out")
NOUNS = [f"{a}{b}" for a in ("parser", "cache", "index", "login", "invoice", "router") for b in range(500)]
RUN = 400  # entries of a run
SECONDS = 20  # between two entries: a million are 7 months


def entry(number: int, dice: random.Random) -> Entry:
    run, step = number // RUN, dice.choice(STEPS)
    kinds = {"model": "model", "egress.request": "egress", "carry_out": "effect"}
    decided = dice.random() < 0.01
    when = START + timedelta(seconds=SECONDS * number)
    return Entry(
        key=f"activity/{dice.getrandbits(128):032x}/{number}/1",
        kind="decision" if decided else kinds.get(step, "activity"),  # type: ignore[arg-type]
        name=f"changelog.{step}",
        says=f"Read {dice.randrange(50_000)} commits of {dice.choice(NOUNS)} and {dice.choice(NOUNS)} in the sandbox",
        run=f"changelog-{run}",
        workflow=f"workflow{run % 12}",
        actor=dice.choice(PEOPLE) if decided else "platform",
        started_at=when,
        finished_at=when,
        facts={"activity_id": str(number), "digest": f"sha256:{dice.getrandbits(256):064x}", "n": 3},
    )


def filled(ledger: Ledger, count: int) -> float:
    """Seconds for taking all into the index."""
    dice = random.Random(1)
    for run in range(count // RUN + 1):
        ledger.start_run(record(run))
    for first in range(0, count, 5_000):
        rows = []
        for number in range(first, min(count, first + 5_000)):
            rows.append(row_of(entry(number, dice), START + timedelta(seconds=SECONDS * number)))
        ledger._insert(rows)
    ledger.seal()
    began = time.perf_counter()
    ledger.index()
    return time.perf_counter() - began


def record(run: int) -> RunRecord:
    team, repository = f"team{run % 10}", f"https://git.test/acme/repo{run % 40}.git"
    named = f"changelog-{run}"
    return RunRecord(run=named, workflow=f"workflow{run % 12}", started_at=START, team=team, repository=repository)


def questions(count: int) -> Iterator[tuple[str, Callable[[random.Random], Query]]]:
    def day(dice: random.Random) -> datetime:
        return START + timedelta(seconds=SECONDS * dice.randrange(count))

    def week(dice: random.Random) -> dict[str, Any]:
        first = day(dice)
        return {"since": first, "until": first + timedelta(days=7)}

    yield "newest", lambda dice: Query()
    yield "run", lambda dice: Query(run=f"changelog-{dice.randrange(count // RUN)}")
    yield "person", lambda dice: Query(person=dice.choice(PEOPLE))
    yield "workflow", lambda dice: Query(workflow=f"workflow{dice.randrange(12)}")
    yield "team", lambda dice: Query(team=f"team{dice.randrange(10)}")
    yield "repository", lambda dice: Query(repository=f"repo{dice.randrange(40)}")
    yield "kind", lambda dice: Query(kind=dice.choice(["effect", "decision", "model"]))
    yield "word", lambda dice: Query(words=dice.choice(NOUNS))
    yield "common words", lambda dice: Query(words="read commits sandbox")
    yield "word and common", lambda dice: Query(words=f"sandbox {dice.choice(NOUNS)}", kind="effect")
    yield "two rare", lambda dice: Query(words=f"{dice.choice(NOUNS)} {dice.choice(NOUNS)}")
    yield "beginning", lambda dice: Query(words=f"{dice.choice(NOUNS)[:-1]}*")
    yield "common, nothing", lambda dice: Query(person="platform", kind="decision")
    yield "week", lambda dice: Query(**week(dice))
    yield "week, person", lambda dice: Query(person=dice.choice(PEOPLE), **week(dice))
    yield "week, word", lambda dice: Query(words=dice.choice(NOUNS), **week(dice))
    yield "old page", lambda dice: Query(kind="effect", before=dice.randrange(count // 10, count))


def asked(ledger: Ledger, count: int, times: int) -> dict[str, dict[str, float]]:
    found = {}
    for name, question in questions(count):
        dice, took = random.Random(2), []
        for _ in range(times):
            query = question(dice)
            began = time.perf_counter()
            ledger.search(query)
            took.append(time.perf_counter() - began)
        found[name] = spread(took)
        print(f"{name:<18} {found[name]}", flush=True)
    return found


def measure(url: str, folder: Path, count: int, times: int) -> dict[str, Any]:
    with Ledger.open(url, FolderArtifacts(folder / "a"), signing_key=folder / "key", seal_seconds=None) as ledger:
        seconds = filled(ledger, count)
        found = asked(ledger, count, times)
        words = Path(f"{ledger.store.url.database}.words") if ledger.store.is_sqlite else None
        size = {"index_mb": round(words.stat().st_size / 1e6)} if words else {}
        name = ledger.store.engine.dialect.name
    worst = max(each["p95"] for each in found.values())
    rate = round(count / seconds)
    return {"database": name, "worst_p95_ms": worst, "index_per_second": rate, **size, "ms": found}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--times", type=int, default=60)
    parser.add_argument("--postgres", action="store_true", help="a PostgreSQL of its own instead of SQLite")
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        url = f"sqlite:///{folder / 'ledger.db'}"
        if options.postgres:
            url = stack.enter_context(postgres.database(stack.enter_context(postgres.server()), "searched"))
        print(json.dumps(measure(url, folder, options.entries, options.times)))


if __name__ == "__main__":
    main()

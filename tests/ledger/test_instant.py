"""The quick way in: at once where it can be, by the queue where it would have to wait, the same entry either way."""

import asyncio
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

from contracts.records import Entry
from ledger import FolderArtifacts, Ledger

WHEN = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def opened(folder: Path) -> Ledger:
    return Ledger.open(f"sqlite:///{folder / 'ledger.db'}", FolderArtifacts(folder / "artifacts"))


def entry(key: str) -> Entry:
    return Entry(key=key, kind="activity", name="step", says="it ran", started_at=WHEN, finished_at=WHEN)


async def test_an_entry_is_durable_when_awaited_and_no_thread_was_needed(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        await ledger.write(entry("one"))
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            assert other.execute("SELECT key FROM entries").fetchall() == [("one",)]
        assert ledger.writer._thread is None


async def test_while_another_writes_the_loop_goes_on_and_the_entry_follows(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        other = sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(ledger.write(entry("later")))
        for _ in range(5):
            await asyncio.sleep(0.02)
        assert not writing.done(), "the lock is held"
        other.execute("COMMIT")
        other.close()
        await asyncio.wait_for(writing, 60)
        assert [each.key for each in ledger.entries()] == ["later"]


async def test_the_same_key_twice_keeps_the_first_by_either_way(tmp_path: Path) -> None:
    with opened(tmp_path) as ledger:
        await ledger.write(entry("same"))
        ledger.append(entry("same").model_copy(update={"says": "again"}))
        await ledger.write(entry("same").model_copy(update={"says": "and again"}))
        assert [each.says for each in ledger.entries()] == ["it ran"]

"""Group commit: durable when awaited, shared under load, and never a caller left waiting."""

import asyncio
import threading
from collections.abc import Callable, Sequence

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from contracts.errors import DiskFull, StateUnusable
from ledger import Ledger
from ledger.writer import FEW, Writer
from tests.ledger.support import entry, tamper


async def test_what_was_awaited_is_there_for_another_process(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    other = open_ledger()
    await ledger.write(entry("a"))
    assert [one.key for one in other.entries()] == ["a"]


async def test_many_writers_share_transactions_and_lose_nothing(ledger: Ledger) -> None:
    batches: list[int] = []
    insert, all_wait = ledger.insert_rows, threading.Event()

    def counted(connection: sa.Connection, rows: Sequence[tuple[str, ...]]) -> None:
        all_wait.wait(30)
        batches.append(len(rows))
        insert(connection, rows)

    ledger.insert_rows = counted  # type: ignore[method-assign]
    writes = [asyncio.ensure_future(ledger.write(entry(str(number % 900)))) for number in range(1000)]
    await asyncio.sleep(0)  # each of them is in the queue now, but for the first few
    all_wait.set()
    await asyncio.gather(*writes)
    assert len(ledger.entries(limit=2000)) == 900
    # On SQLite the first few are written at once, each alone; fewer where the thread has begun and holds the lock.
    assert 1000 - FEW <= sum(batches) <= 1000
    assert len(batches) <= 4, "what the thread took first, and the rest in as few transactions as may be"


async def test_a_full_disk_reaches_whoever_waits(url: str, ledger: Ledger) -> None:
    if not ledger.store.is_sqlite:
        pytest.skip("SQLite can be told how many pages it may have")
    with ledger.store.write() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()

    @sa.event.listens_for(ledger.store.engine, "checkout")
    def limit(raw: object, *_: object) -> None:
        raw.execute(f"PRAGMA max_page_count={pages}")  # type: ignore[attr-defined]

    # The quick way has a connection of its own, which this limit does not reach; the queue has the words for it.
    ledger.writer._instant = None
    results = await asyncio.gather(
        *(ledger.write(entry(str(number), says="x" * 5000)) for number in range(50)), return_exceptions=True
    )
    assert all(isinstance(result, DiskFull) for result in results)
    with pytest.raises(DiskFull, match="nothing half-written"):
        ledger.append(entry("sync", says="x" * 50_000))
    assert ledger.entries() == []


async def test_one_bad_row_does_not_fail_its_neighbours() -> None:
    written: list[str] = []

    def insert(rows: Sequence[tuple[str, ...]]) -> None:
        if any(row[0] == "bad" for row in rows):
            raise IntegrityError("INSERT", None, ValueError("refused"))
        written.extend(row[0] for row in rows)

    writer = Writer(insert)
    results = await asyncio.gather(*(writer.write((name,)) for name in ("a", "bad", "b")), return_exceptions=True)
    assert [type(result) for result in results] == [type(None), IntegrityError, type(None)]
    assert written == ["a", "b"]
    writer.close()


async def test_a_cancelled_caller_leaves_the_writer_well() -> None:
    gate, written = threading.Event(), []

    def insert(rows: Sequence[tuple[str, ...]]) -> None:
        gate.wait(10)
        written.extend(rows)

    writer = Writer(insert)
    task = asyncio.create_task(writer.write(("a",)))
    await asyncio.sleep(0.01)
    task.cancel()
    gate.set()
    await writer.write(("b",))
    assert written == [("a",), ("b",)]
    writer.close()


async def test_close_writes_what_is_queued(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    other = open_ledger()
    tasks = [asyncio.create_task(ledger.write(entry(str(number)))) for number in range(300)]
    await asyncio.sleep(0)
    await asyncio.to_thread(ledger.close)
    await asyncio.gather(*tasks)
    assert len(other.entries(limit=1000)) == 300
    with pytest.raises(StateUnusable):
        await ledger.write(entry("late"))


def test_a_closed_event_loop_stops_nobody_else(ledger: Ledger) -> None:
    async def leave() -> None:
        task = asyncio.create_task(ledger.write(entry("gone")))
        await asyncio.sleep(0)
        task.cancel()

    async def stay() -> None:
        await ledger.write(entry("here"))

    asyncio.run(leave())
    asyncio.run(stay())
    assert {one.key for one in ledger.entries()} == {"gone", "here"}


async def test_a_database_gone_wrong_is_said_not_awaited(ledger: Ledger) -> None:
    tamper(ledger, lambda connection: connection.execute(sa.text("ALTER TABLE entries RENAME TO elsewhere")))
    with pytest.raises(sa.exc.DBAPIError):
        await asyncio.wait_for(ledger.write(entry("a")), timeout=60)

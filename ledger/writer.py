"""Group commit: entries that arrive together share one transaction.

One thread owns the writing. A caller puts a row into the queue and awaits; the thread takes everything that
waits, commits it, and wakes all callers. At rest an entry is committed at once, alone; under load batches
grow and the cost of a commit is shared. On SQLite the first few of a turn of the event loop are written at
once, without the thread (`ledger/instant.py`). An error reaches exactly the callers whose rows were not written.
"""

import asyncio
import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import DataError, IntegrityError

from contracts.errors import StateUnusable
from ledger.instant import Instant

Row = tuple[str, ...]
Insert = Callable[[Sequence[Row]], None]

FEW = 16  # entries written at once in one turn of the loop: under a millisecond together
BATCH = 500  # rows in one transaction: bounds how long others wait for the write lock (about 10 ms)


@dataclass(frozen=True)
class Waiting:
    """A row and who waits for it."""

    row: Row
    loop: asyncio.AbstractEventLoop
    written: asyncio.Future[None]


class Writer:
    """Awaitable writes through one thread. The thread starts with the first write."""

    def __init__(self, insert: Insert, instant: Instant | None = None) -> None:
        """`insert` writes rows in one transaction and returns when they are durable.

        `instant` is tried first: it has written the row, or says that it would have had to wait.
        """
        self._insert = insert
        self._instant = instant
        self._queue: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self._this_turn = 0

    async def write(self, row: Row) -> None:
        loop = asyncio.get_running_loop()
        if self._among_few(loop) and self._instant is not None and self._instant.write(row):
            return
        waiting = Waiting(row, loop, loop.create_future())
        self._put(waiting)
        await waiting.written

    def _among_few(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Whether this is one of the first writes of this turn of the loop: more of them are cheaper together."""
        if self._closed or self._this_turn == FEW:
            return False
        if self._this_turn == 0:
            loop.call_soon(self._next_turn)
        self._this_turn += 1
        return True

    def _next_turn(self) -> None:
        self._this_turn = 0

    def close(self) -> None:
        """Write what is queued, then end. Later writes are refused."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            if self._instant is not None:
                self._instant.close()
            thread = self._thread
            self._queue.put(None)
        if thread is not None:
            thread.join()

    def _put(self, waiting: Waiting) -> None:
        with self._lock:
            if self._closed:
                raise StateUnusable("The ledger is closed; nothing more is written to it.")
            self._queue.put(waiting)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="ledger-writer", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        more = True
        while more:
            batch, more = self._take()
            if batch:
                self._write(batch)

    def _take(self) -> tuple[list[Waiting], bool]:
        """Wait for one, then take what else is there. False: that was the last."""
        batch: list[Waiting] = []
        item = self._queue.get()
        while item is not None:
            batch.append(item)
            if len(batch) == BATCH:
                return batch, True
            try:
                item = self._queue.get_nowait()
            except queue.Empty:
                return batch, True
        return batch, False

    def _write(self, batch: list[Waiting]) -> None:
        try:
            self._insert([waiting.row for waiting in batch])
        except (DataError, IntegrityError) as error:
            self._write_singly(batch, error)
        except BaseException as error:
            _wake(batch, error)
        else:
            _wake(batch, None)

    def _write_singly(self, batch: list[Waiting], error: Exception) -> None:
        """One row that the database refuses must not fail the others of its batch."""
        if len(batch) == 1:
            _wake(batch, error)
        else:
            for waiting in batch:
                self._write([waiting])


def _wake(batch: list[Waiting], error: BaseException | None) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = defaultdict(list)
    for waiting in batch:
        by_loop[waiting.loop].append(waiting.written)
    for loop, futures in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, futures, error)
        except RuntimeError:
            continue  # that event loop was closed: nobody waits there any more


def _settle(futures: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for future in futures:
        if future.done():
            continue  # whoever waited was cancelled; the entry is written all the same
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)

"""A folder of things that take long to make and that many share: kept while used, and then for a while.

Two locks, both dropped by the kernel however a process ends. `NAME.lock`: one at a time makes, changes or removes
the thing NAME. The thing's own folder, shared: somebody uses it, so it is not removed.
"""

import asyncio
import contextlib
import fcntl
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import TookTooLong

KEEP_DAYS = 30.0
KEEP_BYTES = 20 << 30
PRUNE_SECONDS = 3600
FIRST_LOOK, LAST_LOOK = 0.01, 0.2
UNFINISHED = ".away-"


@dataclass(frozen=True)
class Kept:
    """One thing: its size in bytes, seconds since its last use, and whether somebody uses it now."""

    name: str
    path: Path
    bytes: int
    age: float
    in_use: bool


class Shelf:
    """The things in one folder. Other processes may use the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @asynccontextmanager
    async def alone(self, path: Path, wait: float = 600) -> AsyncIterator[None]:
        """Hold the right to make or change a thing. Raises TookTooLong when somebody else has it for so long."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(path).open("a") as lock:
            await _locked(lock.fileno(), path.name, wait)
            yield

    def use(self, path: Path) -> int:
        """A descriptor; until it is closed the thing stays. Raises FileNotFoundError."""
        while True:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH)
                if os.fstat(descriptor).st_ino == path.stat().st_ino:
                    os.utime(_lock(path))
                    return descriptor
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)  # another one took its place meanwhile

    def fresh(self) -> Path:
        """A new folder to make a thing in, for `put`."""
        path = self.folder / f"{UNFINISHED}{secrets.token_hex(6)}"
        path.mkdir(mode=0o700)
        return path

    def put(self, fresh: Path, path: Path) -> None:
        """What was made, in its place, in one step. Who uses one that was there keeps it. Hold it `alone`."""
        away = self._away(path) if path.exists() else None
        fresh.rename(path)
        if away:
            shutil.rmtree(away, ignore_errors=True)

    def kept(self) -> list[Kept]:
        """All things, the one that was used last first."""
        found = []
        for lock in self.folder.glob("[!.]*.lock"):
            path = lock.with_name(lock.name.removesuffix(".lock"))
            with contextlib.suppress(FileNotFoundError):
                if path.is_dir():
                    age = max(0.0, time.time() - lock.stat().st_mtime)
                    found.append(Kept(path.name, path, _size(path), age, _is_used(path)))
        return sorted(found, key=lambda each: each.age)

    def prune(
        self, *, days: float = KEEP_DAYS, total: int = KEEP_BYTES, needed: Callable[[Path], bool] = lambda path: False
    ) -> list[str]:
        """Remove what wasn't used for so many days, and the least recently used while all are larger than `total`.

        Never one that is used or made now, or that is `needed`. Returns the names.
        """
        for left in self.folder.glob(f"{UNFINISHED}*"):  # by a process that died
            with contextlib.suppress(FileNotFoundError):
                if time.time() - left.stat().st_ctime > PRUNE_SECONDS:
                    shutil.rmtree(left, ignore_errors=True)
        gone, sum_of_all = [], 0
        for each in self.kept():
            sum_of_all += each.bytes
            if (each.age > days * 86_400 or sum_of_all > total) and self._remove(each.path, needed):
                sum_of_all -= each.bytes
                gone.append(each.name)
        return gone

    def is_due(self) -> bool:
        """Whether nobody pruned within the hour; asking says that the caller does."""
        stamp = self.folder / ".pruned"
        with contextlib.suppress(FileNotFoundError):
            if time.time() - stamp.stat().st_mtime < PRUNE_SECONDS:
                return False
        stamp.touch()
        return True

    def _remove(self, path: Path, needed: Callable[[Path], bool]) -> bool:
        with _lock(path).open("a") as lock:
            try:
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            with contextlib.suppress(OSError):
                descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
                try:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    if needed(path):
                        return False
                    away = self._away(path)
                finally:
                    os.close(descriptor)
                shutil.rmtree(away, ignore_errors=True)
                return True
        return False

    def _away(self, path: Path) -> Path:
        away = self.folder / f"{UNFINISHED}{secrets.token_hex(6)}"
        path.rename(away)
        return away


def _lock(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


async def _locked(descriptor: int, name: str, wait: float) -> None:
    deadline, pause = time.monotonic() + wait, FIRST_LOOK
    while True:
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                break
            await asyncio.sleep(pause)
            pause = min(pause * 2, LAST_LOOK)
    raise TookTooLong(
        f"Another run has been making {name!r} for {wait:.0f} seconds.",
        subject=name,
        way_out="Wait for it, or stop it.",
    )


def _is_used(path: Path) -> bool:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _size(folder: Path) -> int:
    """What removing it would give back, nearly: a file with several names is counted as a share."""
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            status = path.lstat()
            total += status.st_blocks * 512 // status.st_nlink if not path.is_dir() else status.st_blocks * 512
    return total

"""Bare mirrors of this host: one for each URL, shared by all runs, kept while used and then for a while.

Two locks, both dropped by the kernel however a process ends. `NAME.lock`: one at a time fetches, rebuilds or
removes. The folder itself, shared: somebody reads it, so it is not removed.
"""

import asyncio
import contextlib
import fcntl
import hashlib
import os
import re
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from contracts.errors import TookTooLong

WAIT_SECONDS = 600
KEEP_DAYS = 30.0
KEEP_BYTES = 20 << 30
PRUNE_SECONDS = 3600
OUTSIDE = ".away-"


@dataclass(frozen=True)
class Kept:
    """One mirror: its size in bytes, seconds since it was last brought, and whether somebody reads it now."""

    name: str
    path: Path
    bytes: int
    age: float
    in_use: bool


class Mirrors:
    """The mirrors in one folder. Other processes may use the same."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def at(self, url: str) -> Path:
        """Where a URL's mirror is: the name says what it is and can't clash."""
        words = re.sub(r"[^A-Za-z0-9.-]+", "-", url.split("://")[-1].split("@")[-1]).strip("-.")[-60:]
        return self.folder / f"{words}-{hashlib.sha256(url.encode()).hexdigest()[:16]}.git"

    @asynccontextmanager
    async def alone(self, mirror: Path) -> AsyncIterator[None]:
        """Hold the right to change one. Whoever held it and died left git's own locks behind; they are removed."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with mirror.with_suffix(".lock").open("w") as lock:
            await _locked(lock.fileno(), mirror)
            mirror.mkdir(exist_ok=True)
            for stale in [*mirror.glob("*.lock"), *mirror.glob("refs/**/*.lock")]:
                stale.unlink(missing_ok=True)
            yield

    @contextmanager
    def reading(self, mirror: Path) -> Iterator[None]:
        """While this is held the mirror stays. Take it while `alone`."""
        descriptor = os.open(mirror, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            os.utime(mirror.with_suffix(".lock"))
            yield
        finally:
            os.close(descriptor)

    def kept(self) -> list[Kept]:
        """All mirrors, the one that was used last first."""
        found = []
        for mirror in self.folder.glob("[!.]*.git"):
            with contextlib.suppress(FileNotFoundError):
                age = time.time() - mirror.with_suffix(".lock").stat().st_mtime
                found.append(Kept(mirror.name, mirror, _size(mirror), max(0.0, age), _is_read(mirror)))
        return sorted(found, key=lambda kept: kept.age)

    def prune(self, *, days: float = KEEP_DAYS, total: int = KEEP_BYTES) -> list[str]:
        """Remove what wasn't used for so many days, and the least recently used while all are larger than `total`.

        Never one that is read or fetched now. Returns the names.
        """
        for left in self.folder.glob(f"{OUTSIDE}*"):  # by a process that died while it made or removed them
            if time.time() - left.stat().st_ctime > PRUNE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
        gone, sum_of_all = [], 0
        for each in self.kept():
            sum_of_all += each.bytes
            if (each.age > days * 86_400 or sum_of_all > total) and not each.in_use and self._remove(each.path):
                sum_of_all -= each.bytes
                gone.append(each.name)
        return gone

    def _remove(self, mirror: Path) -> bool:
        with mirror.with_suffix(".lock").open("a") as lock:
            try:
                fcntl.flock(lock.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            if _is_read(mirror):
                return False
            shutil.rmtree(self._away(mirror), ignore_errors=True)
            return True

    def prune_sometimes(self) -> None:
        """Prune, unless somebody did within the hour."""
        stamp = self.folder / ".pruned"
        with contextlib.suppress(FileNotFoundError):
            if time.time() - stamp.stat().st_mtime < PRUNE_SECONDS:
                return
        stamp.touch()
        self.prune()

    def swap(self, fresh: Path, mirror: Path) -> None:
        """Put a new one in a damaged one's place; who has the old one open keeps it. Hold it `alone`."""
        away = self._away(mirror)
        fresh.rename(mirror)
        shutil.rmtree(away, ignore_errors=True)

    def _away(self, mirror: Path) -> Path:
        away = self.folder / f"{OUTSIDE}{secrets.token_hex(6)}"
        mirror.rename(away)
        return away

    def fetched(self, mirror: Path) -> float:
        """When the last complete fetch began, by the clock of `time.time`; 0 if none ended well since."""
        with contextlib.suppress(OSError, ValueError):
            return float(mirror.with_suffix(".fetched").read_text())
        return 0.0

    def note_fetch(self, mirror: Path, began: float) -> None:
        """0: a fetch begins, or a reader found damage. A mirror whose note stays like this is looked at first."""
        mirror.with_suffix(".fetched").write_text(str(began))


def _is_read(mirror: Path) -> bool:
    try:
        descriptor = os.open(mirror, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _size(folder: Path) -> int:
    total = 0
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):
            total += path.lstat().st_blocks * 512
    return total


async def _locked(descriptor: int, mirror: Path) -> None:
    for _ in range(WAIT_SECONDS * 5):
        try:
            return fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            await asyncio.sleep(0.2)
    raise TookTooLong(
        f"Another run has been fetching {mirror.name!r} for {WAIT_SECONDS} seconds.",
        subject=mirror.name,
        way_out="Wait for it, or stop it.",
    )

"""How much of the host's memory its machines may take, counted over all workers of this host.

Each machine has a file that its worker keeps locked, with the size in its name. The kernel drops the lock of a
process that dies, however it dies, so what can be locked is room again.
"""

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from contracts.errors import NoRoom, SandboxUnavailable

Place = int  # a locked descriptor


class Room:
    """Memory for machines in `folder`, `limit` bytes in all. Nothing is made before the first `take`."""

    def __init__(self, folder: Path, limit: int) -> None:
        self.folder, self.limit = folder, limit

    def take(self, size: int) -> Place:
        """Room for a machine of `size` bytes. NoRoom: for now. SandboxUnavailable: never on this host."""
        if size > self.limit:
            raise SandboxUnavailable(
                f"The machine asks for {size >> 20:,} MiB, and this host gives its machines {self.limit >> 20:,} MiB.",
                subject=str(size),
                way_out="Lower the policy's memory_bytes, or raise COUNTERSIGN_MACHINES_MEMORY_BYTES.",
            )
        with self._alone():
            free = self.limit - sum(self._taken())
            if size > free:
                raise NoRoom(f"{free >> 20:,} MiB of {self.limit >> 20:,} are free, and it takes {size >> 20:,}.")
            return _locked(self.folder / f"{secrets.token_hex(6)}-{size}")

    def give(self, place: Place) -> None:
        """Nobody needs it any more; the file goes with the next look."""
        os.close(place)

    def free(self) -> int:
        """Bytes that nobody has taken."""
        with self._alone():
            return self.limit - sum(self._taken())

    def _taken(self) -> Iterator[int]:
        for path in self.folder.glob("*-*"):
            try:
                os.close(_locked(path))
            except BlockingIOError:
                yield int(path.name.partition("-")[2])
            else:
                path.unlink(missing_ok=True)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(parents=True, exist_ok=True)
        with (self.folder / ".lock").open("w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _locked(path: Path) -> int:
    descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor

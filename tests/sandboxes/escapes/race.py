"""The race that looking first and opening afterwards loses: a folder becomes a link while a path is walked."""

# ruff: noqa: PTH104 (a path object for each rename would halve the race)

import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sandboxes import beneath
from sandboxes.bubblewrap import BubblewrapSandbox

ATTEMPTS_A_TURN = 500


def prepare(work: Path, outside: Path) -> None:
    """`real/file` says inside; `link` leads to a folder whose `file` says outside."""
    (outside / "file").write_bytes(b"outside")
    (work / "real").mkdir()
    (work / "real" / "file").write_bytes(b"inside")
    (work / "link").symlink_to(outside)


@contextmanager
def swapped(work: Path) -> Iterator[None]:
    """Folder and link change places as fast as they can. In a process of its own: threads share one lock."""
    child = os.fork()
    if child == 0:
        try:
            os.chdir(work)
            while os.getppid() != 1:
                os.rename("real", "aside")
                os.rename("link", "real")
                os.rename("real", "link")
                os.rename("aside", "real")
        finally:
            os._exit(0)
    try:
        yield
    finally:
        os.kill(child, 9)
        os.waitpid(child, 0)


def attempt(folder: int) -> str:
    """One try to read, by the very function that the sandbox's `read` uses."""
    try:
        descriptor = beneath.open_beneath(folder, "real/file", os.O_RDONLY | os.O_NONBLOCK)
    except OSError:
        return "refused"
    try:
        return os.read(descriptor, 16).decode()
    finally:
        os.close(descriptor)


async def swapping(box: BubblewrapSandbox, outside: Path, *, seconds: float, most: int = 1 << 40) -> Counter[str]:
    """How often each outcome came, until the time is up or there were `most` attempts."""
    prepare(box.place, outside)
    counts: Counter[str] = Counter()
    end = time.monotonic() + seconds
    with swapped(box.place):
        while time.monotonic() < end and counts.total() < most:
            for _ in range(ATTEMPTS_A_TURN):
                counts[attempt(box._work)] += 1
    return counts

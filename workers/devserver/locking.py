"""A lock between processes, held by the kernel: it cannot be left behind by a crash."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path


@asynccontextmanager
async def file_lock(path: Path, *, on_wait: Callable[[], None] = lambda: None) -> AsyncIterator[None]:
    """Hold `path` exclusively. `on_wait` is called once if somebody else holds it now."""
    with path.open("a") as handle:
        told = False
        while not _try(handle.fileno()):
            if not told:
                on_wait()
                told = True
            await asyncio.sleep(0.2)
        yield


def _try(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True

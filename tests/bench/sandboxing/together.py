"""Many alive at once, each with a command that runs."""

import asyncio
import statistics
import time
from pathlib import Path
from typing import Any

from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Sandbox


async def together(provider: Bubblewrap, count: int) -> dict[str, float]:
    """Seconds until all run, and until all are gone; MB of memory each; what is left: folders, mounts and cgroups."""
    running = asyncio.Semaphore(0)
    commands: list[asyncio.Task[Any]] = []

    async def one() -> Sandbox:
        box = await provider.create(SandboxPolicy())
        argv = ["sh", "-c", "echo on; exec sleep 600"]
        commands.append(asyncio.create_task(box.exec(argv, on_stdout=lambda _: running.release())))
        return box

    before = time.perf_counter()
    boxes = await asyncio.gather(*(one() for _ in range(count)))
    for _ in range(count):
        await running.acquire()
    up = time.perf_counter() - before
    memory = [each["memory"] or 0 for each in provider.alive()]
    before = time.perf_counter()
    await asyncio.gather(*(box.destroy() for box in boxes))
    gone = time.perf_counter() - before
    await asyncio.gather(*commands, return_exceptions=True)
    return {
        "count": count,
        "up_s": round(up, 2),
        "gone_s": round(gone, 2),
        "mb_each": round(statistics.mean(memory) / 1e6, 2),
        "left": _left(provider, [box.id for box in boxes]),
    }


def _left(provider: Bubblewrap, names: list[str]) -> int:
    """What still bears the name of one of them: alive, mounted, a cgroup or a folder."""
    mounts = Path("/proc/self/mounts").read_text()
    hierarchies = provider.check().hierarchies
    folders = [folder for name in names for folder in (hierarchies.at(name).folders if hierarchies else [])]
    boxes = [provider.folder / "boxes" / name for name in names]
    return len(provider.alive()) + sum(name in mounts for name in names) + sum(f.exists() for f in [*folders, *boxes])

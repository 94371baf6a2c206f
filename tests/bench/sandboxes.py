"""How long a sandbox takes, beside a bare subprocess measured in the same run.

`python -m tests.bench.sandboxes [repetitions]` prints one JSON line. `cycle_ms`: create, run `true`, destroy.
`exec_ms`: run `true` in a live one. `write_read_ms`: a small file in and out. Figures are milliseconds.
"""

import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, choose
from sandboxes.bubblewrap import BubblewrapSandbox


async def bare() -> None:
    process = await asyncio.create_subprocess_exec(
        "/bin/true", stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    await process.communicate()


async def timed(work: Callable[[], Awaitable[Any]]) -> float:
    before = time.perf_counter()
    await work()
    return (time.perf_counter() - before) * 1000


def summary(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "p95": round(statistics.quantiles(values, n=20)[-1], 2),
        "best": round(min(values), 2),
    }


async def measure(provider: Bubblewrap, repetitions: int) -> dict[str, Any]:
    """Interleaved, so that whatever else the machine does falls on all of them alike."""

    async def cycle() -> None:
        async with await provider.create(SandboxPolicy()) as fresh:
            await fresh.exec(["true"])

    async with await provider.create(SandboxPolicy()) as box:
        works: dict[str, Callable[[], Awaitable[Any]]] = {
            "bare_ms": bare,
            "exec_ms": lambda: box.exec(["true"]),
            "cycle_ms": cycle,
            "write_read_ms": lambda: write_read(box),
        }
        taken: dict[str, list[float]] = {name: [] for name in works}
        for round_number in range(repetitions + 3):
            for name, work in works.items():
                value = await timed(work)
                if round_number >= 3:
                    taken[name].append(value)
    return {name: summary(values) for name, values in taken.items()}


async def write_read(box: BubblewrapSandbox) -> None:
    await box.write("file", b"x" * 4096)
    await box.read("file")


async def main(repetitions: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        figures = await measure(choose(Path(folder)), repetitions)
    ratio = figures["exec_ms"]["median"] / figures["bare_ms"]["median"]
    print(json.dumps({"bubblewrap": {**figures, "ratio_to_bare": round(ratio, 2)}, "repetitions": repetitions}))


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else 60))

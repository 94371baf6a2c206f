"""Times of works that take turns, so that whatever else the machine does falls on all of them alike."""

import asyncio
import statistics
import time
from collections.abc import Awaitable, Callable
from typing import Any

WARM_UP, FEW = 2, 5
LONGEST = 30.0

Work = Callable[[], Awaitable[float]]
Figures = dict[str, dict[str, float]]


async def timed(work: Awaitable[Any]) -> float:
    """Milliseconds."""
    before = time.perf_counter()
    await work
    return (time.perf_counter() - before) * 1000


async def bare(*argv: str, cwd: str | None = None) -> int:
    """A subprocess of the host, its output read: the exit code."""
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*argv, stdout=pipe, stderr=pipe, cwd=cwd)
    await process.communicate()
    assert process.returncode is not None
    return process.returncode


def summary(values: list[float]) -> dict[str, float]:
    return {
        "median": round(statistics.median(values), 2),
        "p95": round(statistics.quantiles(values, n=20)[-1], 2),
        "best": round(min(values), 2),
        "count": len(values),
    }


async def measured(works: dict[str, Work], repetitions: int, *, seconds: float = LONGEST) -> Figures:
    """Each work so often, in turns, after a few that are not counted. One that took so many seconds in all, and was
    measured a few times, is left out from then on: `count` tells."""
    taken: dict[str, list[float]] = {name: [] for name in works}
    for turn in range(repetitions + WARM_UP):
        for name, work in works.items():
            if len(taken[name]) >= FEW and sum(taken[name]) > seconds * 1000:
                continue
            value = await work()
            if turn >= WARM_UP:
                taken[name].append(value)
    return {name: summary(values) for name, values in taken.items()}


def ratio(figures: Figures, name: str, to: str) -> float:
    return round(figures[name]["median"] / figures[to]["median"], 2)

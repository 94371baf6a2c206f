"""Tests that mostly wait do so side by side: each in a lane, an installation that nobody else disturbs."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeVar

Lane = TypeVar("Lane")


@asynccontextmanager
async def side_by_side(
    lanes: Iterable[Lane], work: Callable[[Lane, str], Awaitable[None]], names: Iterable[str]
) -> AsyncIterator[dict[str, "asyncio.Task[None]"]]:
    """`work` of each name on its way, in order, as soon as a lane is free. A test waits for its own."""
    free: asyncio.Queue[Lane] = asyncio.Queue()
    for lane in lanes:
        free.put_nowait(lane)

    async def done(name: str) -> None:
        lane = await free.get()
        try:
            await work(lane, name)
        finally:
            free.put_nowait(lane)

    tasks = {name: asyncio.create_task(done(name)) for name in names}
    try:
        yield tasks
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)

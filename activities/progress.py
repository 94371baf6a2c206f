"""A readable sentence of how far a long activity is, sent as its heartbeat each half second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

EVERY = 0.5


class Progress:
    """Set `says` as often as you like: only the newest sentence is sent."""

    def __init__(self, says: str) -> None:
        self.says = says

    async def beat(self) -> None:
        while True:
            activity.heartbeat(self.says)
            await asyncio.sleep(EVERY)


@asynccontextmanager
async def progress(says: str) -> AsyncIterator[Progress]:
    """Heartbeats for as long as the block runs. Outside an activity there is nobody to tell."""
    told = Progress(says)
    if not activity.in_activity():
        yield told
        return
    beating = asyncio.create_task(told.beat())
    try:
        yield told
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating

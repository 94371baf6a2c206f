"""A readable sentence of how far a long activity is, sent as its heartbeat each half second.

With it go the references of what is done already, in `kept`: the next attempt is told them, and goes on from there.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from temporalio import activity

EVERY = 0.5


class Progress:
    """Set `says` as often as you like: only the newest sentence is sent. `kept` is short: texts, such as references."""

    def __init__(self, says: str) -> None:
        self.says = says
        self.kept: tuple[str, ...] = ()

    def beat_once(self) -> None:
        """Now, and not in half a second: what was just kept must not be lost. Outside an activity nobody is told."""
        if activity.in_activity():
            activity.heartbeat(self.says, *self.kept)

    async def beat(self) -> None:
        while True:
            self.beat_once()
            await asyncio.sleep(EVERY)


@asynccontextmanager
async def progress(says: str) -> AsyncIterator[Progress]:
    """Heartbeats for as long as the block runs. Outside an activity there is nobody to tell."""
    told = Progress(says)
    if not activity.in_activity():
        yield told
        return
    told.kept = tuple(each for each in activity.info().heartbeat_details[1:] if isinstance(each, str))
    beating = asyncio.create_task(told.beat())
    try:
        yield told
    finally:
        beating.cancel()
        with suppress(asyncio.CancelledError):
            await beating

"""The effects' worker looks at the register all the time, so that what is deleted later was seen."""

import asyncio

from contracts.errors import CountersignError
from ledger import Ledger

EVERY = 2.0  # seconds


async def remember(ledger: Ledger) -> None:
    """Take in what the register says, until cancelled. What can't be read now is read later: each effect asks anew."""
    while True:
        try:
            await asyncio.to_thread(ledger.known)
        except CountersignError as error:
            print(f"The register can't be read: {error}", flush=True)
        await asyncio.sleep(EVERY)

"""What the effects' process does while effects are stopped: it waits, and cuts off what may be cut off."""

import asyncio
from collections.abc import Coroutine
from typing import Any

from temporalio import activity

from activities.effects.kinds import Facts
from contracts.errors import EffectsStopped, LedgerUnavailable
from ledger import Ledger

LOOK = 0.25  # seconds between two looks at the switch while something acts
HELD_LOOK = 1.0  # and while it is held
PATIENCE = 240.0  # seconds that an attempt waits: well within its time, with enough left to act in


async def until_started(ledger: Ledger, held: EffectsStopped) -> None:
    """Wait until effects go on. Raises `held` when the attempt has waited long, or its worker is about to end: then
    the next attempt goes on waiting."""
    deadline = asyncio.get_running_loop().time() + PATIENCE
    while await _stopped(ledger):
        if asyncio.get_running_loop().time() >= deadline or _ending():
            raise held
        await asyncio.sleep(HELD_LOOK)


async def cut_off_when_stopped(ledger: Ledger, act: Coroutine[Any, Any, Facts]) -> Facts | None:
    """What `act` gives; None when effects were stopped meanwhile and it was cancelled before its end."""
    acting = asyncio.ensure_future(act)
    watching = asyncio.ensure_future(_until_stopped(ledger))
    try:
        await asyncio.wait({acting, watching}, return_when=asyncio.FIRST_COMPLETED)
        if acting.done():
            return acting.result()
        acting.cancel()
        await asyncio.wait({acting})
        return None if acting.cancelled() else acting.result()
    finally:  # also where this activity itself is cancelled: nothing is left that acts
        watching.cancel()
        acting.cancel()
        await asyncio.wait({acting, watching})


async def _until_stopped(ledger: Ledger) -> None:
    while not await _stopped(ledger):  # noqa: ASYNC110 - the switch is in the database, thrown by another process
        await asyncio.sleep(LOOK)


async def _stopped(ledger: Ledger) -> bool:
    """A database that is away says nothing new: whoever begins or ends an effect needs it anyway."""
    try:
        return (await asyncio.to_thread(ledger.effect_switch)).stopped
    except LedgerUnavailable:
        return False


def _ending() -> bool:
    return activity.in_activity() and activity.is_worker_shutdown()

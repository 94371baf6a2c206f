"""The comparison with Temporal's histories that nobody has to ask for: by the agents' worker, time after time.

Each looks at what has ended since the last that found no gap, so a gap is told of until it is gone.
"""

import asyncio
import logging
import random
from datetime import UTC, datetime, timedelta

from pydantic import JsonValue
from temporalio.client import Client
from temporalio.service import RPCError

from console.words import count
from contracts.errors import CountersignError
from contracts.records import RECONCILED, StoredEntry
from ledger import Ledger
from workers.notes import system_entry
from workers.reconciling import Reconciled, reconcile

OVERLAP = timedelta(minutes=10)  # what ended then may not have been listed yet, or was too young to be judged
APART = 0.1  # of the time between two, at random: of several workers the first does it for all
FIRST = timedelta(minutes=1)  # after a start, when what a dead worker left has been taken on again

log = logging.getLogger(__name__)


async def sweep(client: Client, ledger: Ledger, every: timedelta) -> None:
    """Compare every so often, until cancelled. An error is logged and does not end it."""
    await asyncio.sleep(min(FIRST, every).total_seconds())
    while True:
        try:
            wait = await sweep_once(client, ledger, every)
        except (CountersignError, RPCError, OSError) as error:
            log.warning("The comparison with Temporal's histories is tried again after: %s", error)
            wait = every
        await asyncio.sleep(wait.total_seconds() * (1 + APART * random.random()))  # noqa: S311


async def sweep_once(client: Client, ledger: Ledger, every: timedelta) -> timedelta:
    """Compare, if nobody has in that time. Gives how long to wait for the next."""
    last = await asyncio.to_thread(newest, ledger)
    if last and (left := last.finished_at + every - datetime.now(UTC)) > timedelta(0):
        return left
    began = datetime.now(UTC)
    since = await asyncio.to_thread(clean_until, ledger, last)
    done = await reconcile(client, ledger, lambda _: None, since=since, mend=True)
    await asyncio.to_thread(note, ledger, done, began, since)
    return every


def newest(ledger: Ledger) -> StoredEntry | None:
    """The last comparison's entry."""
    return next(iter(ledger.entries(kind="system", words=RECONCILED, limit=1, newest_first=True)), None)


def clean_until(ledger: Ledger, last: StoredEntry | None) -> datetime | None:
    """From when on to look. None: at all, since none has been without a gap, or the last was of an older release."""
    told = last.facts.get("clean_until") if last else None
    return datetime.fromisoformat(str(told)) - OVERLAP if told else None


def note(ledger: Ledger, done: Reconciled, began: datetime, since: datetime | None = None) -> None:
    """The result is an entry: the health page has it from there, and the next comparison where to begin."""
    clean = since + OVERLAP if since else None
    if not done.left:
        clean = began
    compared = f"The ledger was compared with Temporal's histories. {says(done)}"
    facts: dict[str, JsonValue] = {
        "runs": done.runs,
        "attempts": done.attempts,
        "decisions": done.decisions,
        "effects": done.effects,
        "mended": done.mended,
        "gaps": done.left,
        "since": since.isoformat() if since else "",
        "clean_until": clean.isoformat() if clean else "",
    }
    ledger.append(system_entry(RECONCILED, compared, facts, ok=not done.left))


def says(done: Reconciled) -> str:
    """In one line: what was compared, and what was found."""
    compared = ", ".join(
        [
            count(done.runs, "history", "histories"),
            f"{count(done.attempts, 'attempt')} of steps",
            count(done.decisions, "decision"),
            count(done.effects, "effect"),
        ]
    )
    mended = f" {count(done.mended, 'attempt was', 'attempts were')} written down as lost." if done.mended else ""
    return f"{compared}: {count(done.left, 'gap') if done.left else 'no gap'}.{mended}"

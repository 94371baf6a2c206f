"""`countersign demo-support`: a look at generated tickets, signed case by case, without a model or a key."""

import asyncio
import time
from pathlib import Path

from rich.console import Console

from contracts.proposal import Proposal
from contracts.support import SupportRequest
from workers.demo.chapters import ended, follow, leave, moved_on, open_proposals, start, verify
from workers.demo.stage import Narrator, Stage, fresh, open_stage, settings_for
from workers.demo.tickets import history, new, write

MOST_CASES = 12
PATIENCE = 60.0


async def demo_support(folder: Path, screen: Console, *, attended: bool) -> None:
    """Tell the story. `folder` is made afresh. Raises CountersignError where it can't go on."""
    began = time.monotonic()
    fresh(folder)
    narrator = Narrator(screen, folder / "processes.log")
    settings = settings_for(folder)
    narrator.chapter("Tickets of a shop that doesn't exist")
    waiting = new(24, burst=7)
    solved, tickets = write(folder / "solved.jsonl", history(200)), write(folder / "tickets.jsonl", waiting)
    narrator.tell(f"{solved}: 200 solved ones\n{tickets}: {len(waiting)} that wait, 7 of them of one morning's outage")
    narrator.tell("Generated for this demo: nobody wrote them.")
    narrator.chapter("Starting a Temporal server, two workers and the console")
    try:
        async with open_stage(settings, narrator, attended) as stage:
            narrator.tell(f"Inbox:       {settings.console_url}\nTemporal UI: {settings.ui}")
            narrator.chapter(f"countersign run support_triage {tickets.name} --history {solved.name}")
            run = await start(stage, "support_triage", SupportRequest(source=str(tickets), history=str(solved)))
            record = await follow(stage, run)
            narrator.tell(f"The look ended: {record.says}")
            for number in range(1, MOST_CASES + 1):
                proposal = await waited_for(stage, f"{run}-{number}", 5.0 if number > 1 else PATIENCE)
                if proposal is None or not await case(stage, proposal):
                    break
            written = Path(f"{tickets}.updates.jsonl")
            lines = written.read_text().splitlines() if written.exists() else []
            narrator.tell(f"\n{written.name} has {len(lines)} signed updates. Nothing was sent to anybody.")
            narrator.chapter("Stopping everything")
    finally:
        leave(narrator, folder)
    narrator.chapter("The log proves itself")
    verify(settings, narrator)
    narrator.tell(f"No model was asked. The demo took {time.monotonic() - began:.0f} seconds.")


async def case(stage: Stage, proposal: Proposal) -> bool:
    """One case to its end; False when nobody decided."""
    stage.narrator.chapter(proposal.title)
    record = await moved_on(stage, proposal)
    if record is None:
        return False
    ended(stage, record)
    return True


async def waited_for(stage: Stage, run: str, patience: float) -> Proposal | None:
    until = time.monotonic() + patience
    while time.monotonic() < until:
        if found := open_proposals(stage, run):
            return found[-1]
        await asyncio.sleep(0.2)
    return None

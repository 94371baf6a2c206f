"""What every demo does on its stage: start a run, follow it, have a person decide, prove the log, leave."""

import asyncio
import textwrap
import time
from pathlib import Path

import psutil
from pydantic import BaseModel

from contracts.errors import CountersignError
from contracts.proposal import Proposal
from contracts.records import EffectRecord, RunRecord
from workers import discovery, keys
from workers.cli import decisions, runs
from workers.cli.common import out
from workers.cli.following import now, print_new, temporal_link, watching
from workers.cli.show import print_proposal
from workers.demo.keyboard import enter_or
from workers.demo.stage import PERSON, Narrator, Stage
from workers.installation import open_ledger
from workers.settings import Settings

PATIENCE = 15 * 60  # seconds that the demo waits for a person
RUN_LIMIT = 600.0
MOST_SAID = 300  # characters of what a run says at its end


async def review(stage: Stage, proposal: Proposal) -> bool:
    """Show the proposal, and return when somebody has decided, here or in the browser; False if nobody did."""
    narrator = stage.narrator
    narrator.chapter("The proposal: nothing has left this computer yet")
    print_proposal(narrator.screen, proposal, full=False)
    if not stage.attended:
        narrator.tell("Nobody is at the keyboard, so the demo person signs exactly what was shown above.")
        await sign(stage, proposal)
        return True
    token, _ = keys.invite(stage.settings, stage.here.ledger, PERSON, seconds=PATIENCE)
    narrator.tell(f"Open the inbox and decide there:  {stage.settings.console_url}/enter#{token}")
    narrator.tell(f"or press Enter here to sign: {proposal.button()}")
    narrator.tell(f"(Ctrl-C ends the demo. It waits {PATIENCE // 60} minutes; time alone approves nothing.)")
    ledger = stage.here.ledger

    def decided() -> bool:
        return ledger.proposal_record(proposal.digest).state != "open"

    heard = await enter_or(decided, narrator.tell, patience=PATIENCE)
    if heard == "enter":
        await sign(stage, proposal)
    return heard != "nothing"


async def sign(stage: Stage, proposal: Proposal) -> None:
    await decisions.send(stage.here, keys.sign(stage.settings, proposal, "approve"))


async def start(stage: Stage, workflow: str, request: BaseModel) -> str:
    """Start a run of a workflow, and say where it can be looked at. Gives its id."""
    run = await runs.start(stage.here, discovery.workflow_named(workflow), request)
    stage.narrator.tell(f"Started {run}\n{temporal_link(stage.settings, run)}")
    return run


def newest(stage: Stage, run: str) -> int:
    """The last entry of a run: what was on the screen before somebody decided."""
    return max((entry.id for entry in stage.here.ledger.entries(run=run)), default=0)


async def follow(stage: Stage, run: str, *, leaving: bool = False, after: int | None = None) -> RunRecord:
    """Print each activity as it happens, until the run waits or has ended.

    `leaving`: it waits now for what was decided already, and is followed until it moves on. `after`: the entry
    from which on; what happened while somebody signed is told, too.
    """
    deadline = time.monotonic() + RUN_LIMIT
    seen = after if after is not None else newest(stage, run) if leaving else 0
    before = {each.digest for each in open_proposals(stage, run)} if leaving else set()
    with now(out) as shown:
        async with watching(stage.here.client, run, shown) as started:
            while time.monotonic() < deadline:
                record = stage.here.ledger.run(run)
                seen = print_new(stage.here, [run, *sorted(started)], seen, shown)
                if record.state not in ("running", "waiting"):
                    return record
                if record.state == "waiting" and {each.digest for each in open_proposals(stage, run)} - before:
                    return record
                await asyncio.sleep(0.1)
    raise CountersignError(f"The run {run} took over {RUN_LIMIT:.0f} seconds.", subject=run)


async def decided(stage: Stage, run: str, record: RunRecord) -> EffectRecord | None:
    """Have each proposal of a run reviewed, to its end. Its effect; None when nobody approved."""
    over = await to_its_end(stage, run, record)
    if over is None:
        stage.narrator.tell(f"Nobody decided in {PATIENCE // 60} minutes, so nothing was committed.")
        return None
    return only_effect(stage, run) if over.state == "done" else None


async def to_its_end(stage: Stage, run: str, record: RunRecord) -> RunRecord | None:
    """Have each proposal of a run reviewed, and say how it ended; None when nobody decided."""
    while record.state == "waiting":
        moved = await moved_on(stage, waiting(stage, run))
        if moved is None:
            return None
        record = moved
    if record.state == "failed":
        raise CountersignError(f"The run failed: {record.says}", subject=run)
    ended(stage, record)
    return record


async def moved_on(stage: Stage, proposal: Proposal) -> RunRecord | None:
    """Have a proposal reviewed, and follow its run until it waits again or has ended; None when nobody decided."""
    after = newest(stage, proposal.run)
    if not await review(stage, proposal):
        return None
    return await follow(stage, proposal.run, leaving=True, after=after)


def ended(stage: Stage, record: RunRecord) -> None:
    """How a run ended. What many effects did was a line each already."""
    stage.narrator.tell(f"The run ended: {record.state}. {textwrap.shorten(record.says, MOST_SAID, placeholder=' …')}")


def open_proposals(stage: Stage, run: str) -> list[Proposal]:
    ledger = stage.here.ledger
    return [ledger.proposal(each.digest) for each in ledger.proposals(state="open", run=run)]


def waiting(stage: Stage, run: str) -> Proposal:
    return open_proposals(stage, run)[-1]


def only_effect(stage: Stage, run: str) -> EffectRecord:
    """The one effect of a run. More or fewer is an error."""
    effects = stage.here.ledger.effects(run=run)
    if len(effects) != 1 or effects[0].state != "done":
        states = [effect.state for effect in effects]
        raise CountersignError(f"The run should have one effect that is done, and has {states}.", subject=run)
    return effects[0]


def branch_of(effect: EffectRecord) -> str:
    return str(effect.outcome["branch"])


def verify(settings: Settings, narrator: Narrator) -> None:
    """With everything stopped: seal what is new, and check all of it."""
    ledger = open_ledger(settings, seals=True)
    try:
        ledger.seal()
        found = ledger.verify()
    finally:
        ledger.close()
    if not found.ok:
        raise CountersignError(f"The log does not verify: {'; '.join(found.problems)}", subject="ledger")
    narrator.tell(f"{found.entries} entries, all sealed under {found.heads} signed heads; none was changed or removed.")


def leave(narrator: Narrator, folder: Path) -> None:
    """Everything was stopped; say so only if it is so."""
    left = psutil.Process().children(recursive=True)
    narrator.tell(
        "Nothing is left running." if not left else f"Still running: {', '.join(str(each.pid) for each in left)}"
    )
    narrator.tell(f"To look around later: {folder} (ledger.db, processes.log, temporal/).")

"""`countersign demo`: the whole story on a real repository, in a state folder of its own.

One run from trigger to signed commit, then a second one whose processes are killed in the middle.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

import psutil
from rich.console import Console
from temporalio.api.enums.v1 import PendingActivityState

from contracts.changelog import ChangelogRequest
from contracts.errors import CountersignError
from contracts.proposal import Proposal
from contracts.records import EffectRecord, RunRecord
from contracts.steps import CHANGELOG_GATHER
from workers import discovery, keys
from workers.cli import decisions, runs
from workers.cli.screen import Diff
from workers.cli.show import print_proposal
from workers.demo.keyboard import enter_or
from workers.demo.repository import LOOK_BACK, clone_of, git, head_of, since
from workers.demo.stage import PERSON, Narrator, Stage, fault_file, fresh, open_stage, settings_for
from workers.installation import open_ledger
from workers.settings import Settings

PATIENCE = 15 * 60  # seconds that the demo waits for a person
RUN_LIMIT = 600.0


async def demo(repository: Path, folder: Path, screen: Console, *, attended: bool) -> None:
    """Tell the story. `folder` is made afresh; `attended`: a person at this terminal signs.

    Raises CountersignError where the story can't go on.
    """
    began = time.monotonic()
    head = head_of(repository)
    fresh(folder)
    narrator = Narrator(screen, folder / "processes.log")
    narrator.chapter("Starting a Temporal server, two workers and the console")
    settings = settings_for(folder)
    try:
        async with open_stage(settings, narrator, attended) as stage:
            narrator.tell(f"Inbox:       {settings.console_url}\nTemporal UI: {settings.ui}")
            narrator.chapter(f"First run: the changelog of {repository}")
            first = await first_run(stage, repository)
            if first is not None:
                await second_run(stage, repository, head)
            narrator.chapter("Stopping everything")
    finally:
        leave(narrator, folder)
    narrator.chapter("The log proves itself")
    verify(settings, narrator)
    if first is not None:
        show_commit(narrator, repository, first)
    narrator.tell(f"The demo took {time.monotonic() - began:.0f} seconds.")


async def first_run(stage: Stage, repository: Path) -> EffectRecord | None:
    """From trigger to commit; None when the person did not approve."""
    run = await start(stage, ChangelogRequest(repository=str(repository)))
    record = await follow(stage, run)
    if record.state == "nothing to do":
        stage.narrator.tell(f"{record.says} So the demo takes the last {LOOK_BACK} commits instead.")
        run = await start(stage, ChangelogRequest(repository=str(repository), since=since(repository)))
        record = await follow(stage, run)
    while record.state == "waiting":
        if not await review(stage, waiting(stage, run)):
            stage.narrator.tell(f"Nobody decided in {PATIENCE // 60} minutes, so nothing was committed.")
            return None
        record = await follow(stage, run, leaving=True)
    if record.state == "failed":
        raise CountersignError(f"The run failed: {record.says}", subject=run)
    stage.narrator.tell(f"The run ended: {record.state}. {record.says}")
    return only_effect(stage, run) if record.state == "done" else None


async def second_run(stage: Stage, repository: Path, head: str) -> None:
    """The same in a clone, with kill -9 of each worker at a bad moment."""
    narrator = stage.narrator
    narrator.chapter("Second run: kill -9 in the middle")
    clone = clone_of(repository, stage.settings.state / "second")
    run = await start(stage, ChangelogRequest(repository=str(clone), since=since(clone)))
    await kill_while_gathering(stage, run)
    record = await follow(stage, run)
    if record.state != "waiting":
        raise CountersignError(f"The second run did not come to its gate: {record.state}. {record.says}", subject=run)
    fault_file(stage.settings).unlink()
    narrator.tell("Signed. This time the effects worker is killed right after its commit, before it can note it.")
    await sign(stage, waiting(stage, run))
    await asyncio.wait_for(stage.supervisor.restarted("effects"), RUN_LIMIT)
    narrator.tell("It died with signal 9 and was started again. It asks the repository what happened.")
    record = await follow(stage, run, leaving=True)
    report_once(stage, run, clone, head, record)


async def kill_while_gathering(stage: Stage, run: str) -> None:
    """Kill the agents worker while its first activity runs, or right after, should that be quicker."""
    moment = "between two of its activities"
    while stage.here.ledger.run(run).state == "running":
        if await is_gathering(stage, run):
            moment = "while it reads the history"
            break
        await asyncio.sleep(0.01)
    pid = stage.supervisor.pid("agents")
    os.kill(pid, signal.SIGKILL)
    stage.narrator.tell(f"kill -9 {pid}: the agents worker is dead, {moment}.")
    await asyncio.wait_for(stage.supervisor.restarted("agents"), RUN_LIMIT)
    stage.narrator.tell(f"It was started again as process {stage.supervisor.pid('agents')}. The run goes on.")


async def is_gathering(stage: Stage, run: str) -> bool:
    """Whether the activity that reads the history has been taken by the worker and is not done."""
    description = await stage.here.client.get_workflow_handle(run).describe()
    return any(
        each.activity_type.name == CHANGELOG_GATHER.name
        and each.state == PendingActivityState.PENDING_ACTIVITY_STATE_STARTED
        for each in description.raw_description.pending_activities
    )


def report_once(stage: Stage, run: str, clone: Path, head: str, record: RunRecord) -> None:
    """Say how many effects and commits there are. Anything but one is an error."""
    effect = only_effect(stage, run)
    commits = git(clone, "rev-list", "--count", f"{head}..{branch_of(effect)}").strip()
    stage.narrator.tell(
        f"The run ended: {record.state}. Effects recorded: 1. Commits on {branch_of(effect)}: {commits}."
    )
    if commits != "1" or record.state != "done":
        raise CountersignError(f"There should be one commit, and there are {commits}.", subject=run)


async def review(stage: Stage, proposal: Proposal) -> bool:
    """Show the proposal, and return when somebody has decided, here or in the browser; False if nobody did."""
    narrator = stage.narrator
    narrator.chapter("The proposal: nothing has left this computer yet")
    print_proposal(narrator.screen, proposal, full=False)
    if not stage.attended:
        narrator.tell("Nobody is at the keyboard, so the demo person signs exactly what was shown above.")
        await sign(stage, proposal)
        return True
    token = stage.here.ledger.create_invitation(PERSON, seconds=PATIENCE)
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


async def start(stage: Stage, request: ChangelogRequest) -> str:
    run = await runs.start(stage.here, discovery.workflow_named("changelog"), request)
    stage.narrator.tell(f"Started {run}\n{runs.temporal_link(stage.settings, run)}")
    return run


async def follow(stage: Stage, run: str, *, leaving: bool = False) -> RunRecord:
    """Print each activity as it happens, until the run waits or has ended.

    `leaving`: it waits now for what was decided already, and is followed until it moves on.
    """
    deadline = time.monotonic() + RUN_LIMIT
    seen = max((entry.id for entry in stage.here.ledger.entries(run=run)), default=0) if leaving else 0
    before = {each.digest for each in open_proposals(stage, run)} if leaving else set()
    while time.monotonic() < deadline:
        record = stage.here.ledger.run(run)
        for entry in stage.here.ledger.entries(run=run, after=seen):
            if entry.name not in runs.ENDS:
                runs.print_entry(entry)
            seen = entry.id
        if record.state not in ("running", "waiting"):
            return record
        if record.state == "waiting" and {each.digest for each in open_proposals(stage, run)} - before:
            return record
        await asyncio.sleep(0.1)
    raise CountersignError(f"The run {run} took over {RUN_LIMIT:.0f} seconds.", subject=run)


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


def show_commit(narrator: Narrator, repository: Path, effect: EffectRecord) -> None:
    """The commit as git shows it, and how to take it back."""
    commit, branch = str(effect.outcome["commit"]), branch_of(effect)
    narrator.chapter(f"The commit on branch {branch}")
    shown = git(repository, "show", "--stat", "-p", "--no-ext-diff", "--no-textconv", "--no-color", commit)
    narrator.screen.print(Diff(shown), crop=False)
    narrator.tell(f"Your work tree was not touched. To remove the branch: git -C {repository} branch -D {branch}")


def leave(narrator: Narrator, folder: Path) -> None:
    """Everything was stopped; say so only if it is so."""
    left = psutil.Process().children(recursive=True)
    narrator.tell(
        "Nothing is left running." if not left else f"Still running: {', '.join(str(each.pid) for each in left)}"
    )
    narrator.tell(f"To look around later: {folder} (ledger.db, processes.log, temporal/).")

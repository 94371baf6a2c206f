"""`countersign demo`: the whole story on a real repository, in a state folder of its own.

One run from trigger to signed commit, then a second one whose processes are killed in the middle.
"""

import asyncio
import os
import signal
import time
from pathlib import Path

from rich.console import Console
from temporalio.api.enums.v1 import PendingActivityState

from contracts.changelog import ChangelogRequest
from contracts.errors import CountersignError
from contracts.records import EffectRecord, RunRecord
from contracts.steps import CHANGELOG_GATHER
from workers.cli.screen import Diff
from workers.demo.chapters import (
    RUN_LIMIT,
    branch_of,
    decided,
    follow,
    leave,
    only_effect,
    sign,
    start,
    verify,
    waiting,
)
from workers.demo.repository import LOOK_BACK, clone_of, git, head_of, since
from workers.demo.stage import Narrator, Stage, fault_file, fresh, open_stage, settings_for


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
    run = await start(stage, "changelog", ChangelogRequest(repository=str(repository)))
    record = await follow(stage, run)
    if record.state == "nothing to do":
        stage.narrator.tell(f"{record.says} So the demo takes the last {LOOK_BACK} commits instead.")
        run = await start(stage, "changelog", ChangelogRequest(repository=str(repository), since=since(repository)))
        record = await follow(stage, run)
    return await decided(stage, run, record)


async def second_run(stage: Stage, repository: Path, head: str) -> None:
    """The same in a clone, with kill -9 of each worker at a bad moment."""
    narrator = stage.narrator
    narrator.chapter("Second run: kill -9 in the middle")
    clone = clone_of(repository, stage.settings.state / "second")
    run = await start(stage, "changelog", ChangelogRequest(repository=str(clone), since=since(clone)))
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


def show_commit(narrator: Narrator, repository: Path, effect: EffectRecord) -> None:
    """The commit as git shows it, and how to take it back."""
    commit, branch = str(effect.outcome["commit"]), branch_of(effect)
    narrator.chapter(f"The commit on branch {branch}")
    shown = git(repository, "show", "--stat", "-p", "--no-ext-diff", "--no-textconv", "--no-color", commit)
    narrator.screen.print(Diff(shown), crop=False)
    narrator.tell(f"Your work tree was not touched. To remove the branch: git -C {repository} branch -D {branch}")

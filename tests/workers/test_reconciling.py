"""The ledger against Temporal's histories: what is whole, each kind of gap, and attempts whose worker died."""

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio import activity, workflow
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import WorkflowExecutionStatus
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker
from typer.testing import CliRunner

from console.findings import reconciled
from contracts.changelog import ChangelogRequest
from contracts.records import RunRecord
from tests.support.platform import Platform
from tests.workflows.test_changelog import small_repository
from workers.attempts import attempt_key
from workers.cli import app
from workers.gaps import Gap, contradicted, effects_apart, undecided, unheard, unsent, untold
from workers.histories import history
from workers.interceptors import LedgerInterceptor
from workers.probe import PROBE, probe
from workers.reconciling import OURS, Reconciled, outcomes_apart, reconcile, unended, vanished, write_lost
from workers.supervisor.children import settings_environment
from workers.sweeping import OVERLAP, clean_until, newest, note, sweep_once


async def compared(here: Platform, run: str) -> Reconciled:
    async with asyncio.timeout(60):
        while True:  # the server lists a run, and that it has ended, a little later
            done = await reconcile(here.client, here.ledger, lambda _: None, run=run)
            if done.runs and done.decisions:
                return done
            await asyncio.sleep(0.1)


async def decided(here: Platform, folder: Path) -> str:
    run = await here.start("changelog", ChangelogRequest(repository=str(small_repository(folder))))
    await here.decide(await here.waiting(run), "approve")
    await here.outcome(run)
    return run


async def test_a_run_from_start_to_effect_has_no_gap(here: Platform, tmp_path: Path) -> None:
    await probe(here.client, chains=1)
    done = await compared(here, await decided(here, tmp_path / "app"))
    assert done.gaps == []
    assert (done.runs, done.decisions) == (1, 1)
    assert done.attempts >= done.steps > 5
    looked_at = {each.workflow_type async for each in here.client.list_workflows(OURS)}
    assert "changelog" in looked_at
    assert PROBE not in looked_at, "it measures the server as everything starts, and writes nothing down"


async def test_each_kind_of_gap_is_named(here: Platform, tmp_path: Path) -> None:
    run = await decided(here, tmp_path / "app")
    [execution] = [each async for each in here.client.list_workflows(f"WorkflowId = '{run}'")]
    told, keys = await history(here.client, execution), here.ledger.entry_keys(run)
    steps = told.steps
    first = attempt_key(steps[0], 1)
    [gap] = untold(steps, keys - {first})
    assert gap.says == f"attempt 1 of {steps[0].activity_type} ({steps[0].activity_id}) has no entry"
    assert gap.entry is None, "it told the server that it went well, so its entry was there: nothing can make up for it"
    assert list(untold(steps, keys - {first} | {f"{first}/lost"})) == []
    [gap] = unheard(run, execution.run_id, steps[1:], keys)
    assert first in gap.says
    [gap] = unheard(run, execution.run_id, steps, {attempt_key(steps[0], 2)})
    assert gap.says.endswith(f"and Temporal knows of {steps[0].attempts}")
    [gap] = contradicted(steps, keys | {f"{first}/lost"})
    assert gap.says.endswith("is told of as lost, and Temporal heard of it")
    [decision] = told.decisions
    assert f"decision/{decision}" in keys
    [gap] = undecided(run, [decision, decision], keys - {f"decision/{decision}"})
    assert decision in gap.says
    assert list(undecided(run, [decision], {f"refusal/{decision}"})) == []
    [gap] = unsent(run, [], keys)
    assert gap.says == f"the decision {decision} is told of as taken, and never came to the run"


async def test_each_way_in_which_effects_and_ends_differ_is_named(here: Platform, tmp_path: Path) -> None:
    run = await decided(here, tmp_path / "app")
    [execution] = [each async for each in here.client.list_workflows(f"WorkflowId = '{run}'")]
    told, keys = await history(here.client, execution), here.ledger.entry_keys(run)
    [effect] = told.effects
    done = f"effect/{effect}/done"
    assert done in keys
    assert list(effects_apart(run, told.effects, keys)) == []
    [gap] = effects_apart(run, told.effects, keys - {done})
    assert gap.says == f"the effect {effect} was carried out, and no entry has it as done"
    [gap] = effects_apart(run, [], keys)
    assert gap.says == f"an entry has the effect {effect} as done, and Temporal does not"
    [gap] = effects_apart(run, told.effects, keys | {f"{done}/1764.5"})
    assert gap.says == f"the effect {effect} is told of as done 2 times"
    assert told.outcome is not None
    assert list(outcomes_apart(here.ledger, execution, told)) == []
    told.outcome = told.outcome.model_copy(update={"state": "rejected"})
    [gap] = outcomes_apart(here.ledger, execution, told)
    assert gap.says == "the run has ended as rejected, and its entry says done"


async def test_a_run_that_temporal_does_not_know_is_named_until_it_may_have_forgotten_it(here: Platform) -> None:
    now = datetime.now(UTC)
    for name, finished in (("kept", now), ("forgotten", now - timedelta(days=90)), ("open", None)):
        record = RunRecord(run=f"vanished-{name}", workflow="changelog", started_at=now - timedelta(days=100))
        here.ledger.start_run(record)
        if finished:
            here.ledger.update_run(record.run, state="done", finished_at=finished)
    try:
        found = [gap async for gap in vanished(here.client, here.ledger, None) if gap.run.startswith("vanished-")]
    finally:  # the watcher of the same installation ends the open one by itself
        here.ledger.update_run("vanished-kept", finished_at=now - timedelta(days=90))
        here.ledger.update_run("vanished-open", state="failed", finished_at=now - timedelta(days=90))
    assert [gap.run for gap in found] == ["vanished-kept", "vanished-open"]
    assert found[0].says == "Temporal does not know this run, and the ledger has its end as done"


async def test_a_run_that_the_ledger_holds_open_is_named(here: Platform) -> None:
    class Ended:
        id, status, close_time = "never-entered", WorkflowExecutionStatus.FAILED, datetime.now(UTC) - timedelta(hours=1)

    [gap] = unended(here.ledger, Ended())  # type: ignore[arg-type]
    assert gap == Gap("never-entered", "the run has ended, and the ledger does not have its end")
    Ended.close_time = datetime.now(UTC)
    assert list(unended(here.ledger, Ended())) == [], "who writes its end is given a minute"  # type: ignore[arg-type]


@workflow.defn(name="stumbles")
class Stumbles:
    """One step that is tried until it goes well."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("stumble", start_to_close_timeout=timedelta(seconds=60))


@dataclass
class Steps:
    """What the step does in one worker: it goes well, or falls silent like a worker that died."""

    dies: bool
    came: asyncio.Event = field(default_factory=asyncio.Event)

    @activity.defn(name="stumble")
    async def stumble(self) -> None:
        self.came.set()
        if self.dies:
            raise ApplicationError("nobody writes this down", next_retry_delay=timedelta(milliseconds=500))


def worker_of(here: Platform, steps: Steps) -> Worker:
    """One without the ledger's interceptor leaves no entry, as if it had died before."""
    return Worker(
        here.client,
        task_queue="stumbling",
        workflows=[Stumbles],
        activities=[steps.stumble],
        interceptors=[] if steps.dies else [LedgerInterceptor(here.ledger)],
        workflow_runner=UnsandboxedWorkflowRunner(),
    )


async def test_an_attempt_whose_worker_died_is_told_of_by_the_next(here: Platform) -> None:
    run = f"stumbles-{uuid.uuid4()}"
    dying = Steps(dies=True)
    async with worker_of(here, dying):
        handle = await here.client.start_workflow("stumbles", id=run, task_queue="stumbling")
        await dying.came.wait()
    async with worker_of(here, Steps(dies=False)):
        await handle.result()
    *gone, well = here.ledger.entries(run=run, kind="activity")
    assert [(entry.attempt, entry.outcome) for entry in gone] == [(n, "failed") for n in range(len(gone), 0, -1)]
    assert gone[0].says.startswith(f"Attempt {len(gone)} was lost: its worker died")
    assert (well.attempt, well.outcome) == (len(gone) + 1, "ok")


async def test_what_nobody_told_of_is_a_gap_and_what_was_lost_can_be_mended(here: Platform) -> None:
    run = f"stumbles-{uuid.uuid4()}"
    dying = Steps(dies=True)
    async with worker_of(here, dying):
        handle = await here.client.start_workflow("stumbles", id=run, task_queue="stumbling")
        await dying.came.wait()
        dying.dies = False
        await handle.result()
    found = await listed(here, run)
    *lost, last = found.gaps
    assert [gap.says.split(" (")[0] for gap in lost] == [f"attempt {n} of stumble" for n in range(1, len(lost) + 1)]
    assert write_lost(here.ledger, found.gaps) == len(lost) == found.attempts - 1 >= 1
    assert (await listed(here, run)).gaps == [last], "the last one told the server that it went well"


async def listed(here: Platform, run: str, *, runs: int = 1) -> Reconciled:
    """A run without a decision, once the server lists it."""
    async with asyncio.timeout(60):
        while True:
            done = await reconcile(here.client, here.ledger, lambda _: None, run=run)
            if done.runs >= runs:
                return done
            await asyncio.sleep(0.1)


async def test_the_command_names_gaps_and_health_has_its_result(
    here: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await decided(here, tmp_path / "app")
    await compared(here, run)
    for name, value in settings_environment(here.settings).items():
        monkeypatch.setenv(name, value)
    told = await asyncio.to_thread(CliRunner().invoke, app, ["ledger", "reconcile", "--run", run, "--json"])
    assert (told.exit_code, json.loads(told.stdout)["gaps"]) == (0, []), told.output
    assert reconciled(here.ledger).says.startswith("The ledger was not compared")
    note(here.ledger, Reconciled(runs=3, found=1, gaps=[Gap("x", "y")]), datetime.now(UTC))
    assert (reconciled(here.ledger).ok, "reconcile" in reconciled(here.ledger).fix) == (False, True)
    note(here.ledger, Reconciled(runs=3, found=2, mended=2), datetime.now(UTC))
    assert reconciled(here.ledger).ok


async def test_a_sweep_begins_where_the_last_that_found_no_gap_did(here: Platform, tmp_path: Path) -> None:
    hour = timedelta(hours=1)
    early, later = (datetime(2026, 11, 1, hour, tzinfo=UTC) for hour in (9, 12))
    note(here.ledger, Reconciled(), early)
    assert clean_until(here.ledger, newest(here.ledger)) == early - OVERLAP
    note(here.ledger, Reconciled(found=1), later, early - OVERLAP)
    assert clean_until(here.ledger, newest(here.ledger)) == early - OVERLAP, "a gap is looked at again"
    note(here.ledger, Reconciled(found=1), later)
    assert clean_until(here.ledger, newest(here.ledger)) is None, "nothing was ever without one"
    assert timedelta(0) < await sweep_once(here.client, here.ledger, hour) < hour, "another one has just done it"

    note(here.ledger, Reconciled(), datetime.now(UTC))
    run = await decided(here, tmp_path / "app")
    await compared(here, run)  # it is listed
    await sweep_once(here.client, here.ledger, timedelta(0))
    told = newest(here.ledger)
    assert told is not None
    assert int(str(told.facts["runs"])) >= 1
    assert told.facts["since"]


async def test_a_run_that_was_reset_has_the_entries_of_the_run_before(here: Platform) -> None:
    run = f"stumbles-{uuid.uuid4()}"
    async with worker_of(here, Steps(dies=False)):
        handle = await here.client.start_workflow("stumbles", id=run, task_queue="stumbling")
        await handle.result()
        events = (await handle.fetch_history()).events
        last = max(each.event_id for each in events if each.HasField("workflow_task_completed_event_attributes"))
        request = ResetWorkflowExecutionRequest(
            namespace=here.client.namespace,
            workflow_execution=WorkflowExecution(workflow_id=run, run_id=handle.first_execution_run_id or ""),
            reason="a test",
            request_id=str(uuid.uuid4()),
            workflow_task_finish_event_id=last,
        )
        reset = await here.client.workflow_service.reset_workflow_execution(request)
        again = here.client.get_workflow_handle(run, run_id=reset.run_id)
        await again.result()
    found = await listed(here, run, runs=2)
    assert (found.runs, found.attempts) == (2, 2), "the copied step is told of in both histories"
    assert [gap for gap in found.gaps if "entry" in gap.says] == []

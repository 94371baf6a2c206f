"""kill -9 of the worker at every named step of a fix, by search and by a model: it ends as an undisturbed one does.

All fixes go side by side, since most of the time is spent in waiting for a dead worker's heartbeat.
"""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import Client

from activities.faults import FIX_STEPS
from contracts.proposal import DiffPanel, Proposal
from tests.chaos.lanes import Lane, WideServer
from tests.machines.conftest import leftovers
from tests.support.model_server import ModelServer, Scripted
from tests.workflows.test_ticket_to_pr import CALC, FIXED, KEY, ROMAN, ROMAN_TEST, TEST, calls, table
from workers.devserver import Binary
from workers.machines import leases

pytestmark = pytest.mark.chaos

PRICE = Decimal("0.00125")  # of one reply: 1,000 tokens in at $1 and 50 out at $5 a million
# Where workers die, lane by lane. "lost": when the work is done and nobody knows of it. "kept": when the ledger does.
POINTS = {
    "search-lost-early": (
        *("ticket.read.worked", "machine.project.worked", "machine.tests.worked", "machine.repair.worked"),
        "machine.close.worked",
    ),
    "search-lost-late": ("machine.prove.worked", "ticket.propose.worked"),
    "search-kept": (
        *("machine.open.worked", "machine.tests.entered", "machine.repair.entered", "machine.prove.entered"),
        *(
            "gate.judge.worked",
            "git.before_merge",
            "git.after_merge",
            "effect.carry_out.worked",
            "run.close.worked",
        ),
    ),
    "model-lost": (
        *("ticket.brief.worked", "machine.run.worked", "machine.tool.change.worked", "model.in_call"),
        "agent.think.worked",
    ),
    "model-kept": (
        *("machine.run.entered", "machine.tool.look.worked", "machine.tool.change.entered", "model.after_reply"),
        "model.after_settle",
    ),
}
# How often the provider is asked again because nobody knows what became of the first time: the worst is charged then.
ASKED_AGAIN = 1

READ = calls("read", path="roman.py")
EDIT = calls("edit", path="roman.py", old='    return "I" * number\n', new=FIXED)
DONE = Scripted(text="roman() repeated I; it now uses all numerals.")


def script(name: str) -> list[Scripted]:
    """A call whose worker died before it had ended is told of, and the model makes it again."""
    again = [READ] * ASKED_AGAIN if name in POINTS else []
    return [*again, READ, EDIT, *([EDIT] if name == "model-lost" else []), DONE]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def lanes(
    temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory, no_real_models: None
) -> AsyncIterator[dict[str, "asyncio.Task[Lane]"]]:
    """All fixes on their way. A test waits for its own."""
    folder = tmp_path_factory.mktemp("lanes")
    with ExitStack() as stack:
        made = [_lane(name, folder / name, stack) for name in ("search-calm", "model-calm", *POINTS)]
        async with WideServer(folder / "temporal", temporal_binary, [lane.name for lane in made]) as server:
            tasks = {lane.name: asyncio.create_task(lane.go(server)) for lane in made}
            yield tasks
            for task in tasks.values():
                task.cancel()
            await asyncio.gather(*tasks.values(), return_exceptions=True)


def _lane(name: str, folder: Path, stack: ExitStack) -> Lane:
    asked = POINTS.get(name, ())
    if name.startswith("search"):
        files = {"calc.py": CALC, "test_calc.py": TEST}
        return Lane(name, folder, files, asked, kill_while_it_waits=name == "search-lost-late")
    server = stack.enter_context(ModelServer(KEY))
    server.script(*script(name))
    files = {"roman.py": ROMAN, "test_roman.py": ROMAN_TEST}
    return Lane(name, folder, files, asked, search_seconds=0.5, model=server)


@pytest.mark.parametrize("name", [name for name in POINTS if name.startswith("search")])
async def test_a_search_that_is_killed_everywhere_ends_as_a_calm_one(
    lanes: dict[str, "asyncio.Task[Lane]"], name: str
) -> None:
    calm, lane = await lanes["search-calm"], await lanes[name]
    assert lane.proposal.drafted_by == "baseline"
    await ended_alike(calm, lane)
    # What was lost is made again, and the run's log says so. What had ended is not.
    again = [entry.says for entry in lane.here.ledger.entries(run=lane.run) if entry.name == "machine.again"]
    assert len(again) == {"search-lost-early": 2, "search-lost-late": 1, "search-kept": 0}[name], again


@pytest.mark.parametrize("name", [name for name in POINTS if name.startswith("model")])
async def test_a_model_whose_worker_is_killed_everywhere_fixes_it_as_a_calm_one(
    lanes: dict[str, "asyncio.Task[Lane]"], name: str
) -> None:
    calm, lane = await lanes["model-calm"], await lanes[name]
    assert lane.proposal.drafted_by == "model"
    await ended_alike(calm, lane)
    assert lane.model is not None
    assert (lane.model.surprises, len(lane.model.queue)) == ([], 0)
    told = [asked.prompt for asked in lane.model.requests if "was not run again" in asked.prompt]
    assert bool(told) == (name == "model-lost"), "a change in flight is told of"
    paid_for_once(lane)


def paid_for_once(lane: Lane) -> None:
    """The provider's count, the ledger's and the proposal's agree."""
    assert lane.model is not None
    entries = [entry for entry in lane.here.ledger.entries(run=lane.run) if entry.kind == "model"]
    answered = [entry for entry in entries if entry.outcome == "ok"]
    assert len(answered) == len(lane.model.requests) - ASKED_AGAIN == lane.proposal.cost.model_calls
    account = lane.here.ledger.account(f"run/{lane.run}")
    assert account is not None
    assert account.reserved == 0
    worst = Decimal(str(next(entry.facts["worst_usd"] for entry in entries if "worst_usd" in entry.facts)))
    assert account.spent == len(answered) * PRICE + ASKED_AGAIN * worst
    assert lane.proposal.cost.usd == len(answered) * PRICE


async def ended_alike(calm: Lane, lane: Lane) -> None:
    """The same fix with the same proof, merged once, and nothing left."""
    assert list(lane.order.iterdir()) == [], "the worker did not die there"
    assert lane.deaths == len(POINTS[lane.name]) + 2 * lane.kill_while_it_waits
    assert shown(lane.proposal) == shown(calm.proposal)
    assert lane.claimed_meanwhile == lane.run
    assert (lane.outcome.state, calm.outcome.state) == ("done", "done")
    assert lane.merged() == calm.merged()
    assert lane.merged()[0] == "2"
    assert [effect.state for effect in lane.here.ledger.effects(run=lane.run)] == ["done"]
    assert leftovers(lane.state) == []
    room = leases(lane.state, 0).room
    assert room.free() == room.limit


def shown(proposal: Proposal) -> dict[str, Any]:
    """What a reviewer decides by, without times."""
    proof = {
        row[1]: re.sub(r", [\d.]+ s$", "", row[2])
        for row in (*table(proposal, "The proof"), *table(proposal, "What else was measured"))
    }
    diffs = {panel.path: panel.diff for panel in proposal.panels if isinstance(panel, DiffPanel)}
    checks = [(check.name, check.passed) for check in proposal.checks]
    return {"proof": proof, "diffs": diffs, "checks": checks, "by": proposal.drafted_by, "title": proposal.title}


@pytest.mark.parametrize("name", POINTS)
async def test_each_attempt_has_one_entry(lanes: dict[str, "asyncio.Task[Lane]"], name: str) -> None:
    """What Temporal counts as done, attempt by attempt, stands in the ledger; no machine's call had a second one."""
    lane = await lanes[name]
    entries = {entry.key: entry for entry in lane.here.ledger.entries(run=lane.run, limit=1000)}
    for each in [lane.run, *([f"{lane.run}/agent-1"] if lane.model else [])]:
        done = await completed(lane.here.client, each)
        assert done
        assert [key for key in done if key not in entries or entries[key].outcome != "ok"] == []
    calls_of_machines = [entry for entry in entries.values() if entry.name.startswith("machine.")]
    assert {entry.attempt for entry in calls_of_machines if entry.name not in ("machine.open", "machine.again")} == {1}


async def completed(client: Client, workflow_id: str) -> list[str]:
    """Keys of the entries of all activities that Temporal knows as completed."""
    handle = client.get_workflow_handle(workflow_id)
    described = await handle.describe()
    scheduled, started, found = {}, {}, []
    async for event in handle.fetch_history_events():
        if event.HasField("activity_task_scheduled_event_attributes"):
            scheduled[event.event_id] = event.activity_task_scheduled_event_attributes.activity_id
        elif event.HasField("activity_task_started_event_attributes"):
            started[event.event_id] = event.activity_task_started_event_attributes.attempt
        elif event.HasField("activity_task_completed_event_attributes"):
            ended = event.activity_task_completed_event_attributes
            activity_id, attempt = scheduled[ended.scheduled_event_id], started[ended.started_event_id]
            found.append(f"activity/{described.run_id}/{activity_id}/{attempt}")
    return found


def test_every_step_of_a_fix_is_killed_at() -> None:
    died = {point.rpartition(".")[0] for points in POINTS.values() for point in points}
    assert {*FIX_STEPS, "machine.open", "machine.close", "machine.run", "run.close", "effect.carry_out"} <= died

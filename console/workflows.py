"""Workflows: what runs, when, and how does it go?"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.responses import HTMLResponse
from temporalio.client import Client, ScheduleListActionStartWorkflow, ScheduleListDescription
from temporalio.service import RPCError

from console import decide
from console.access import Reading
from console.deps import Console, Here, in_thread
from contracts.errors import CountersignError
from contracts.records import RunRecord
from contracts.usage import Used

router = APIRouter(include_in_schema=False)
COUNTED = timedelta(days=30)


@dataclass(frozen=True)
class Ran:
    """What a workflow's runs came to."""

    name: str
    last: RunRecord
    outcomes: tuple[tuple[str, int], ...]
    used: Used


@dataclass(frozen=True)
class Planned:
    """A schedule: when it starts its workflow next, unless it is paused."""

    id: str
    workflow: str
    next_at: datetime | None
    paused: bool
    note: str


@router.get("/workflows")
async def workflows(here: Here, session: Reading) -> HTMLResponse:
    runs = await in_thread(here.ledger.runs, limit=1000)
    plans, problem = await schedules(here)
    used = await in_thread(here.ledger.used, datetime.now(UTC) - COUNTED)
    tested = {each.workflow for each in await in_thread(here.ledger.backtests, limit=1000)}
    return here.page(
        "workflows.html", session, workflows=by_workflow(runs, used), tested=tested, schedules=plans, problem=problem
    )


def by_workflow(runs: Sequence[RunRecord], used: Mapping[str, Used]) -> list[Ran]:
    """Runs, newest first, by their workflow's name."""
    names = sorted({run.workflow for run in runs})
    return [ran(name, [run for run in runs if run.workflow == name], used.get(name, Used())) for name in names]


def ran(name: str, runs: Sequence[RunRecord], used: Used) -> Ran:
    outcomes = Counter(str(run.state) for run in runs)
    return Ran(name, max(runs, key=lambda run: run.started_at), tuple(outcomes.most_common()), used)


async def schedules(here: Console) -> tuple[list[Planned], str]:
    """Temporal's schedules, or the sentence that says why there are none to show."""
    try:
        client = await decide.connected(here)
        return await planned(client), ""
    except CountersignError as error:
        return [], error.what
    except RPCError as error:
        return [], f"The Temporal server did not list its schedules: {error.message}"


async def planned(client: Client) -> list[Planned]:
    return [plan(schedule) async for schedule in await client.list_schedules()]


def plan(schedule: ScheduleListDescription) -> Planned:
    times = schedule.info.next_action_times if schedule.info else []
    action = schedule.schedule.action if schedule.schedule else None
    state = schedule.schedule.state if schedule.schedule else None
    name = action.workflow if isinstance(action, ScheduleListActionStartWorkflow) else ""
    paused = bool(state and state.paused)
    return Planned(schedule.id, name, times[0] if times else None, paused, (state and state.note) or "")

"""Temporal Schedules from the workflows' policies.

What runs when is in two places under version control: a workflow's policy says how often, and a file
`schedules.toml` says on which inputs:

    [[schedule]]
    workflow = "changelog"
    name = "httpx"                         # the schedule's id is countersign-changelog-httpx
    input = { repository = "/srv/httpx" }
    cron = "0 9 * * MON"                   # optional: instead of the policy's
    time_zone = "Europe/Berlin"            # optional
"""

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, Field, ValidationError
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleAlreadyRunningError,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
    ScheduleState,
    ScheduleUpdate,
    ScheduleUpdateInput,
)
from temporalio.common import TypedSearchAttributes
from temporalio.service import RPCError, RPCStatusCode

from contracts import search
from contracts.errors import BadInput, NotFound
from contracts.policy import Policy
from contracts.policy import Schedule as When
from contracts.requirements import StartedBy
from contracts.runs import SCHEDULES, STARTED_BY
from contracts.steps import AGENTS
from ledger import Ledger
from workers import discovery
from workers.notes import system_entry

PREFIX = SCHEDULES
OVERLAP = {
    "skip": ScheduleOverlapPolicy.SKIP,
    "buffer_one": ScheduleOverlapPolicy.BUFFER_ONE,
    "allow_all": ScheduleOverlapPolicy.ALLOW_ALL,
}


class Line(BaseModel):
    """One `[[schedule]]` of the file."""

    workflow: str
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}$")
    input: dict[str, Any] = {}
    cron: str = ""
    time_zone: str = ""


@dataclass(frozen=True)
class Planned:
    """A schedule as it should be on the server."""

    id: str
    workflow: str
    policy: Policy
    when: When
    request: BaseModel


@dataclass(frozen=True)
class Listed:
    """A schedule as it is on the server. `next` is in UTC; None while paused."""

    id: str
    workflow: str
    paused: bool
    next: datetime | None
    runs: int


def read(path: Path) -> list[Line]:
    """The lines of a schedules file. BadInput names the line and field that is wrong."""
    try:
        raw = tomllib.loads(path.read_text())
    except OSError as error:
        raise BadInput(
            f"The schedules file {str(path)!r} can't be read: {error.strerror}.",
            subject=str(path),
            way_out="See docs/running.md for what it holds, or name another: `countersign schedules sync FILE`.",
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{path} is not TOML: {error}.", subject=str(path)) from error
    try:
        return [Line.model_validate(line) for line in raw.get("schedule", [])]
    except ValidationError as error:
        first = error.errors()[0]
        raise BadInput(f"{path}: {first['loc'][0]}: {first['msg']}.", subject=str(path)) from error


def line(workflow: str, name: str) -> Line:
    """The line for a schedule that no file declares. BadInput for a name that can't be part of an id."""
    try:
        return Line(workflow=workflow, name=name)
    except ValidationError as error:
        raise BadInput(
            f"{name!r} can't be a schedule's name.",
            subject="--name",
            way_out="Use letters, digits and . _ -, beginning with a letter or digit; 61 at most.",
        ) from error


def planned(line: Line, request: BaseModel) -> Planned:
    """What a line means, with the workflow's policy behind it."""
    cls = discovery.workflow_named(line.workflow)
    policy: Policy = cls.policy  # type: ignore[attr-defined]
    base = policy.schedule
    cron = line.cron or (base.cron if base else "")
    if not cron:
        raise BadInput(
            f"{line.workflow} has no schedule in its policy.",
            subject=line.name,
            way_out='Give the line one: cron = "0 9 * * MON".',
        )
    when = (base or When(cron=cron)).model_copy(
        update={"cron": cron, "time_zone": line.time_zone or (base.time_zone if base else "UTC")}
    )
    _zone(when.time_zone)
    return Planned(f"{PREFIX}{line.workflow}-{line.name}", line.workflow, policy, when, request)


async def sync(client: Client, wanted: list[Planned], *, prune: bool) -> list[str]:
    """Make the server's schedules be the wanted ones. Gives a sentence for each thing done.

    `prune` removes schedules of ours that are not wanted any more. Pausing and past runs are kept.
    """
    said = [await _put(client, each) for each in wanted]
    if prune:
        keep = {each.id for each in wanted}
        for listed in await existing(client):
            if listed.id not in keep:
                await client.get_schedule_handle(listed.id).delete()
                said.append(f"{listed.id}: removed, it is not in the file any more")
    return said


async def existing(client: Client) -> list[Listed]:
    """Our schedules on the server, in order of their ids."""
    found = []
    async for each in await client.list_schedules():
        if each.id.startswith(PREFIX) and each.schedule is not None and each.info is not None:
            action = each.schedule.action
            coming = each.info.next_action_times
            paused = each.schedule.state.paused
            found.append(
                Listed(
                    id=each.id,
                    workflow=getattr(action, "workflow", ""),
                    paused=paused,
                    next=coming[0] if coming and not paused else None,
                    runs=len(each.info.recent_actions),
                )
            )
    return sorted(found, key=lambda each: each.id)


async def handle(client: Client, name: str) -> ScheduleHandle:
    """A schedule by its id, with or without our prefix, or by the name that only one has. NotFound lists all."""
    ids = [each.id for each in await existing(client)]
    called = [each for each in ids if each.startswith(PREFIX) and each.endswith(f"-{name}")]
    for candidate in (name, PREFIX + name, *(called if len(called) == 1 else ())):
        if candidate in ids:
            return client.get_schedule_handle(candidate)
        try:
            found = client.get_schedule_handle(candidate)
            await found.describe()
            return found
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
    raise NotFound(
        f"There is no schedule {name!r}.",
        subject=name,
        way_out=f"There are: {', '.join(ids)}." if ids else "Make them with `countersign schedules sync`.",
    )


async def tell(ledger: Ledger, name: str, schedule: str, person: str, words: str = "") -> None:
    """An entry of what a person did to schedules. The health page knows by them when one was paused."""
    does = name.removeprefix("schedule.")
    says = ": ".join(filter(None, (f"Schedule {schedule} was {does}" if schedule else "Schedules", words)))
    entry = system_entry(name, says, {"schedule": schedule}, actor=person)
    await ledger.write(entry)


async def _put(client: Client, plan: Planned) -> str:
    wanted = _schedule(plan)
    try:
        await client.create_schedule(plan.id, wanted)
    except ScheduleAlreadyRunningError:
        await client.get_schedule_handle(plan.id).update(_keeping_state(wanted))
        return f"{plan.id}: updated, {plan.when.cron} {plan.when.time_zone}"
    except RPCError as error:
        raise BadInput(
            f"The server refuses the schedule {plan.id}: {error.message}.",
            subject=plan.when.cron,
            way_out='A cron line has five fields, such as "0 9 * * MON".',
        ) from error
    return f"{plan.id}: created, {plan.when.cron} {plan.when.time_zone}"


def _schedule(plan: Planned) -> Schedule:
    return Schedule(
        action=ScheduleActionStartWorkflow(
            plan.workflow,
            plan.request,
            id=plan.id.removeprefix(PREFIX),
            task_queue=AGENTS,
            static_summary=plan.policy.summary,
            memo={STARTED_BY: StartedBy(kind="schedule", name=plan.id)},
            typed_search_attributes=TypedSearchAttributes(
                [
                    search.SearchAttributePair(search.WORKFLOW, plan.workflow),
                    search.SearchAttributePair(search.TEAM, plan.policy.team),
                ]
            ),
        ),
        spec=ScheduleSpec(cron_expressions=[plan.when.cron], time_zone_name=plan.when.time_zone),
        policy=SchedulePolicy(overlap=OVERLAP[plan.when.overlap], catchup_window=plan.when.catch_up),
        state=ScheduleState(note=plan.policy.summary),
    )


def _keeping_state(wanted: Schedule) -> Any:
    def change(current: ScheduleUpdateInput) -> ScheduleUpdate:
        # A schedule that somebody paused stays paused.
        wanted.state = current.description.schedule.state
        return ScheduleUpdate(schedule=wanted)

    return change


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise BadInput(
            f"{name!r} is not a time zone.", subject=name, way_out="Use an IANA name such as Europe/Berlin."
        ) from error

"""Whether schedules fired when they should have: the server's own list of times against the runs that it started.

Temporal says which times match a schedule (`ListScheduleMatchingTimes`), and keeps with each run the time that it was
started for. A time that has no run was missed, one with two was doubled.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Literal

from google.protobuf.timestamp_pb2 import Timestamp
from temporalio.api.workflowservice.v1 import DescribeNamespaceRequest, ListScheduleMatchingTimesRequest
from temporalio.client import (
    Client,
    ScheduleActionStartWorkflow,
    ScheduleDescription,
    ScheduleOverlapPolicy,
    WorkflowExecution,
)
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError

from console.finding import Figure, Finding
from console.words import count
from contracts.records import StoredEntry
from contracts.runs import PAUSED, RESUMED, SCHEDULES
from ledger import Ledger

WINDOW = timedelta(days=2)
GRACE = timedelta(minutes=2)  # between the time and the start of its run
MOST = 500  # times and runs of one schedule that are looked at; of more often than that, the last ones
STARTED_FOR = SearchAttributeKey.for_datetime("TemporalScheduledStartTime")
RPC_TIME = timedelta(seconds=10)
VERBS = {"missed": "did not fire at", "doubled": "fired more than once for"}
FIX = (
    "`countersign schedules trigger` makes up for a fire that was missed, while the server was away for longer than "
    "the policy catches up or the schedule was paused in the Temporal UI. Of two that do the same, take one away."
)

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Fired:
    """A run that a schedule started: the time it was for, and from when to when it ran."""

    scheduled: datetime
    started: datetime
    closed: datetime | None


@dataclass(frozen=True)
class Fires:
    """What one schedule did of what it should have done. All times in UTC."""

    schedule: str
    expected: int = 0
    missed: tuple[datetime, ...] = ()
    doubled: tuple[datetime, ...] = ()
    skipped: tuple[datetime, ...] = ()  # as its policy says, since the run before was still open


@dataclass(frozen=True)
class Looked:
    """All of our schedules, and the groups of them that start the same workflow on the same input."""

    fires: tuple[Fires, ...] = ()
    twins: tuple[tuple[str, ...], ...] = ()


async def fires(client: Client, ledger: Ledger) -> Finding:
    """What of all that was missed or doubled in the last days."""
    pauses = await asyncio.to_thread(ledger.entries, kind="system", words="schedule.", limit=MOST, newest_first=True)
    try:
        looked = await look(client, list(reversed(pauses)))
    except RPCError as error:
        return Finding("Schedules", False, f"The server did not say when they fired: {error.message}")
    figures = tuple(
        Figure(f"schedule_fires_{what}", len(getattr(each, what)), {"schedule": each.schedule})
        for each in looked.fires
        for what in ("missed", "doubled", "skipped")
    )
    if wrong := [*said("missed", looked), *said("doubled", looked), *twice(looked)]:
        return Finding("Schedules", False, f"{'; '.join(wrong[:3])}.", FIX, figures)
    if not looked.fires:
        return Finding("Schedules", True, "None fires.", "", figures)
    times = sum(each.expected for each in looked.fires)
    says = f"{count(len(looked.fires), 'schedule')}, each of {count(times, 'fire')} was made once."
    return Finding("Schedules", True, says, "", figures)


def said(what: Literal["missed", "doubled"], looked: Looked) -> list[str]:
    told = []
    for each in looked.fires:
        if times := getattr(each, what):
            more = f" and {len(times) - 1} more" if len(times) > 1 else ""
            told.append(f"{each.schedule} {VERBS[what]} {times[-1]:%Y-%m-%d %H:%M} UTC{more}")
    return told


def twice(looked: Looked) -> list[str]:
    return [f"{' and '.join(group)} start the same on the same input" for group in looked.twins]


async def look(client: Client, pauses: Sequence[StoredEntry], *, now: datetime | None = None) -> Looked:
    """Every schedule of ours. `pauses`: the ledger's entries of them, oldest first. RPCError as the server gives it."""
    now = now or datetime.now(UTC)
    since = now - min(WINDOW, await retention(client) - GRACE)
    described = [
        await client.get_schedule_handle(each.id).describe()
        async for each in await client.list_schedules()
        if each.id.startswith(SCHEDULES)
    ]
    firing = [each for each in described if not each.schedule.state.paused]
    away = paused_spans(pauses, now)
    fires = [await fires_of(client, each, away.get(each.id, ()), (since, now - GRACE)) for each in firing]
    return Looked(tuple(fires), twins(firing))


async def fires_of(client: Client, schedule: ScheduleDescription, away: Collection[Span], window: Span) -> Fires:
    changed = schedule.info.last_updated_at or schedule.info.created_at
    since = max(window[0], changed)
    times = await matching(client, schedule.id, since, window[1])
    since = times[0] if times else since
    query = f"TemporalScheduledById = '{schedule.id}' AND (StartTime >= '{since.isoformat()}' OR CloseTime IS NULL)"
    runs = [fired(run) async for run in client.list_workflows(query, limit=2 * MOST)]
    overlaps = schedule.schedule.policy.overlap == ScheduleOverlapPolicy.ALLOW_ALL
    return compare(schedule.id, times, [run for run in runs if run], away, overlaps=overlaps)


async def matching(client: Client, schedule: str, since: datetime, until: datetime) -> list[datetime]:
    """When it should have fired, as the server itself says; the last ones of too many."""
    if until <= since:
        return []
    request = ListScheduleMatchingTimesRequest(
        namespace=client.namespace, schedule_id=schedule, start_time=stamp(since), end_time=stamp(until)
    )
    answer = await client.workflow_service.list_schedule_matching_times(request, timeout=RPC_TIME)
    return [each.ToDatetime(tzinfo=UTC) for each in answer.start_time][-MOST:]


async def retention(client: Client) -> timedelta:
    """How long the server knows of a run that has ended. What it has forgotten would look like a miss."""
    request = DescribeNamespaceRequest(namespace=client.namespace)
    answer = await client.workflow_service.describe_namespace(request, timeout=RPC_TIME)
    return answer.config.workflow_execution_retention_ttl.ToTimedelta() or WINDOW


def compare(
    schedule: str,
    expected: Sequence[datetime],
    runs: Sequence[Fired],
    away: Collection[Span],
    *,
    overlaps: bool = False,
) -> Fires:
    """What was missed, doubled and skipped. A time in which the schedule was paused is not missed."""
    count = Counter(run.scheduled.replace(microsecond=0) for run in runs)
    without = [time for time in expected if not count[time] and not within(time, away)]
    skipped = [time for time in without if not overlaps and any(was_open(run, time) for run in runs)]
    return Fires(
        schedule,
        expected=len(expected),
        missed=tuple(time for time in without if time not in skipped),
        doubled=tuple(time for time in expected if count[time] > 1),
        skipped=tuple(skipped),
    )


def was_open(run: Fired, time: datetime) -> bool:
    return run.started <= time and (run.closed is None or run.closed >= time)


def within(time: datetime, spans: Iterable[Span]) -> bool:
    return any(since <= time <= until for since, until in spans)


def fired(run: WorkflowExecution) -> Fired | None:
    scheduled = run.typed_search_attributes.get(STARTED_FOR)
    return Fired(scheduled, run.start_time, run.close_time) if scheduled else None


def paused_spans(entries: Iterable[StoredEntry], now: datetime) -> Mapping[str, list[Span]]:
    """When each schedule was paused, from the entries of it, oldest first."""
    by_schedule: dict[str, list[tuple[str, datetime]]] = defaultdict(list)
    for entry in entries:
        by_schedule[str(entry.facts.get("schedule"))].append((entry.name, entry.finished_at))
    return {name: list(spans([*changes, (RESUMED, now)])) for name, changes in by_schedule.items()}


def spans(changes: Sequence[tuple[str, datetime]]) -> Iterable[Span]:
    return ((since, until) for (name, since), (_, until) in pairwise(changes) if name == PAUSED)


def twins(schedules: Iterable[ScheduleDescription]) -> tuple[tuple[str, ...], ...]:
    """Schedules that start one workflow on one input: each of its fires is made twice."""
    groups: dict[tuple[str, bytes], list[str]] = defaultdict(list)
    for each in schedules:
        action = each.schedule.action
        if isinstance(action, ScheduleActionStartWorkflow):
            # Of what the server keeps, bytes as they were sent: the same policy writes the same input alike.
            given = b"\0".join(getattr(argument, "data", b"") for argument in action.args)
            groups[action.workflow, given].append(each.id)
    return tuple(tuple(sorted(ids)) for ids in groups.values() if len(ids) > 1)


def stamp(moment: datetime) -> Timestamp:
    made = Timestamp()
    made.FromDatetime(moment)
    return made

"""Whether schedules fired: the server's own times against the runs it started, without a worker or a wait."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from temporalio.client import (
    Client,
    Schedule,
    ScheduleActionStartWorkflow,
    ScheduleBackfill,
    ScheduleHandle,
    ScheduleOverlapPolicy,
    SchedulePolicy,
    ScheduleSpec,
)

from console.fires import Fired, Fires, Looked, compare, fires, look, paused_spans, said, twice
from contracts.records import Entry, StoredEntry
from contracts.runs import PAUSED, RESUMED
from ledger import Ledger
from workers.devserver import DevServer
from workers.schedules import tell

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOURS = [NOON + timedelta(hours=hour) for hour in range(4)]


def run(at: datetime, *, late: int = 1, lasts: int | None = 60) -> Fired:
    started = at + timedelta(seconds=late)
    return Fired(at, started, None if lasts is None else started + timedelta(seconds=lasts))


def test_each_time_has_one_run() -> None:
    assert compare("s", HOURS, [run(at) for at in HOURS], ()) == Fires("s", expected=4)


def test_a_time_without_a_run_and_one_with_two() -> None:
    found = compare("s", HOURS, [run(HOURS[0]), run(HOURS[2]), run(HOURS[2], late=9), run(HOURS[3])], ())
    assert (found.missed, found.doubled, found.skipped) == ((HOURS[1],), (HOURS[2],), ())


def test_one_that_was_made_up_for_later_is_not_missed() -> None:
    assert compare("s", HOURS[:1], [run(HOURS[0], late=7200)], ()).missed == ()


def test_one_that_found_the_run_before_open_was_skipped_as_its_policy_says() -> None:
    runs = [run(HOURS[0], lasts=None)]
    assert compare("s", HOURS[:2], runs, ()).skipped == (HOURS[1],)
    assert compare("s", HOURS[:2], runs, (), overlaps=True).missed == (HOURS[1],)


def test_one_in_a_pause_is_not_missed() -> None:
    def entry(name: str, at: datetime) -> StoredEntry:
        made = Entry(
            key=f"{name}{at}", kind="system", name=name, says="", started_at=at, finished_at=at, facts={"schedule": "s"}
        )
        return StoredEntry(**made.model_dump(), id=1, digest="")

    half = timedelta(minutes=30)
    spans = paused_spans([entry(PAUSED, HOURS[0] + half), entry(RESUMED, HOURS[1] + half)], HOURS[3])
    assert compare("s", HOURS[:3], [run(HOURS[0])], spans["s"]).missed == (HOURS[2],)
    still = paused_spans([entry(PAUSED, HOURS[0] + half)], HOURS[3])
    assert compare("s", HOURS, [run(HOURS[0])], still["s"]).missed == ()


async def test_a_pause_is_known_by_the_entry_of_it(ledger: Ledger) -> None:
    before = datetime.now(UTC)
    await tell(ledger, PAUSED, "countersign-s", "ada", "on holiday")
    [entry] = ledger.entries(kind="system", words="schedule.")
    assert (entry.actor, entry.says) == ("ada", "Schedule countersign-s was paused: on holiday")
    [(since, until)] = paused_spans([entry], NOON.replace(year=2100))["countersign-s"]
    assert before <= since < until == NOON.replace(year=2100)


@pytest.mark.parametrize(
    ("looked", "says"),
    [
        (Looked((Fires("s", 4, missed=tuple(HOURS[:2])),)), ["s did not fire at 2026-03-02 13:00 UTC and 1 more"]),
        (Looked((Fires("s", 4, doubled=tuple(HOURS[:1])),)), ["s fired more than once for 2026-03-02 12:00 UTC"]),
        (Looked(twins=(("a", "b"),)), ["a and b start the same on the same input"]),
    ],
)
def test_what_a_person_reads(looked: Looked, says: list[str]) -> None:
    assert [*said("missed", looked), *said("doubled", looked), *twice(looked)] == says


async def every_minute(client: Client, name: str, *, given: str) -> ScheduleHandle:
    """Fires each minute a workflow that nobody runs."""
    action = ScheduleActionStartWorkflow("nobody", given, id=name, task_queue=name)
    policy = SchedulePolicy(overlap=ScheduleOverlapPolicy.ALLOW_ALL)
    spec = ScheduleSpec(cron_expressions=["* * * * *"])
    return await client.create_schedule(f"countersign-{name}", Schedule(action=action, spec=spec, policy=policy))


async def make(schedule: ScheduleHandle, since: datetime, minutes: int) -> None:
    """Have the server start the runs of these minutes now."""
    until = since + timedelta(minutes=minutes - 1)
    second = timedelta(seconds=1)
    await schedule.backfill(ScheduleBackfill(since - second, until + second, overlap=ScheduleOverlapPolicy.ALLOW_ALL))


async def seen(client: Client, first: datetime, *, missed: int) -> tuple[Looked, Fires]:
    """What health says six minutes after the first of them, once the server lists all that it has started."""
    async with asyncio.timeout(60):
        while True:
            looked = await look(client, [], now=first + timedelta(minutes=6, seconds=30))
            mine = next((each for each in looked.fires if each.schedule == "countersign-fires-one"), None)
            if mine and len(of(mine.missed, first)) == missed:
                return looked, mine
            await asyncio.sleep(0.2)


def of(times: Sequence[datetime], first: datetime) -> list[datetime]:
    return [at for at in times if at >= first]


async def test_a_real_server_says_what_was_missed_and_which_do_the_same(
    temporal_server: DevServer, ledger: Ledger
) -> None:
    """The minutes are still to come: runs of the first three are started ahead."""
    client = temporal_server.client
    one = await every_minute(client, "fires-one", given="x")
    two = await every_minute(client, "fires-two", given="x")
    try:
        await asyncio.gather(one.describe(), two.describe())
        first = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=2)
        await make(one, first, 3)
        looked, mine = await seen(client, first, missed=2)
        last = first + timedelta(minutes=3)
        assert of(mine.doubled, first) == []
        assert of(mine.missed, first) == [last, last + timedelta(minutes=1)]
        assert ("countersign-fires-one", "countersign-fires-two") in looked.twins
        told = await fires(client, ledger)
        assert (told.ok, "start the same on the same input" in told.says) == (False, True)
    finally:
        await asyncio.gather(one.delete(), two.delete())

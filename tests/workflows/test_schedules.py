"""Temporal Schedules made from policies, on a real server."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from temporalio.client import ScheduleOverlapPolicy

from contracts.changelog import ChangelogRequest
from contracts.errors import BadInput, NotFound
from contracts.requirements import StartedBy
from tests.support.platform import Platform
from tests.workflows.test_changelog import small_repository
from workers import schedules
from workers.cli import processes
from workers.cli.runs import request_from, validated


def plan(repository: Path, name: str = "app", **line: str) -> schedules.Planned:
    request = ChangelogRequest(repository=str(repository))
    return schedules.planned(schedules.Line(workflow="changelog", name=name, **line), request)


def plans(path: Path) -> list[schedules.Planned]:
    return [schedules.planned(line, ChangelogRequest(repository=".")) for line in schedules.read(path)]


async def test_a_policy_becomes_a_schedule_on_the_server(here: Platform, tmp_path: Path) -> None:
    said = await schedules.sync(here.client, [plan(tmp_path)], prune=False)
    assert said == ["countersign-changelog-app: created, 0 9 * * MON UTC"]
    description = await here.client.get_schedule_handle("countersign-changelog-app").describe()
    assert description.schedule.policy.overlap == ScheduleOverlapPolicy.SKIP
    assert description.schedule.policy.catchup_window == timedelta(days=1)
    coming = description.info.next_action_times[0]
    assert (coming.weekday(), coming.hour, coming.minute) == (0, 9, 0)
    assert coming > datetime.now(UTC)


async def test_syncing_twice_changes_nothing_and_keeps_a_pause(here: Platform, tmp_path: Path) -> None:
    await schedules.sync(here.client, [plan(tmp_path, "twice")], prune=False)
    found = await schedules.handle(here.client, "changelog-twice")
    await found.pause(note="on holiday")
    said = await schedules.sync(here.client, [plan(tmp_path, "twice", cron="30 7 * * *")], prune=False)
    assert said == ["countersign-changelog-twice: updated, 30 7 * * * UTC"]
    description = await found.describe()
    assert description.schedule.state.paused
    assert description.schedule.state.note == "on holiday"


async def test_what_is_not_declared_any_more_is_removed(here: Platform, tmp_path: Path) -> None:
    await schedules.sync(here.client, [plan(tmp_path, "stays"), plan(tmp_path, "goes")], prune=False)
    said = await schedules.sync(here.client, [plan(tmp_path, "stays")], prune=True)
    assert any("countersign-changelog-goes: removed" in sentence for sentence in said)
    with pytest.raises(NotFound):
        await schedules.handle(here.client, "changelog-goes")


async def test_a_schedule_is_known_by_its_own_name(here: Platform, tmp_path: Path) -> None:
    await schedules.sync(here.client, [plan(tmp_path, "mine"), plan(tmp_path, "yours")], prune=False)
    while "countersign-changelog-mine" not in {each.id for each in await schedules.existing(here.client)}:
        await asyncio.sleep(0.1)  # the server lists what it was given a little later
    assert (await schedules.handle(here.client, "mine")).id == "countersign-changelog-mine"
    with pytest.raises(NotFound):
        await schedules.handle(here.client, "ours")


async def started_by_trigger(here: Platform, planned: schedules.Planned, when: str) -> str:
    """The run that the schedule starts when it is told to. It starts no other meanwhile."""
    [said] = await schedules.sync(here.client, [planned], prune=False)
    assert said == f"{planned.id}: created, {when}"
    found = here.client.get_schedule_handle(planned.id)
    await found.pause()
    await found.trigger()
    for _ in range(1200):
        description = await found.describe()
        if description.info.recent_actions:
            return str(description.info.recent_actions[0].action.workflow_id)  # type: ignore[union-attr]
        await asyncio.sleep(0.1)
    raise AssertionError(f"{planned.id} started nothing")


async def test_a_trigger_starts_a_run_that_parks_at_its_gate(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    run = await started_by_trigger(here, plan(repository, "now"), "0 9 * * MON UTC")
    proposal = await here.waiting(run)
    assert proposal.run == run
    assert proposal.started_by == StartedBy(kind="schedule", name="countersign-changelog-now")
    await here.decide(proposal, "approve")
    assert (await here.outcome(run)).state == "done"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('[[schedule]]\nworkflow = "nope"\nname = "a"\n', "no workflow 'nope'"),
        ('[[schedule]]\nworkflow = "changelog"\nname = "a b"\n', "pattern"),
        ('[[schedule]]\nworkflow = "changelog"\nname = "a"\ntime_zone = "Mars/Base"\n', "Mars/Base"),
        ("[[schedule]\n", "not TOML"),
    ],
)
def test_a_wrong_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "schedules.toml"
    path.write_text(text)
    with pytest.raises(BadInput) as told:
        plans(path)
    assert says in str(told.value)


async def test_a_wrong_cron_line_is_named(here: Platform, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as told:
        await schedules.sync(here.client, [plan(tmp_path, "wrong", cron="every monday")], prune=False)
    assert "countersign-changelog-wrong" in str(told.value)


def test_inputs_come_by_place_and_by_name() -> None:
    made = request_from(ChangelogRequest, ["https://example.org/a/b.git", "--since=v1", "--until", "main"])
    assert made == ChangelogRequest(repository="https://example.org/a/b.git", since="v1", until="main")


def test_a_path_is_made_absolute_and_a_url_is_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert validated(ChangelogRequest, {"repository": "."}).repository == str(tmp_path)  # type: ignore[attr-defined]
    kept = validated(ChangelogRequest, {"repository": "git@example.org:a/b.git"})
    assert kept.repository == "git@example.org:a/b.git"  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--nope=1"], "--nope"),
        ([".", "a", "b", "c", "d", "e", "f"], "one word too many"),
        (["--since"], "needs a value"),
        ([], "repository"),
    ],
)
def test_wrong_inputs_are_named(words: list[str], says: str) -> None:
    with pytest.raises(BadInput) as told:
        request_from(ChangelogRequest, words)
    assert says in str(told.value)


@pytest.mark.parametrize("url", ["https://ana:hunter22@example.org/a.git", "https://ghp_hunter22@example.org/a.git"])
def test_a_secret_in_a_url_starts_nothing_and_is_not_repeated(url: str) -> None:
    with pytest.raises(BadInput, match="password or token") as refused:
        request_from(ChangelogRequest, [url])
    assert "hunter22" not in str(refused.value.problem())


@pytest.mark.parametrize("name", ["", "../x", "a b", "-x", "a/b", "x\n", "a" * 62])
def test_a_name_that_is_no_part_of_an_id_is_named(name: str) -> None:
    with pytest.raises(BadInput, match="schedule's name"):
        schedules.line("changelog", name)


def test_a_worker_that_is_not_there_is_named() -> None:
    with pytest.raises(BadInput, match="agents, effects"):
        processes.worker("efects")

"""kill -9 of the worker at every named point of a machine's life: the run goes on, nothing happens twice.

In lanes, since most of the time is spent in waiting for a dead worker's heartbeat.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from activities.faults import MACHINE_POINTS
from tests.chaos.lanes import apart, in_lanes
from tests.machines.conftest import Counter, Fleet, counting, until
from tests.machines.own.workflows.scripted import Act
from tests.support.repositories import small
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos

# What the run is told of the call at whose point the worker died. All else is told "ok": it never started, it had
# ended by the ledger, or it changes nothing and was made again.
INTERRUPTED = {
    "machine.write.started": "write",
    "machine.write.worked": "write",
    "machine.run.started": "run",
    "machine.before_command": "run",
    "machine.after_command": "run",
    "machine.after_checkpoint": "write",  # whoever comes there first
    "machine.run.worked": "run",
}
# Points that nobody passes unless a worker died before.
AFTER_A_DEATH = {"run.recall.started", "run.recall.worked", "run.recall.entered"}


LANES = tuple(f"lane-{number}" for number in range(4))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def killed(
    temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, "asyncio.Task[None]"]]:
    """For each point, what its test waits for."""
    folder = tmp_path_factory.mktemp("machines-lanes")
    async with in_lanes(LANES, folder, temporal_binary, opened, killed_there, MACHINE_POINTS) as waited_for:
        yield waited_for


async def opened(server: DevServer, folder: Path, namespace: str, stack: AsyncExitStack) -> Fleet:
    """Two workers of an installation of their own, kept alive."""
    folder.mkdir()
    fleet = Fleet(await apart(server, folder / "state", namespace, stack), folder)
    stack.callback(fleet.stop)
    keeper = asyncio.create_task(fleet.keep_alive())
    stack.callback(keeper.cancel)
    return fleet


async def killed_there(fleet: Fleet, point: str) -> None:
    await fleet.fresh()
    test = a_second_worker_dies if point in AFTER_A_DEATH else the_run_goes_on_elsewhere
    try:
        async with counting() as counter:
            await test(fleet, counter, small(fleet.folder / point, checkout=True), point)
    finally:
        await fleet.end_runs()


@pytest.mark.parametrize("point", [point for point in MACHINE_POINTS if point not in AFTER_A_DEATH])
async def test_killed_there_the_run_goes_on_elsewhere(killed: dict[str, "asyncio.Task[None]"], point: str) -> None:
    await killed[point]


@pytest.mark.parametrize("point", sorted(AFTER_A_DEATH))
async def test_a_second_worker_dies_while_asked_what_became_of_the_first_ones_call(
    killed: dict[str, "asyncio.Task[None]"], point: str
) -> None:
    await killed[point]


async def the_run_goes_on_elsewhere(fleet: Fleet, counter: Counter, repository: Path, point: str) -> None:
    fleet.order.write_text(point)
    run = await fleet.run(
        repository,
        Act(do="write", args={"path": "notes.txt", "text": "kept\n"}),
        Act(do="run", args={"argv": counter.command("ran", "echo more >> notes.txt")}),
        Act(do="read", args={"path": "notes.txt"}),
        Act(do="run", args={"argv": counter.command("after", "cat notes.txt")}),
    )
    write, first, read, last = (await fleet.account(run)).told

    assert not fleet.order.exists(), "the worker did die there"
    assert fleet.deaths <= 1
    outcomes = {"write": write.outcome, "run": first.outcome}
    assert outcomes == {do: "interrupted" if INTERRUPTED.get(point) == do else "ok" for do in outcomes}
    started = 0 if point in ("machine.run.started", "machine.before_command") else 1
    assert await counter.told() == ["ran"] * started + ["after"]
    expected = ("kept\n" if write.outcome == "ok" else "") + ("more\n" if first.outcome == "ok" else "")
    if expected:
        assert (read.outcome, read.result["head"]) == ("ok", expected)
        assert (last.outcome, last.result["stdout"]["head"]) == ("ok", expected)
    else:
        assert read.outcome == "NotFound"
    await fleet.nothing_is_left()


async def a_second_worker_dies(fleet: Fleet, counter: Counter, repository: Path, point: str) -> None:
    fleet.order.write_text(point)
    run = await fleet.run(
        repository,
        Act(do="write", args={"path": "notes.txt", "text": "kept\n"}),
        Act(do="run", args={"argv": counter.command("ran", "echo more >> notes.txt", "sleep 60")}),
        Act(do="read", args={"path": "notes.txt"}),
    )
    await until(lambda: counter.heard)
    [write] = await fleet.told(run)
    fleet.kill(fleet.holder(write.queue))
    write, first, read = (await fleet.account(run)).told

    assert not fleet.order.exists(), "the worker did die there"
    assert (write.outcome, first.outcome, await counter.told()) == ("ok", "interrupted", ["ran"])
    assert read.result["head"] == "kept\n"
    await fleet.nothing_is_left()


def test_every_point_of_a_machine_is_tried() -> None:
    assert set(INTERRUPTED) < set(MACHINE_POINTS)
    assert set(AFTER_A_DEATH) < set(MACHINE_POINTS)

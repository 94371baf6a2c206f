"""kill -9 of the worker at every named point of a machine's life: the run goes on, nothing happens twice."""

from pathlib import Path

import pytest

from activities.faults import MACHINE_POINTS
from tests.machines.conftest import Counter, Fleet, until
from tests.machines.own.workflows.scripted import Act

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


@pytest.mark.parametrize("point", [point for point in MACHINE_POINTS if point not in AFTER_A_DEATH])
async def test_killed_there_the_run_goes_on_elsewhere(
    fleet: Fleet, counter: Counter, repository: Path, point: str
) -> None:
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
    assert counter.heard == ["ran"] * started + ["after"]
    expected = ("kept\n" if write.outcome == "ok" else "") + ("more\n" if first.outcome == "ok" else "")
    if expected:
        assert (read.outcome, read.result["head"]) == ("ok", expected)
        assert (last.outcome, last.result["stdout"]["head"]) == ("ok", expected)
    else:
        assert read.outcome == "NotFound"
    await fleet.nothing_is_left()


@pytest.mark.parametrize("point", sorted(AFTER_A_DEATH))
async def test_a_second_worker_dies_while_asked_what_became_of_the_first_ones_call(
    fleet: Fleet, counter: Counter, repository: Path, point: str
) -> None:
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
    assert (write.outcome, first.outcome, counter.heard) == ("ok", "interrupted", ["ran"])
    assert read.result["head"] == "kept\n"
    await fleet.nothing_is_left()


def test_every_point_of_a_machine_is_tried() -> None:
    assert set(INTERRUPTED) < set(MACHINE_POINTS)
    assert set(AFTER_A_DEATH) < set(MACHINE_POINTS)

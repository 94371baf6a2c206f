"""What dies, what survives: workers, the server, runs. Nothing is left on the host."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from temporalio.client import WorkflowFailureError

from sandboxes import Bubblewrap
from tests.machines.conftest import Counter, Fleet, leftovers, until
from tests.machines.own.workflows.scripted import Act
from tests.support.platform import Installation
from tests.support.repositories import small
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos

NOTE = Act(do="write", args={"path": "notes.txt", "text": "kept\n"})
READ = Act(do="read", args={"path": "notes.txt"})
WAIT = Act(do="wait")


def long(counter: Counter) -> Act:
    return Act(do="run", args={"argv": counter.command("ran", "echo more >> notes.txt", "sleep 60")})


def boxes(fleet: Fleet) -> dict[str, str]:
    """Live sandboxes of the installation and their owners."""
    return {each["id"]: each["owner"] for each in Bubblewrap(fleet.here.settings.state / "sandboxes").alive()}


async def test_a_killed_worker_loses_the_call_in_flight_and_its_neighbour_cleans_up(
    fleet: Fleet, counter: Counter, repository: Path
) -> None:
    run = await fleet.run(repository, NOTE, long(counter), READ, WAIT)
    await until(lambda: counter.heard)
    [write] = await fleet.told(run)
    [box] = boxes(fleet)
    dead = fleet.holder(write.queue)
    fleet.kept.discard(dead)
    fleet.kill(dead)
    assert box in leftovers(fleet.here.settings.state), "what a killed worker left is seen by this test"

    write, interrupted, read = await fleet.told(run, 3)
    assert interrupted.outcome == "interrupted"
    assert "was not run again" in interrupted.result
    assert "A new machine holds the files as they were before that call" in interrupted.result
    assert read.result["head"] == "kept\n"
    assert read.queue != write.queue
    assert await counter.told() == ["ran"]
    # The neighbour removes what the dead one left, and leaves its own, which is alive, alone.
    await until(lambda: box not in leftovers(fleet.here.settings.state), 60)
    [(other, owner)] = boxes(fleet).items()
    assert (other != box, owner) == (True, run.id)
    await run.signal("go")
    await fleet.account(run)
    await fleet.nothing_is_left()


async def test_a_machine_that_died_between_two_calls_is_replaced_without_a_word(fleet: Fleet, repository: Path) -> None:
    run = await fleet.run(repository, NOTE, WAIT, Act(do="run", args={"argv": ["cat", "notes.txt"]}))
    [write] = await fleet.told(run)
    fleet.kill(fleet.holder(write.queue))
    await run.signal("go")
    _, _, cat = (await fleet.account(run)).told
    assert (cat.outcome, cat.result["stdout"]["head"]) == ("ok", "kept\n")
    assert cat.queue != write.queue
    await fleet.nothing_is_left()


async def test_both_workers_die_and_one_comes_back_later(fleet: Fleet, counter: Counter, repository: Path) -> None:
    run = await fleet.run(repository, NOTE, long(counter), READ)
    await until(lambda: counter.heard)
    fleet.kept.clear()
    for name in ("one", "two"):
        fleet.kill(name)
    await asyncio.sleep(5)
    fleet.start("one")
    _, interrupted, read = (await fleet.account(run)).told
    assert (interrupted.outcome, read.result["head"], await counter.told()) == ("interrupted", "kept\n", ["ran"])
    await fleet.nothing_is_left()


async def test_a_worker_that_stops_answering_is_replaced_and_its_machine_ends_when_it_wakes(
    fleet: Fleet, counter: Counter, repository: Path
) -> None:
    run = await fleet.run(repository, NOTE, long(counter), READ, WAIT)
    await until(lambda: counter.heard)
    [write] = await fleet.told(run)
    stalled = fleet.holder(write.queue)
    [old] = boxes(fleet)
    fleet.send(stalled, signal.SIGSTOP)
    try:
        _, interrupted, read = await fleet.told(run, 3)
        assert (interrupted.outcome, read.result["head"]) == ("interrupted", "kept\n")
        assert old in boxes(fleet), "it holds its lock while it sleeps, so that nobody takes its machine away"
    finally:
        fleet.send(stalled, signal.SIGCONT)
    await until(lambda: old not in boxes(fleet), 30)
    assert list(boxes(fleet).values()) == [run.id]
    await run.signal("go")
    await fleet.account(run)
    assert await counter.told() == ["ran"]
    await fleet.nothing_is_left()


async def test_a_worker_told_to_stop_leaves_nothing_and_the_run_moves(
    fleet: Fleet, counter: Counter, repository: Path
) -> None:
    run = await fleet.run(repository, NOTE, long(counter), READ)
    await until(lambda: counter.heard)
    [write] = await fleet.told(run)
    [box] = boxes(fleet)
    stopped = fleet.holder(write.queue)
    fleet.kept.discard(stopped)
    await asyncio.to_thread(fleet.kill, stopped, signal.SIGTERM)
    assert fleet.processes[stopped].exitcode == 0
    assert box not in leftovers(fleet.here.settings.state)
    _, interrupted, read = (await fleet.account(run)).told
    assert (interrupted.outcome, read.result["head"], await counter.told()) == ("interrupted", "kept\n", ["ran"])
    await fleet.nothing_is_left()


@pytest.mark.parametrize("way", ["cancel", "terminate"])
async def test_the_machine_of_a_run_that_was_ended_is_gone_in_seconds(
    fleet: Fleet, counter: Counter, repository: Path, way: str
) -> None:
    run = await fleet.run(repository, long(counter))
    await until(lambda: counter.heard)
    assert list(boxes(fleet).values()) == [run.id]
    await getattr(run, way)()
    with pytest.raises(WorkflowFailureError):
        await fleet.account(run)
    await until(lambda: not boxes(fleet), 15)
    await fleet.nothing_is_left(15)


async def test_a_server_that_was_killed_and_comes_back(
    temporal_binary: Binary, tmp_path: Path, counter: Counter, repository: Path
) -> None:
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(tmp_path / "temporal", binary=temporal_binary))
        here = await Installation(server, tmp_path / "state").open(stack)
        fleet = Fleet(here, tmp_path)
        stack.callback(fleet.stop)
        fleet.start("one")
        await fleet.ready("one")
        short = Act(do="run", args={"argv": counter.command("ran", "sleep 3", "echo more >> notes.txt")})
        run = await fleet.run(repository, NOTE, short, READ)
        await until(lambda: counter.heard)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)
        await asyncio.sleep(4)
        plan = server.plan
        again = DevServer(tmp_path / "temporal", binary=temporal_binary, port=plan.port, ui_port=plan.ui_port)
        await stack.enter_async_context(again)
        _, command, read = (await fleet.account(run)).told
        # It ended while the server was away: either its result arrives yet, or the ledger tells of it.
        assert (command.outcome, read.result["head"], await counter.told()) == ("ok", "kept\nmore\n", ["ran"])
        await fleet.nothing_is_left()


async def test_ten_machines_at_once_and_a_worker_dies(fleet: Fleet, counter: Counter, tmp_path: Path) -> None:
    runs = []
    for number in range(10):
        more = Act(do="run", args={"argv": counter.command(f"run{number}", "sleep 1", "echo more >> notes.txt")})
        runs.append(await fleet.run(small(tmp_path / f"app{number}", checkout=True), NOTE, more, more, READ))
    await until(lambda: len(counter.heard) >= 5)
    fleet.kill("one")
    accounts = await asyncio.gather(*(fleet.account(run) for run in runs))
    for number, account in enumerate(accounts):
        write, *commands, read = account.told
        done = sum(each.outcome == "ok" for each in commands)
        assert {each.outcome for each in commands} <= {"ok", "interrupted"}
        assert read.result["head"] == ("kept\n" if write.outcome == "ok" else "") + "more\n" * done
        assert done <= counter.heard.count(f"run{number}") <= 2
    assert sum(each.outcome == "interrupted" for account in accounts for each in account.told) <= 10
    await fleet.nothing_is_left()

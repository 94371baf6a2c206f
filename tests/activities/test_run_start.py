"""A run that a person signed is started once, whatever dies; here by a stand-in that writes down what it is told."""

import asyncio
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import JsonValue

from activities.effects import start_effect
from activities.faults import POINTS
from contracts.errors import BadInput
from contracts.requirements import StartedBy
from contracts.runs import CarryOut
from tests.activities.effect_world import World
from tests.ledger.support import Signer

POINTS_OF_IT = [
    point
    for point in POINTS
    if point.startswith(("effect.", "run.after")) and not point.endswith((".started", ".worked", ".entered"))
]


class Noting:
    """Runs are lines of a file."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "runs"

    async def known(self, run: str) -> bool:
        return self._file.exists() and any(line.startswith(run) for line in self._file.read_text().splitlines())

    async def start(self, workflow: str, request: Mapping[str, JsonValue], run: str, by: StartedBy) -> None:
        with self._file.open("a") as file:
            file.write(f"{run} {by.name} {request['ticket']}\n")


def opened(folder: Path, signer: Signer | None = None) -> World:
    world = World.open(folder, signer)
    return replace(world, toolbox=replace(world.toolbox, starter=Noting(folder)))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = opened(tmp_path)
    yield made
    made.ledger.close()


def asked(world: World) -> CarryOut:
    return world.request(start_effect("run-1", 1, "ticket_to_pr", {"ticket": "#7", "repository": "/r"}, "#7"))


def runs(world: World) -> list[str]:
    return (world.folder / "runs").read_text().splitlines()


def _carry_out(point: str, folder: Path, request: CarryOut) -> None:
    os.environ["COUNTERSIGN_FAULT"] = point
    asyncio.run(opened(folder, Signer("ana", None)).carry_out(request))  # type: ignore[arg-type]


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS_OF_IT)
async def test_killed_anywhere_there_is_one_run(world: World, point: str) -> None:
    request = asked(world)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preloaded"])
    process = context.Process(target=_carry_out, args=(point, world.folder, request))
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    done = await world.carry_out(request)
    [run] = runs(world)
    assert run == f"{done.facts['run']} ana #7"


async def test_without_a_starter_it_says_so(world: World) -> None:
    bare = replace(world, toolbox=replace(world.toolbox, starter=None))
    with pytest.raises(BadInput, match="starts no runs"):
        await bare.carry_out(asked(world))

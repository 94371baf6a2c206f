"""Kinds of effects that only tests have: letters into a folder that counts them. Also a process that sends one.

A letter may be slow: it lies on the table until somebody lets it go. Its box can be looked into, or not.
"""

import asyncio
import multiprocessing
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest
from pydantic import JsonValue

from activities.effects import KINDS, EffectContext
from activities.effects.kinds import Facts, UnaskableKind
from activities.faults import fault
from contracts.proposal import Effect
from contracts.records import Person
from contracts.runs import CarryOut
from tests.activities.effect_world import World
from tests.ledger.support import Signer


class Letter:
    """A letter into a box that can be looked into; cut off before it is in the box, it is not sent."""

    kind = "test.letter"
    askable = True
    cancellable = True

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return str(params["box"])

    async def ask(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts | None:
        sent = f"{context.key}\n" in letters(params)
        return {"says": "It is in the box"} if sent else None

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        return await post(params, context)


class Registered(Letter):
    """One that is let end once it has begun."""

    kind = "test.registered"
    cancellable = False


class Parcel(UnaskableKind):
    """One into a box that nobody can look into."""

    kind = "test.parcel"

    def subject(self, params: Mapping[str, JsonValue]) -> str:
        return str(params["box"])

    async def act(self, params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
        return await post(params, context)


def letters(params: Mapping[str, JsonValue]) -> list[str]:
    box = Path(str(params["box"]))
    return box.read_text().splitlines(keepends=True) if box.exists() else []


async def post(params: Mapping[str, JsonValue], context: EffectContext) -> Facts:
    box = Path(str(params["box"]))
    table = box.with_suffix(".slow")
    if table.exists():
        box.with_suffix(".begun").touch()
    while table.exists():
        await asyncio.sleep(0.01)
    with box.open("a") as file:
        file.write(f"{context.key}\n")
    fault("pull.after_open")  # in the middle: it is sent, and nobody has said so
    return {"says": "Sent"}


def letter(box: Path, number: int = 1, kind: str = "test.letter") -> Effect:
    return Effect(kind=kind, key=f"run-{number}/{kind}", says="Send a letter", params={"box": str(box)})


def signed(world: World, box: Path, number: int = 1, kind: str = "test.letter") -> CarryOut:
    return world.request(letter(box, number, kind), run=f"run-{number}")


OF_TESTS = (Letter(), Registered(), Parcel())


@contextmanager
def world_with_letters(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A world that knows these kinds, and has an administrator."""
    for kind in OF_TESTS:
        monkeypatch.setitem(KINDS, kind.kind, kind)
    made = World.open(folder)
    made.ledger.enrol(Person(name="root", display_name="Root", roles=("administrator",)))
    yield made
    made.ledger.close()


def die_at(point: str, folder: Path, request: CarryOut) -> int | None:
    """Carry out a request in a process of its own, told to die at a fault point. Gives its exit code."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.support.preloaded"])
    process = context.Process(target=_carry_out, args=(point, folder, request))
    process.start()
    process.join()
    return process.exitcode


def _carry_out(point: str, folder: Path, request: CarryOut) -> None:
    os.environ["COUNTERSIGN_FAULT"] = point
    KINDS.update({kind.kind: kind for kind in OF_TESTS})
    world = World.open(folder, signer=Signer("ana", None))  # type: ignore[arg-type]
    asyncio.run(world.carry_out(request))

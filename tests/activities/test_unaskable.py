"""A kind whose destination can't say whether it happened: a person does, and nothing is blindly repeated."""

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from activities.effects import KINDS
from contracts.errors import DestinationMoved, ServiceBusy, Unaskable
from contracts.runs import CarryOut
from tests.activities import letters
from tests.activities.effect_world import World
from tests.activities.letters import die_at, signed, world_with_letters

PARCEL = "test.parcel"
BEFORE = ("effect.before_intent", "effect.after_intent", "effect.after_ask")
WITHIN = {"effect.begun": 0, "pull.after_open": 1, "effect.after_act": 1}  # how many were sent by then


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    with world_with_letters(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "box"


def killed(world: World, box: Path, point: str, kind: str = PARCEL) -> CarryOut:
    request = signed(world, box, kind=kind)
    assert die_at(point, world.folder, request) == -signal.SIGKILL
    return request


def sent(box: Path) -> int:
    return len(box.read_text().split()) if box.exists() else 0


@pytest.mark.chaos
@pytest.mark.parametrize("point", BEFORE)
async def test_killed_before_it_began_nobody_is_asked(world: World, box: Path, point: str) -> None:
    request = killed(world, box, point)
    await world.carry_out(request)
    assert sent(box) == 1


@pytest.mark.chaos
@pytest.mark.parametrize("point", WITHIN)
@pytest.mark.parametrize("happened", [True, False])
async def test_killed_in_the_middle_a_person_is_asked(world: World, box: Path, point: str, happened: bool) -> None:
    request = killed(world, box, point)
    for _ in range(2):
        with pytest.raises(Unaskable, match=r"countersign effects settle run-1/test\.parcel"):
            await world.carry_out(request)
    record = world.ledger.effect(request.effect)
    assert record is not None
    assert (record.state, sent(box)) == ("unknown", WITHIN[point])
    assert str(record.outcome["says"]).startswith("Did it happen? It had begun when its process died")

    world.ledger.settle_effect(request.effect, happened=happened, person="root", words="I looked")
    done = await world.carry_out(request)
    assert done.repeated is happened
    assert sent(box) == WITHIN[point] + (not happened)
    assert [each.state for each in world.ledger.effects()] == ["done"]


@pytest.mark.chaos
async def test_killed_when_the_outcome_is_written_it_is_done(world: World, box: Path) -> None:
    request = killed(world, box, "effect.after_finish")
    assert (await world.carry_out(request)).repeated
    assert sent(box) == 1


@pytest.mark.chaos
@pytest.mark.parametrize("point", [*BEFORE, *WITHIN, "effect.after_finish"])
async def test_where_it_can_be_asked_nobody_else_is(world: World, box: Path, point: str) -> None:
    request = killed(world, box, point, "test.letter")
    await world.carry_out(request)
    assert sent(box) == 1


async def test_what_its_errors_say(world: World, box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A named one: it did not happen. Any other: nobody knows."""
    request = signed(world, box, kind=PARCEL)
    errors: list[Exception] = [ServiceBusy("The post is closed."), OSError("the line broke")]

    async def failing(*_: object) -> None:
        raise errors.pop(0)

    with monkeypatch.context() as patch:
        patch.setattr(letters, "post", failing)
        with pytest.raises(ServiceBusy):
            await world.carry_out(request)
        assert [each.state for each in world.ledger.effects()] == ["intent"]
        with pytest.raises(Unaskable, match="the line broke"):
            await world.carry_out(request)
    assert [each.state for each in world.ledger.effects()] == ["unknown"]
    world.ledger.settle_effect(request.effect, happened=False, person="root")
    await world.carry_out(request)
    assert sent(box) == 1


async def test_a_person_outweighs_a_destination_that_cannot_tell(
    world: World, box: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kind that is askable as a rule may meet a case in which it is not."""

    async def cannot_tell(*_: object) -> None:
        raise Unaskable("The list was cut short.")

    monkeypatch.setattr(KINDS["test.letter"], "ask", cannot_tell)
    request = signed(world, box)
    with pytest.raises(Unaskable, match="The list was cut short"):
        await world.carry_out(request)
    world.ledger.settle_effect(request.effect, happened=False, person="root")
    await world.carry_out(request)
    assert sent(box) == 1


async def test_a_failure_is_one(world: World, box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def failing(*_: object) -> None:
        raise DestinationMoved("The box is gone.")

    monkeypatch.setattr(letters, "post", failing)
    with pytest.raises(DestinationMoved):
        await world.carry_out(signed(world, box, kind=PARCEL))
    assert [each.state for each in world.ledger.effects()] == ["failed"]

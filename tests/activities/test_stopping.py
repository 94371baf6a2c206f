"""The kill switch and the limits around one effects' process: held, cut off or let end, and then carried out once."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from activities.effects import stopping
from activities.effects.carry_out import EffectActivities
from contracts.effects import effect_limits
from contracts.errors import EffectsStopped, OverLimit, UnknownKey
from contracts.records import EffectRecord
from tests.activities.effect_world import World, branches
from tests.activities.letters import signed, world_with_letters
from tests.ledger.test_switch import story

LONG = 60.0


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setattr(stopping, "LOOK", 0.01)
    monkeypatch.setattr(stopping, "HELD_LOOK", 0.01)
    with world_with_letters(tmp_path, monkeypatch) as made:
        yield made


@pytest.fixture
def box(tmp_path: Path) -> Path:
    return tmp_path / "box"


async def until(world: World, key: str, state: str) -> EffectRecord:
    async with asyncio.timeout(LONG):
        while True:
            found = await asyncio.to_thread(world.ledger.effect, key)
            if found is not None and found.state == state:
                return found
            await asyncio.sleep(0.01)


async def there(path: Path) -> None:
    async with asyncio.timeout(LONG):
        while not path.exists():
            await asyncio.sleep(0.01)


async def test_what_is_signed_while_effects_are_stopped_is_held_and_then_done(world: World, box: Path) -> None:
    world.ledger.stop_effects("root", "wrong branch")
    process = EffectActivities(world.toolbox)
    requests = [signed(world, box, number) for number in (1, 2, 3)]
    going = [asyncio.create_task(process.carry_out(request)) for request in requests]
    for request in requests:
        held = await until(world, request.effect, "held")
        assert str(held.outcome["says"]).endswith(": wrong branch")
    assert not box.exists()
    world.ledger.start_effects("root")
    await asyncio.gather(*going)
    assert sorted(box.read_text().split()) == sorted(request.effect for request in requests)
    assert story(world.ledger)[0] == "effects.stopped"
    told = story(world.ledger)
    assert {each.split()[1] for each in told[1 : told.index("effects.started")]} == {"held"}


async def test_an_attempt_does_not_wait_for_ever(world: World, box: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next one goes on waiting: Temporal tries it again."""
    monkeypatch.setattr(stopping, "PATIENCE", 0.0)
    world.ledger.stop_effects("root")
    request = signed(world, box)
    for _ in range(2):
        with pytest.raises(EffectsStopped) as caught:
            await world.carry_out(request)
        assert caught.value.retryable
    world.ledger.start_effects("root")
    await world.carry_out(request)
    assert box.read_text().split() == [request.effect]


async def test_a_key_that_was_revoked_meanwhile_carries_out_nothing(world: World, box: Path) -> None:
    world.ledger.stop_effects("root", "a stolen key")
    request = signed(world, box)
    going = asyncio.create_task(world.carry_out(request))
    await until(world, request.effect, "held")
    world.ledger.revoke_key(world.signer.fingerprint)
    world.ledger.start_effects("root")
    with pytest.raises(UnknownKey):
        await going
    assert not box.exists()


async def test_one_in_its_middle_is_cut_off_and_goes_on_once(world: World, box: Path) -> None:
    box.with_suffix(".slow").touch()
    request = signed(world, box)
    going = asyncio.create_task(world.carry_out(request))
    await there(box.with_suffix(".begun"))
    _, flying = world.ledger.stop_effects("root")
    assert [each.key for each in flying] == [request.effect]
    held = await until(world, request.effect, "held")
    assert "was cut off" in str(held.outcome["says"])
    box.with_suffix(".slow").unlink()  # nobody is there any more to send it
    world.ledger.start_effects("root")
    await going
    assert box.read_text().split() == [request.effect]
    begun = "run-1 begun"
    assert story(world.ledger) == [
        *("run-1 intent", begun, "effects.stopped", "run-1 held", "effects.started"),
        *(begun, "run-1 done"),
    ]


@pytest.mark.parametrize("kind", ["test.registered", "test.parcel"])
async def test_one_that_may_not_be_cut_off_is_let_end(world: World, box: Path, kind: str) -> None:
    box.with_suffix(".slow").touch()
    process = EffectActivities(world.toolbox)
    first, second = (signed(world, box, number, kind) for number in (1, 2))
    flying = asyncio.create_task(process.carry_out(first))
    await there(box.with_suffix(".begun"))
    waiting = asyncio.create_task(process.carry_out(second))
    _, named = world.ledger.stop_effects("root")
    assert [(each.key, each.state) for each in named] == [(first.effect, "acting")]
    box.with_suffix(".slow").unlink()
    await flying
    await until(world, second.effect, "held")
    assert box.read_text().split() == [first.effect]
    world.ledger.start_effects("root")
    await waiting
    assert box.read_text().split() == [first.effect, second.effect]


async def test_a_worker_that_ends_leaves_nothing_that_acts(world: World, box: Path) -> None:
    before = asyncio.all_tasks()  # of platforms that other tests share
    box.with_suffix(".slow").touch()
    going = asyncio.create_task(world.carry_out(signed(world, box)))
    await there(box.with_suffix(".begun"))
    going.cancel()
    with pytest.raises(asyncio.CancelledError):
        await going
    box.with_suffix(".slow").unlink()
    assert asyncio.all_tasks() - before == set()
    assert not box.exists()


async def test_a_real_commit_is_held_and_made_once(world: World) -> None:
    repository = world.repository()
    request = world.request(world.effect(repository))
    world.ledger.stop_effects("root")
    going = asyncio.create_task(world.carry_out(request))
    await until(world, request.effect, "held")
    assert branches(repository) == []
    world.ledger.start_effects("root")
    done = await going
    assert branches(repository) == [done.facts["branch"]]


async def test_over_the_limit_it_says_when_to_come_again(world: World, box: Path) -> None:
    limited = replace(world, toolbox=replace(world.toolbox, effect_limits=effect_limits("test.letter=2/day")))
    requests = [signed(world, box, number) for number in (1, 2, 3)]
    for request in requests[:2]:
        await limited.carry_out(request)
    with pytest.raises(OverLimit, match=r"test.letter=2/day is reached: held until") as caught:
        await limited.carry_out(requests[2])
    assert caught.value.retryable
    assert caught.value.retry_after > 0
    await limited.carry_out(requests[0])  # asked again, a done one is done
    await world.carry_out(requests[2])  # where nothing limits it, it is carried out
    assert box.read_text().split() == [request.effect for request in requests]

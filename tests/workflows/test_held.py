"""A run whose effect may not begin, or of which nobody knows whether it happened: it parks, and then does it once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio

import ledger.effects
from activities.effects import KINDS, stopping
from contracts import search
from contracts.errors import OverLimit
from contracts.proposal import Proposal
from contracts.runs import Sealed
from tests.activities import letters
from tests.activities.letters import OF_TESTS, letter
from tests.ledger.support import proposal
from tests.support.platform import Platform
from tests.workflows.sending import Sending
from workers.cli import effects as commands
from workers.worker import build

QUEUE = "sending"
LONG = 60.0


@pytest_asyncio.fixture
async def sending(here: Platform, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    for kind in OF_TESTS:
        monkeypatch.setitem(KINDS, kind.kind, kind)
    monkeypatch.setattr(stopping, "HELD_LOOK", 0.02)
    worker = build(here.client, "agents", here.tools, workflows=[Sending], activities=[], queue=QUEUE)
    async with worker:
        yield here
    if here.ledger.effect_switch().stopped:
        here.ledger.start_effects("ana")


async def signed(here: Platform, box: Path, kind: str) -> Proposal:
    """A run that has a person's approval of one effect."""
    run, now = f"sending-{box.parent.name}", datetime.now(UTC)
    effect = letter(box, kind=kind).model_copy(update={"key": f"{run}/{kind}"})
    times = {"created_at": now, "expires_at": now + timedelta(days=1)}
    made = proposal(here.ledger, run=run, workflow="sending", effects=(effect,), **times)
    here.ledger.store_proposal(made)
    await here.client.start_workflow("sending", Sealed.of(made), id=run, task_queue=QUEUE)
    await here.decide(made, "approve")
    return made


async def until(check: Callable[[], bool]) -> None:
    async with asyncio.timeout(LONG):
        while not await asyncio.to_thread(check):
            await asyncio.sleep(0.02)


def sent(box: Path) -> int:
    return len(box.read_text().split()) if box.exists() else 0


async def test_a_stop_holds_the_run_attempt_after_attempt(
    sending: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "PATIENCE", 0.0)
    sending.ledger.stop_effects("ana", "wrong branch")
    made = await signed(sending, tmp_path / "box", "test.letter")

    def attempts() -> list[str]:
        named = [each for each in sending.ledger.entries(run=made.run) if each.name == "effect.carry_out"]
        return [each.outcome for each in named]

    await until(lambda: len(attempts()) >= 2)
    [held] = sending.ledger.effects(run=made.run)
    assert (held.state, sent(tmp_path / "box")) == ("held", 0)
    assert str(held.outcome["says"]).startswith("Held: Effects are stopped by ana since ")
    assert str(held.outcome["says"]).endswith(": wrong branch")
    sending.ledger.start_effects("ana")
    outcome = await sending.outcome(made.run)
    assert (outcome.state, sent(tmp_path / "box")) == ("done", 1)
    assert set(attempts()[:-1]) == {"held"}
    assert attempts()[-1] == "ok"


async def test_over_a_limit_it_is_tried_again_by_itself(
    sending: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = [OverLimit("The limit is reached.", retry_after=0.1) for _ in range(2)]
    monkeypatch.setattr(ledger.effects, "over_limit", lambda *_: full.pop() if full else None)
    made = await signed(sending, tmp_path / "box", "test.letter")
    outcome = await sending.outcome(made.run)
    assert (outcome.state, sent(tmp_path / "box"), full) == ("done", 1, [])


@pytest.mark.parametrize("happened", [True, False])
async def test_a_run_parks_until_a_person_says_whether_it_happened(
    sending: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, happened: bool
) -> None:
    real, lost = letters.post, [OSError("the line broke")]

    async def losing(*given: object) -> object:
        if happened or not lost:
            await real(*given)  # type: ignore[arg-type]
        if lost:
            raise lost.pop()
        return {"says": "Sent"}

    monkeypatch.setattr(letters, "post", losing)
    made = await signed(sending, tmp_path / "box", "test.parcel")
    await until(lambda: [each.state for each in sending.ledger.effects(run=made.run)] == ["unknown"])
    handle = sending.client.get_workflow_handle(made.run)
    async with asyncio.timeout(LONG):
        while (await handle.describe()).typed_search_attributes.get(search.STATE) != "asking a person":
            await asyncio.sleep(0.02)
    assert sending.ledger.run(made.run).says.startswith("Did it happen? It had begun when it failed")
    key = made.effects[0].key
    await handle.signal("settled", {"not": "a key"})
    settled = sending.ledger.settle_effect(key, happened=happened, person="ana", words="I looked")
    await commands.tell(sending.settings, settled)
    outcome = await sending.outcome(made.run)
    assert (outcome.state, sent(tmp_path / "box")) == ("done", 1)
    assert ("I looked" in outcome.says) is happened

"""A ticket's update: as signed, once, wherever it was killed; at files, Zendesk and Intercom."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from activities.effects import KINDS
from activities.effects.ticket_params import panels, ticket_effect, ticket_params
from contracts.errors import BadInput, DestinationMoved, NotSigned
from contracts.runs import CarryOut
from tests.activities.effect_world import World
from tests.activities.letters import die_at

POINTS_OF_IT = (
    *("effect.before_intent", "effect.after_intent", "effect.after_ask", "effect.begun"),
    *("effect.after_act", "effect.after_finish"),
)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.open(tmp_path)
    (tmp_path / "tickets.jsonl").write_text('{"id": "7", "text": "where is my lamp?"}\n')
    yield made
    made.ledger.close()


def asked(world: World, number: int = 1, **values: Any) -> CarryOut:
    source = str(world.folder / "tickets.jsonl")
    fields: dict[str, Any] = {"source": source, "ticket": "7", "queue": "Shipping", "intent": "delivery"}
    fields |= {"answer": "It is late.", "cites": ["3"], **values}
    effect = ticket_effect(run=f"run-{number}", revision=1, **fields)
    return world.request(effect, run=f"run-{number}", panels=panels([ticket_params(effect.params)]))


def lines(world: World) -> list[dict[str, Any]]:
    path = world.folder / "tickets.jsonl.updates.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_what_becomes_of_a_ticket_in_a_file_stands_beside_it_once(world: World) -> None:
    before = (world.folder / "tickets.jsonl").read_bytes()
    request = asked(world)
    first, second = await world.carry_out(request), await world.carry_out(request)
    assert (first.repeated, second.repeated) == (False, True)
    [line] = lines(world)
    assert (line["ticket"], line["queue"], line["intent"]) == ("7", "Shipping", "delivery")
    assert "Drafted answer (after ticket 3), not sent:" in line["note"]
    assert (world.folder / "tickets.jsonl").read_bytes() == before


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS_OF_IT)
async def test_killed_anywhere_it_is_done_once(world: World, point: str) -> None:
    request = asked(world)
    assert die_at(point, world.folder, request) == -signal.SIGKILL
    await world.carry_out(request)
    assert len(lines(world)) == 1
    assert [each.state for each in world.ledger.effects()] == ["done"]


async def test_a_line_that_a_crash_cut_short_counts_for_nothing(world: World) -> None:
    path = world.folder / "tickets.jsonl.updates.jsonl"
    path.write_text('{"effect": "countersi')
    await world.carry_out(asked(world))
    broken, whole = path.read_text().splitlines()
    assert broken == '{"effect": "countersi'
    assert json.loads(whole)["ticket"] == "7"


async def test_what_was_not_shown_is_not_done(world: World) -> None:
    request = asked(world)
    effect = ticket_effect(
        run="run-2", revision=1, source=str(world.folder / "tickets.jsonl"), ticket="7", queue="Other"
    )
    unlike = world.request(effect, run="run-2", panels=world.ledger.proposal(request.digest).panels)
    with pytest.raises(NotSigned):
        await world.carry_out(unlike)
    assert lines(world) == []


async def test_tickets_that_are_gone_and_links_are_refused(world: World) -> None:
    request = asked(world)
    (world.folder / "tickets.jsonl").unlink()
    with pytest.raises(DestinationMoved, match="are gone"):
        await world.carry_out(request)


@pytest.mark.parametrize(
    ("values", "names"),
    [({"queue": "a\nb"}, "queue"), ({"priority": "soon"}, "priority"), ({"duplicate_of": "7"}, "itself")],
)
def test_what_cannot_be_is_named(world: World, values: dict[str, Any], names: str) -> None:
    with pytest.raises(BadInput, match=names):
        asked(world, **values)


def test_a_reviewers_change_is_told_anew(world: World) -> None:
    request = asked(world)
    proposal = world.ledger.proposal(request.digest)
    kind: Any = KINDS["ticket.update"]
    effect, shown = kind.edited(
        proposal.effects[0], {**proposal.effects[0].params, "queue": "Billing"}, proposal.panels
    )
    assert "Billing" in effect.says
    assert shown == panels([ticket_params(effect.params)])

"""From a generated history to what is said of new tickets; kept as bytes, and back."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from activities.support_triage.desk import Desk
from activities.support_triage.encoders import WordVectors
from activities.support_triage.keeping import dump, load
from contracts.errors import BadInput
from contracts.support import Example, SupportTicket
from tests.activities.support_triage.made import NEW, tickets

QUEUES = {"refund": "billing", "invoice": "billing", "delivery": "logistics", "login": "accounts", "cancel": "billing"}
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def history(count: int = 160, seed: int = 0) -> list[Example]:
    return [
        Example(
            key=f"made#{place}",
            id=str(place),
            text=text,
            intent=intent,
            queue=QUEUES[intent],
            priority="high" if intent == "login" else "normal",
            solution=f"What helped with {intent}." if place % 3 == 0 else "",
        )
        for place, (text, intent) in enumerate(zip(*tickets(count, seed), strict=True))
    ]


def ticket(id: str, text: str, **more: object) -> SupportTicket:
    return SupportTicket.model_validate({"source": "made", "id": id, "text": text, **more})


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk.fit(history())


def test_a_ticket_is_told_all_that_a_reviewer_asks(desk: Desk) -> None:
    (said,) = desk.triage([ticket("1", "I can't log in to the portal. This is terrible and I am very angry!")])
    assert said.intents[0].label == "login"
    assert said.queues[0].label == "accounts"
    assert (said.language, said.sentiment, said.priority) == ("en", "negative", "urgent")
    assert "usually high" in said.priority_why
    assert said.similar[0].solution == "What helped with login."
    assert said.similar[0].score > said.similar[-1].score - 1e-6


def test_a_question_that_was_asked_already_is_a_duplicate_and_another_number_is_not(desk: Desk) -> None:
    opened = [ticket("7", "The blue coat of order 1234 has not arrived yet and I need it for a wedding")]
    same = ticket("8", "the blue coat of order 1234 has not arrived yet, and I need it for a wedding!")
    other = ticket("9", "The blue coat of order 1235 has not arrived yet and I need it for a wedding")
    again = ticket("10", "the blue coat of order 1235 has not arrived yet and I need it for a wedding")
    said = desk.triage([same, other, again], opened)
    assert [each.duplicate_of for each in said] == ["7", "", "9"]
    assert desk.triage(opened, opened)[0].duplicate_of == ""  # it is not its own


def test_with_queues_alone_queues_are_learnt() -> None:
    bare = [example.model_copy(update={"intent": ""}) for example in history()]
    (said,) = Desk.fit(bare).triage([ticket("1", "where is my lamp?")])
    assert said.intents == ()
    assert said.queues[0].label == "logistics"


def test_what_was_corrected_is_known_at_once_and_survives_being_kept(desk: Desk) -> None:
    kept = load(dump(desk), WordVectors())
    texts, _ = tickets(5, seed=3, asks=NEW)
    for place, text in enumerate(texts):
        kept.learn(Example(key=f"new#{place}", text=text, intent="cancel", queue="billing", corrected=True))
    again = load(dump(kept), WordVectors())
    asked = [ticket("1", "please cancel my subscription to the app"), ticket("2", "where is my desk?")]
    for each in (kept, again):
        assert [said.intents[0].label for said in each.triage(asked)] == ["cancel", "delivery"]


def test_what_a_reviewer_made_of_an_answer_comes_first_next_time_where_it_is_about_the_same(desk: Desk) -> None:
    kept = load(dump(desk), WordVectors())
    asked = [ticket("1", "Hi, where is my lamp?"), ticket("2", "locked out of the app again")]
    before = [each.similar[0].solution for each in kept.triage(asked)]
    words = "It is on its way. You can follow it under Orders."
    edited = Example(
        key="made#e", id="e", text="where is my lamp? Hello", intent="delivery", solution=words, taught=True
    )
    kept.learn(edited)
    for each in (kept, load(dump(kept), WordVectors())):
        lamp, locked = each.triage(asked)
        assert (lamp.similar[0].id, lamp.similar[0].solution, lamp.similar[0].taught) == ("e", words, True)
        assert [one.solution for one in lamp.similar[1:]] != [words] * 2
        assert locked.similar[0].solution == before[1]
    assert before[0] != words


@pytest.mark.parametrize("kept", [b"", b"PK rubbish", b"\x80\x04cposix\nsystem\n"], ids=["empty", "rubbish", "pickle"])
def test_what_is_no_model_is_refused(kept: bytes) -> None:
    with pytest.raises(BadInput, match="no model of support triage"):
        load(kept, WordVectors())


def test_a_model_of_another_encoder_is_refused(desk: Desk) -> None:
    other = WordVectors()
    other.name = "other"
    with pytest.raises(BadInput, match="word-vectors-1"):
        load(dump(desk), other)


@pytest.mark.parametrize("examples", [[], history(5)], ids=["none", "few"])
def test_too_little_to_learn_from_is_said(examples: Sequence[Example]) -> None:
    with pytest.raises(BadInput, match="nothing to learn from") as refused:
        Desk.fit(examples)
    assert "It takes 20 solved tickets" in refused.value.way_out


def test_a_burst_is_one_incident_and_a_busy_hour_is_none(desk: Desk) -> None:
    texts, _ = tickets(200, seed=6)
    rng = np.random.default_rng(0)
    calm = [
        ticket(str(place), text, created_at=NOW - timedelta(hours=float(hours)))
        for place, (text, hours) in enumerate(zip(texts, rng.uniform(1, 14 * 24, len(texts)), strict=True))
    ]
    busy = [
        ticket(f"busy{place}", text, created_at=NOW - timedelta(minutes=float(minutes)))
        for place, (text, minutes) in enumerate(zip(tickets(25, seed=9)[0], rng.uniform(1, 50, 25), strict=True))
    ]
    starts = ("the portal", "Hi, the portal", "your portal", "The portal", "Hello, the portal", "portal", "This portal")
    down = [
        ticket(f"down{place}", f"{start} is down, error 502 on every page", created_at=NOW - timedelta(minutes=place))
        for place, start in enumerate(starts)
    ]
    assert desk.bursts([*calm, *busy], NOW.timestamp()) == []
    (burst,) = desk.bursts([*calm, *busy, *down], NOW.timestamp())
    assert {[*calm, *busy, *down][place].id for place in burst.places} == {each.id for each in down}
    assert burst.expected < 2

"""Tickets are sorted into cases: sure ones together, doubtful ones alone, a burst as one incident that goes on."""

from datetime import timedelta
from typing import Any, cast

import pytest

from activities.support_triage.cases import DOUBTFUL, UNDECIDED, room_beside, sort
from activities.support_triage.desk import Desk
from activities.support_triage.drafting import Drafting
from activities.support_triage.history import example
from activities.support_triage.look import item, told_of
from activities.support_triage.propose import summary, title
from activities.support_triage.sources import Source, rows
from contracts.support import Case, Item, SimilarTicket, SupportTicket, Triaged
from workers.demo.tickets import history, new


def ticket(row: dict[str, Any]) -> SupportTicket:
    return rows.ticket(row, rows.columns(row, "made"), "made", 0)[0]


@pytest.fixture(scope="module")
def desk() -> Desk:
    return Desk.fit([example(ticket(row)) for row in history(200)])


def triaged(desk: Desk, tickets: list[SupportTicket]) -> list[Item]:
    return [item(each, (), said) for each, said in zip(tickets, desk.triage(tickets), strict=True)]


def test_each_ticket_is_in_one_case_and_a_later_look_links_to_the_incident(desk: Desk) -> None:
    items = triaged(desk, [ticket(row) for row in new(30, doubtful=2, burst=10)])
    first = sort(items[:-2], [], desk).cases
    assert [(case.kind, len(case.items)) for case in first] == [
        ("incident", 8),
        ("batch", 30),
        ("doubtful", 1),
        ("doubtful", 1),
    ]
    later = sort(items[-2:], first, desk).cases
    assert [(case.kind, len(case.items)) for case in later] == [("incident", 2)]
    assert later[0].known == first[0].items[0].ticket.id


def test_a_full_inbox_gets_no_more_doubtful_ones_and_none_of_them_is_lost(desk: Desk) -> None:
    items = triaged(desk, [ticket(row) for row in new(6, doubtful=4, burst=8)])
    full = sort(items, [], desk, room_beside(UNDECIDED + 3))
    assert [case.kind for case in full.cases] == ["incident", "batch"], "what spares a person many always finds room"
    held = [each.ticket.key for case in full.cases for each in case.items]
    assert len(full.left) == 4
    assert sorted([*held, *full.left]) == sorted(each.ticket.key for each in items)
    assert len(sort(items, [], desk, room_beside(UNDECIDED - 1)).left) == 3
    assert room_beside(0) == DOUBTFUL


def test_a_look_says_what_left_no_room() -> None:
    assert "2 doubtful ones left until some of the 59 that wait" in told_of([], 2, [], 59)
    assert "1 doubtful one left for the next look." in told_of([], 1, [], 0)


def test_what_repeats_a_known_incident_hours_later_is_linked_to_it_and_a_doubtful_repeat_says_so(desk: Desk) -> None:
    opened = [ticket(row) for row in new(0, doubtful=0, burst=8)]
    incident = Case(kind="incident", items=tuple(triaged(desk, opened)), title="error 502")
    at = opened[-1].created_at
    assert at is not None
    late = opened[-1].model_copy(update={"id": "late", "created_at": at + timedelta(hours=30)})
    doubtful = SupportTicket(source="made", id="D", text="The choir sang beautifully under the old oak, did it not?")
    again = doubtful.model_copy(update={"id": "E"})
    found = desk.triage([late, doubtful, again], opened)
    items = [item(each, (), said) for each, said in zip([late, doubtful, again], found, strict=True)]
    linked, first, second = sort(items, [incident], desk).cases
    assert (linked.kind, linked.known, [each.ticket.id for each in linked.items]) == (
        "incident",
        opened[0].id,
        ["late"],
    )
    assert "came after its burst" in summary(linked)
    assert "says the same as ticket D" in summary(second)
    assert "says the same" not in summary(first)


class Asked:
    """A source that says what solved a ticket when it is asked for one, as services do."""

    name = "made"

    def __init__(self) -> None:
        self.ids = list[str]()

    async def one(self, id: str) -> SupportTicket:
        self.ids.append(id)
        return SupportTicket(source="made", id=id, solution="Hello Ana, mail ana@x.example.", people=("Ana Silva",))


async def test_a_doubtful_ticket_has_an_answer_too_and_what_solved_others_is_asked_for_once_and_masked() -> None:
    source = Asked()
    drafting = Drafting(cast(Source, source))
    alike = (SimilarTicket(key="made#3", id="3", score=0.9), SimilarTicket(key="other#4", id="4", score=0.8))
    doubtful = Item(ticket=SupportTicket(source="made", id="1", text="?"), triaged=Triaged(similar=alike))
    made = [await drafting.answered(doubtful) for _ in range(2)][1]
    assert (made.answer, made.cites, source.ids) == ("Hello [name], mail [email].", ("3",), ["3"])
    assert made.triaged.similar[0].solution == made.answer, "a reviewer is shown what solved it"
    for field, value in (("unlike", True), ("duplicate_of", "9")):
        other = doubtful.model_copy(update={"triaged": doubtful.triaged.model_copy(update={field: value})})
        assert (await drafting.answered(other)).answer == ""
    for field, value in (("left_out", 5), ("automatic", "Precedence: bulk")):
        other = doubtful.model_copy(update={"ticket": doubtful.ticket.model_copy(update={field: value})})
        assert (await drafting.answered(other)).answer == ""


def test_a_ticket_like_nothing_learnt_has_no_percentages_in_its_title(desk: Desk) -> None:
    strange, known = triaged(
        desk,
        [
            SupportTicket(source="made", id="S", text="zxqv wibble flurb 0x7f glork"),
            SupportTicket(source="made", id="K", text=desk.triager.texts[0]),
        ],
    )
    assert strange.triaged.unlike
    assert not known.triaged.unlike
    said = title(Case(kind="doubtful", items=(strange,)))
    assert said.startswith("Ticket S: like nothing learnt; ")
    assert said.endswith("?")
    assert "%" not in said
    assert "%" in title(Case(kind="doubtful", items=(known,)))

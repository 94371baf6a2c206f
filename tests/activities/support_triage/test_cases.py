"""Tickets are sorted into cases: sure ones together, doubtful ones alone, a burst as one incident that goes on."""

from typing import Any

import pytest

from activities.support_triage.cases import sort
from activities.support_triage.desk import Desk
from activities.support_triage.history import example
from activities.support_triage.look import item
from activities.support_triage.propose import title
from activities.support_triage.sources import rows
from contracts.support import Case, Item, SupportTicket
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

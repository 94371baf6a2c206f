"""A proposal of many effects: a line for each, a button that can be read, groups in order, cells that stay whole."""

import re

from console.words import breaks, in_groups
from contracts.proposal import Cell, Claim, Effect, TablePanel
from ledger import Ledger
from tests.console.conftest import Visitor
from tests.console.samples import proposal, run_record

LONG = "Put ticket T{} of the folder 'tickets' into Billing with a drafted answer"


def effects(count: int, says: str) -> tuple[Effect, ...]:
    return tuple(
        Effect(kind="ticket.update", key=f"k{n}", says=says.format(n), params={"ticket": f"T{n}"}) for n in range(count)
    )


async def test_each_of_many_effects_is_a_line_that_opens(ada: Visitor, ledger: Ledger) -> None:
    cells = tuple(Cell(text=text) for text in ("T1", "2026-11-30", "14,467.32 EUR", "of some words", "", "x" * 40))
    table = TablePanel(title="All", columns=("a", "b", "c", "d", "e", "f"), rows=(cells,))
    ledger.start_run(run_record("many"))
    made = proposal(ledger, run="many", effects=effects(12, LONG), panels=(table,), editable=None)
    ledger.store_proposal(made)
    page = (await ada.http.get(f"/proposals/{made.id}")).text
    for number in range(12):
        line = LONG.format(number).replace("'", "&#39;")
        assert page.count(f"<summary>{line}</summary>") == 1
    assert ">Do all 12, as listed</button>" in page
    assert re.search(r'<table class="rows stacks">', page)
    assert re.search(r'<td class=" short" data-column="b">2026-11-30</td>', page)
    assert re.search(rf'<td class=" unbroken" data-column="f">{"x" * 40}</td>', page)


def test_a_button_names_effects_where_they_can_be_read(ledger: Ledger) -> None:
    def button(count: int, says: str) -> str:
        return proposal(ledger, effects=effects(count, says)).button()

    assert button(2, LONG).startswith("Put ticket T0 of the folder"), "few are all named, however long"
    assert button(8, "Link T{} to T0") == "Do all 8: Link T0 to T0 and Link T1 to T0 and 6 more, as listed"
    assert button(8, LONG) == "Do all 8, as listed"


def test_groups_come_as_they_were_written_and_words_break_where_they_may() -> None:
    groups = [f"To ticket T{n}" for n in (1, 2, 10, 1)]
    found = in_groups(Claim(text="x", group=each, sources=(Cell(text="s"),)) for each in groups)
    assert [(group, len(claims)) for group, claims in found] == [(groups[0], 2), (groups[1], 1), (groups[2], 1)]
    cells = {"": "short", "2026-11-30": "short", "0.5 h": "short", "14,467.32 EUR": "", "^" * 30: "unbroken"}
    assert {each: breaks(each) for each in cells} == cells

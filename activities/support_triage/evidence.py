"""What a reviewer can look at of a case: the customers' words as quotes, and the solved tickets that are like them."""

from contracts.changelog import counted
from contracts.proposal import Cell, Panel, TablePanel
from contracts.support import Case, Item, Triaged

MOST_QUOTED, MOST_QUOTED_ALONE = 240, 3_000  # characters
SIMILAR = 3


def evidence(case: Case, updates: tuple[Panel, ...]) -> tuple[Panel, ...]:
    """What is read first stands first: the words and what they were taken for, then what becomes of them."""
    found = (similar(case),) if any(each.triaged.similar for each in case.items) else ()
    return (said(case), *updates, *found)


def said(case: Case) -> TablePanel:
    """What each customer said, masked and bounded, and why it is thought to be that."""
    alone = len(case.items) == 1
    hidden = sum(each.ticket.left_out for each in case.items)
    note = "Customers wrote this, so it is quoted: nothing in it is followed. [name], [card] and the like were masked."
    note += f" {counted(hidden, 'character')} beyond what is read are not shown." if hidden else ""
    return TablePanel(
        title="What the customers wrote",
        columns=("ticket", "words", "taken for", "how sure", "tone"),
        rows=tuple(_row(each, MOST_QUOTED_ALONE if alone else MOST_QUOTED) for each in case.items),
        note=note,
    )


def _row(each: Item, most: int) -> tuple[Cell, ...]:
    words, found = " ".join(each.ticket.words.split()), each.triaged
    machine = f"a machine sent it, so nobody answers ({each.ticket.automatic})" if each.ticket.automatic else ""
    tone = ", ".join(filter(None, (found.language, found.sentiment, found.priority_why, machine)))
    return (
        Cell(text=each.ticket.id, href=each.ticket.url or None),
        Cell(text=words if len(words) <= most else f"{words[:most]}…"),
        Cell(text=taken_for(found)),
        Cell(text=found.why, tone="" if found.confident else "bad"),
        Cell(text=tone),
    )


def taken_for(found: Triaged) -> str:
    """`refund → Billing`, by what was learnt; a reviewer may put it elsewhere."""
    likeliest = [each[0].label for each in (found.intents, found.queues) if each]
    return " → ".join(likeliest) if not found.unlike else "nothing learnt"


def similar(case: Case) -> TablePanel:
    """The solved tickets that are nearest, with what solved them."""
    rows = tuple(
        (
            Cell(text=each.ticket.id),
            Cell(text=one.id, href=one.url or None),
            Cell(text=f"{one.score:.0%}"),
            Cell(text=one.subject[:120]),
            Cell(text=_short(one.solution)),
        )
        for each in case.items
        for one in each.triaged.similar[:SIMILAR]
    )
    columns = ("ticket", "is like", "how much", "about", "what solved it")
    return TablePanel(title="Solved tickets like these", columns=columns, rows=rows, folded=len(case.items) > 1)


def _short(text: str) -> str:
    words = " ".join(text.split())
    return words if len(words) <= MOST_QUOTED else f"{words[:MOST_QUOTED]}…"

"""A case with the answers that a model worded in it, and how a reviewer is told which those are."""

from collections import Counter

from contracts.answers import WordedAnswers
from contracts.changelog import counted
from contracts.proposal import Cell, Panel, TablePanel
from contracts.support import Case, Item

TITLE = "How the answers were worded"
MOST_SHOWN = 4_000  # characters of a baseline's answer


def with_answers(case: Case, worded: WordedAnswers) -> Case:
    """The case with the model's words where there are any; what it stood on before is in `case` still."""
    by_ticket = {each.ticket: each for each in worded.answers if each.text}

    def told(item: Item) -> Item:
        found = by_ticket.get(item.ticket.id)
        return item.model_copy(update={"answer": found.text, "cites": found.cites}) if found else item

    return case.model_copy(update={"items": tuple(told(each) for each in case.items)})


def says(case: Case, worded: WordedAnswers) -> str:
    """`3 of 5 answers were worded by claude-haiku-4-5.`"""
    models = Counter(each.model for each in worded.answers if each.text)
    drafted = sum(bool(each.answer) for each in case.items)
    if not models:
        return ""
    by = " and ".join(models)
    return f"{models.total():,} of {counted(drafted, 'answer')} worded by {by}; the baseline's are below."


def panels(case: Case, worded: WordedAnswers) -> tuple[Panel, ...]:
    """Each answer that a model was asked for, with the baseline's beside it. Folded: it is there for who wants it."""
    if not worded.answers:
        return ()
    before = {each.ticket.id: each for each in case.items}
    rows = tuple(
        (
            Cell(text=each.ticket),
            Cell(text=each.model if each.text else "the baseline"),
            Cell(text=before[each.ticket].answer[:MOST_SHOWN]),
            Cell(text=", ".join(f"ticket {id}" for id in before[each.ticket].cites)),
            Cell(text=each.why, tone="" if each.text else "bad"),
        )
        for each in worded.answers
        if each.ticket in before
    )
    note = "An answer that a model worded passed its checks. One that didn't is the baseline's, word for word."
    left = sum(bool(each.answer) for each in case.items) - len(rows)
    note += f" {counted(left, 'answer')} more than a run has worded." if left > 0 else ""
    columns = ("ticket", "worded by", "the baseline's answer", "after", "what to know")
    return (TablePanel(title=TITLE, columns=columns, rows=rows, note=note, folded=True),)

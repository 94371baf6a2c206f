"""Credit notes against invoices: each makes one payment of the same vendor smaller, and is never split."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from contracts.paying import Credit, Invoice


def netted(invoices: Iterable[Invoice], held: Mapping[str, str]) -> tuple[dict[str, Decimal], tuple[Credit, ...]]:
    """What is to be paid for each invoice, and where each credit note went.

    A credit note goes to the first invoice to fall due that stays a payment after it: so nothing is left of the note
    that another file would have to remember. What is held gets none.
    """
    every = list(invoices)
    amounts = {each.id: each.amount for each in every if each.amount > 0}
    owed: dict[tuple[str, str], list[Invoice]] = defaultdict(list)
    for each in sorted(every, key=lambda one: (one.due_date or one.invoice_date, one.id)):
        if each.amount > 0 and each.id not in held:
            owed[each.vendor, each.currency].append(each)
    notes = sorted((each for each in every if each.amount < 0), key=lambda one: (one.amount, one.id))
    return amounts, tuple(_used(each, owed[each.vendor, each.currency], amounts) for each in notes)


def _used(note: Invoice, owed: list[Invoice], amounts: dict[str, Decimal]) -> Credit:
    into = next((each.id for each in owed if amounts[each.id] + note.amount > 0), "")
    if into:
        amounts[into] += note.amount
    return Credit(
        id=note.id,
        vendor=note.vendor,
        number=note.number,
        amount=-note.amount,
        currency=note.currency,
        invoice=into,
    )

"""What customers will have paid by which day: as each of them paid before, many times over."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from contracts.payables import ReceiptBand, Receivable, rounded
from contracts.paying import Books

SEED = 7
DRAWS = 400
LEAST = 8  # settled invoices that a customer's own habit needs
NEWEST = 400  # of a customer, and of all where one has no habit
OPEN = 20_000  # receivables that are foretold one by one
LOW, HIGH = 5.0, 95.0

Days = NDArray[np.int64]


def expected(books: Books) -> tuple[tuple[ReceiptBand, ...], str]:
    """Bands of receipts for the schedule, and how they were foretold, in words. None where nothing was ever settled."""
    settled = [each for each in books.receivables if each.settled is not None and each.settled <= books.today]
    waiting = [each for each in books.receivables if each.settled is None or each.settled > books.today][-OPEN:]
    if not settled or not waiting:
        return (), "No receipts are expected: nothing is open, or nothing was ever settled."
    habits = _habits(settled)
    bands = [band for currency in _currencies(books, waiting) for band in _bands(books, waiting, habits, currency)]
    said = f"Receipts are foretold from {len(settled):,} settled invoices; the band holds 90 of 100 cases."
    return tuple(bands), said


def _currencies(books: Books, waiting: Sequence[Receivable]) -> list[str]:
    return sorted({each.currency for each in waiting} & {each.currency for each in books.settings.accounts})


def _habits(settled: Sequence[Receivable]) -> dict[str, Days]:
    """The days that each customer took, newest invoices; under the empty name those of all."""
    found: dict[str, list[int]] = defaultdict(list)
    for each in sorted(settled, key=lambda one: one.invoice_date):
        assert each.settled is not None
        took = (each.settled - each.invoice_date).days
        found[""].append(took)
        found[each.customer].append(took)
    return {name: np.array(took[-NEWEST:]) for name, took in found.items() if len(took) >= LEAST or not name}


def _bands(
    books: Books, waiting: Sequence[Receivable], habits: dict[str, Days], currency: str
) -> Iterator[ReceiptBand]:
    """Cumulative receipts of each day, over draws of when each open invoice is settled."""
    horizon = books.settings.horizon_days
    chance = np.random.default_rng(SEED)
    sums = np.zeros((DRAWS, horizon + 1))
    rows = np.arange(DRAWS)
    for each in waiting:
        if each.currency == currency and each.amount > 0:
            age = (books.today - each.invoice_date).days
            took = chance.choice(_left(habits.get(each.customer, habits[""]), age), DRAWS) - age
            within = took <= horizon
            np.add.at(sums, (rows[within], took[within]), float(each.amount))
    total = sums.cumsum(axis=1)
    low, high = np.percentile(total, [LOW, HIGH], axis=0)
    for at in range(1, horizon + 1):
        values = [
            rounded(Decimal(str(round(value, 4))), currency) for value in (low[at], total[:, at].mean(), high[at])
        ]
        yield ReceiptBand(
            currency=currency,
            day=books.today + timedelta(days=at),
            low=values[0],
            expected=values[1],
            high=values[2],
        )


def _left(took: Days, age: int) -> Days:
    """The habit of one that has not paid for `age` days. Whoever is later than ever pays soon, or long after."""
    later = took[took > age]
    return later if len(later) else np.array([age + 7, age + 30, age + 90, age + 3650])

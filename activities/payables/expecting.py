"""What customers will have paid by which day: each open invoice drawn many times, as foretold or as was usual.

The model of receipts.py serves where it was nearer on later invoices than medians are. Where it was not, each customer
pays as it did before.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from numpy.typing import NDArray

from activities.payables.receipts import QUANTILES, Foreteller
from contracts.payables import ReceiptBand, ReceiptPath, ReceiptsReport, Receivable, rounded
from contracts.paying import Books

SEED = 7
DRAWS = 400
PATHS, SOON = 16, 21  # draws that the schedule looks at, chosen by what they bring in so many days
LEAST = 8  # settled invoices that a customer's own habit needs
NEWEST = 400  # of a customer, and of all where one has no habit
OPEN = 20_000  # receivables that are foretold one by one
# Each invoice is drawn for itself, and habits as if they were known for sure: narrower than life. What 95 of 100
# draws held, held 89 of 100 times when it was measured (docs/benchmarks/payables.md).
LOW, HIGH = 2.5, 97.5

Days = NDArray[np.int64]
Floats = NDArray[np.float64]
Say = Callable[[str], None]
Learn = Callable[[Sequence[Receivable], date], Foreteller]


@dataclass(frozen=True, slots=True)
class Forecast:
    """Bands of receipts for the schedule, and how they were foretold. No `report`: nothing was to foretell."""

    bands: tuple[ReceiptBand, ...]
    says: str
    report: ReceiptsReport | None = None
    paths: tuple[ReceiptPath, ...] = ()


def expected(books: Books, say: Say = lambda _: None, learn: Learn = Foreteller.learn) -> Forecast:
    """Of the books' receivables. No bands where nothing was ever settled, or nothing is open. `say`: how far it is."""
    settled = [each for each in books.receivables if each.settled is not None and each.settled <= books.today]
    waiting = [each for each in books.receivables if each.settled is None or each.settled > books.today]
    if not settled or not waiting:
        return Forecast((), "No receipts are expected: nothing is open, or nothing was ever settled.")
    say(f"learning when customers pay from {len(settled):,} settled invoices")
    teller = learn(books.receivables, books.today)
    drawing = _Drawing(teller, _habits(settled), books.today)
    counted = sorted(waiting, key=lambda each: each.amount)[-OPEN:]
    bands: list[ReceiptBand] = []
    paths: list[ReceiptPath] = []
    for currency in _currencies(books, counted):
        say(f"foretelling when {len(counted):,} open invoices are paid")
        drawn = drawing.sums([each for each in counted if each.currency == currency], books.settings.horizon_days)
        bands += drawing.bands(drawn, currency)
        paths += likely_paths(drawn, currency)
    left = len(waiting) - len(counted)
    more = f" {left:,} smaller ones are not counted on." if left else ""
    return Forecast(tuple(bands), f"{told(teller.report)}{more}", teller.report, tuple(paths))


def told(report: ReceiptsReport) -> str:
    """Which forecast is used, and why that one."""
    if report.serves == "model" and report.days_mae is not None:
        return (
            f"Receipts are foretold by the trained model from {report.rows:,} settled invoices: off by "
            f"{report.days_mae:.1f} days on {report.judged:,} later ones, customers' medians by "
            f"{report.customer_median_mae:.1f}. The band is to hold 90 of 100 cases."
        )
    if report.days_mae is not None:
        beside = (
            f"{report.customer_median_mae:.1f} by customers' medians, {report.overall_median_mae:.1f} by one median"
        )
        why = f"the trained model was off by {report.days_mae:.1f} days on {report.judged:,} later ones, {beside}"
    else:
        why = "they are too few to judge a model by"
    return (
        f"Receipts are foretold from {report.rows:,} settled invoices as each customer paid before: {why}. "
        "The band is to hold 90 of 100 cases."
    )


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


@dataclass(frozen=True, slots=True)
class _Drawing:
    """In how many days open invoices are settled, many times over."""

    teller: Foreteller
    habits: dict[str, Days]
    today: date

    def sums(self, waiting: Sequence[Receivable], horizon: int) -> Floats:
        """Receipts until the evening of each day from today, in each draw."""
        chance = np.random.default_rng(SEED)
        came = np.zeros((DRAWS, horizon + 1))
        rows = np.arange(DRAWS)
        for each in waiting:
            if each.amount > 0:
                wait = self._wait(each, chance)
                within = wait <= horizon
                np.add.at(came, (rows[within], wait[within]), float(each.amount))
        total: Floats = came.cumsum(axis=1)
        return total

    def bands(self, total: Floats, currency: str) -> Iterator[ReceiptBand]:
        """Of each day from tomorrow."""
        low, high = np.percentile(total, [LOW, HIGH], axis=0)
        for at in range(1, total.shape[1]):
            values = [
                rounded(Decimal(str(round(value, 4))), currency) for value in (low[at], total[:, at].mean(), high[at])
            ]
            day = self.today + timedelta(days=at)
            yield ReceiptBand(currency=currency, day=day, low=values[0], expected=values[1], high=values[2])

    def _wait(self, each: Receivable, chance: np.random.Generator) -> Days:
        """Days from today, each draw's own."""
        age = (self.today - each.invoice_date).days
        if self.teller.report.serves == "model":
            days = np.array(self.teller.expect(each).quantiles)
            if age < days[-1]:
                return np.maximum(np.rint(_drawn(days, age, chance)).astype(np.int64) - age, 1)
        return chance.choice(_left(self.habits.get(each.customer, self.habits[""]), age), DRAWS) - age


def likely_paths(total: Floats, currency: str) -> Iterator[ReceiptPath]:
    """A few of the draws that stand for all: from those that bring least soon to those that bring most."""
    soon = total[:, : SOON + 1].sum(axis=1)
    order = np.argsort(soon, kind="stable")
    for at in range(PATHS):
        sums = total[order[(2 * at + 1) * len(order) // (2 * PATHS)], 1:]
        yield ReceiptPath(currency=currency, sums=tuple(np.round(sums, 2).tolist()))


def _drawn(days: Floats, age: int, chance: np.random.Generator) -> Floats:
    """Days from the invoice's date, of one that was not paid for `age` days, by the quantiles of all."""
    levels = np.array([0.0, *QUANTILES, 1.0])
    ends = np.array([days[0], *days, days[-1] + days[-1] - days[len(days) // 2]])
    gone = float(np.interp(age, ends, levels)) if age >= ends[0] else 0.0
    drawn: Floats = np.interp(chance.uniform(gone, 1.0, DRAWS), levels, ends)
    return drawn


def _left(took: Days, age: int) -> Days:
    """The habit of one that has not paid for `age` days. Whoever is later than ever pays soon, or long after."""
    later = took[took > age]
    return later if len(later) else np.array([age + 7, age + 30, age + 90, age + 3650])

"""Amounts that are out of what a vendor usually asks for."""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from decimal import Decimal
from statistics import median

from contracts.paying import Books, Evidence, Hold, Invoice, Known

LEAST = 5  # invoices that a pattern needs
TWICE = 2.0  # an amount below that many times the usual one is never unusual
SCALE = 1.4826  # makes the median absolute deviation one standard deviation of a normal distribution
STEADY = 0.1  # of logarithms: a vendor that always asks for the same may ask for a tenth more
MOST = 500  # invoices of a vendor that are looked at, the newest


class Amounts:
    """What each vendor was paid, in each currency, and what people released since."""

    def __init__(self, books: Books, known: Known) -> None:
        paid = sorted(books.paid, key=lambda each: each.day)
        self._usual: dict[tuple[str, str], list[float]] = defaultdict(list)
        for each in paid:
            if each.amount > 0:
                self._usual[each.vendor, each.currency].append(math.log(each.amount))
        for decided in known.memory.known:
            if decided.what == "released" and decided.kind == "unusual amount" and decided.amount > 0:
                self._usual[decided.vendor, decided.currency].append(math.log(decided.amount))
        self._limit = books.settings.unusual
        self._released = {
            (each.vendor, each.currency): each
            for each in known.memory.known
            if each.what == "released" and each.kind == "unusual amount"
        }

    def unusual(self, invoice: Invoice) -> Iterator[Hold]:
        """Held where it is far above what the vendor's newest invoices were, on a scale of logarithms."""
        seen = self._usual.get((invoice.vendor, invoice.currency), [])[-MOST:]
        if len(seen) < LEAST:
            return
        middle, spread = robust(seen)
        far = (math.log(invoice.amount) - middle) / spread
        usual = math.exp(middle)
        times = float(invoice.amount) / usual
        released = self._released.get((invoice.vendor, invoice.currency))
        if far <= self._limit or times < TWICE or (released is not None and invoice.amount <= released.amount):
            return
        yield Hold(
            invoice=invoice.id,
            vendor=invoice.vendor,
            kind="unusual amount",
            says=f"{money(invoice.amount)} {invoice.currency} is {times:.1f} times what this vendor usually asks for",
            evidence=(
                Evidence(what="Amount", this=money(invoice.amount), other=f"usually {usual:,.2f}"),
                Evidence(what="Highest so far", this="", other=f"{math.exp(max(seen)):,.2f}"),
                Evidence(
                    what="Robust deviations", this=f"{far:.1f}", other=f"of {len(seen)} paid; limit {self._limit:g}"
                ),
            ),
        )


def robust(values: Sequence[float]) -> tuple[float, float]:
    """The median, and the median absolute deviation as a standard deviation; never less than `STEADY`."""
    middle = median(values)
    return middle, max(SCALE * median(abs(each - middle) for each in values), STEADY)


def money(amount: Decimal) -> str:
    return f"{amount:,.2f}" if amount == round(amount, 2) else f"{amount:,f}"

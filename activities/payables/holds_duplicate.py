"""Invoices that seem to ask for the same money twice."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from itertools import pairwise

from activities.payables.holds_amount import money
from activities.payables.names import alike, plain_number
from contracts.paying import Books, Evidence, Hold, Invoice

NEAR = 10  # days between two invoices of the same amount that are near to each other
OFTEN = 2  # pairs of the same amount so near in what was paid: that vendor asks for the same again and again


@dataclass(frozen=True)
class _Seen:
    """An invoice that another may repeat. `order`: an earlier one is repeated by a later one, never the other way."""

    order: tuple[int, int]
    vendor: str
    number: str
    amount: Decimal
    currency: str
    day: date
    paid: date | None


class Numbers:
    """All invoices, paid and open, by number and by amount."""

    def __init__(self, books: Books) -> None:
        self._names = {each.id: each.name for each in books.vendors}
        self._by_number: dict[str, list[_Seen]] = defaultdict(list)
        self._by_amount: dict[tuple[Decimal, str], list[_Seen]] = defaultdict(list)
        self._order: dict[str, tuple[int, int]] = {}
        open_amounts = {(each.amount, each.currency) for each in books.invoices}
        open_numbers = {plain_number(each.number) for each in books.invoices}
        for paid in books.paid:
            if (paid.amount, paid.currency) in open_amounts or plain_number(paid.number) in open_numbers:
                day = paid.invoice_date or paid.day
                self._add(_Seen((0, 0), paid.vendor, paid.number, paid.amount, paid.currency, day, paid.day))
        for at, each in enumerate(sorted(books.invoices, key=lambda one: (one.invoice_date, one.id))):
            self._order[each.id] = (1, at)
            if each.amount > 0:
                seen = _Seen((1, at), each.vendor, each.number, each.amount, each.currency, each.invoice_date, None)
                self._add(seen)

    def _add(self, seen: _Seen) -> None:
        if number := plain_number(seen.number):
            self._by_number[number].append(seen)
        self._by_amount[seen.amount, seen.currency].append(seen)

    def repeated(self, invoice: Invoice) -> Iterator[Hold]:
        """The same number of the same vendor, or the same amount near in time; first what is surest."""
        order = self._order[invoice.id]
        for seen in self._by_number.get(plain_number(invoice.number), ()):
            if seen.order < order and (seen.vendor == invoice.vendor or self._same_by_name(seen, invoice)):
                yield self._hold(invoice, seen, "number")
        again = self._asks_again(invoice)
        for seen in self._by_amount.get((invoice.amount, invoice.currency), ()):
            near = abs((seen.day - invoice.invoice_date).days) <= NEAR
            if seen.order < order and near and not again and self._one_vendor(seen.vendor, invoice.vendor):
                yield self._hold(invoice, seen, "amount")

    def _same_by_name(self, seen: _Seen, invoice: Invoice) -> bool:
        same = (seen.amount, seen.currency) == (invoice.amount, invoice.currency)
        return same and self._one_vendor(seen.vendor, invoice.vendor)

    def _one_vendor(self, one: str, other: str) -> bool:
        return one == other or alike(self._name(one), self._name(other))

    def _name(self, vendor: str) -> str:
        return self._names.get(vendor, vendor)

    def _asks_again(self, invoice: Invoice) -> bool:
        """Whether this vendor was paid the same amount in such short order before: rent by the week, a subscription."""
        paid = self._by_amount.get((invoice.amount, invoice.currency), ())
        days = sorted(each.day for each in paid if each.paid and each.vendor == invoice.vendor)
        pairs = sum((after - before).days <= NEAR for before, after in pairwise(days))
        return pairs >= OFTEN

    def _hold(self, invoice: Invoice, seen: _Seen, by: str) -> Hold:
        became = f"was paid on {seen.paid}" if seen.paid else "is open, too"
        same = "the same number" if by == "number" else "the same amount within days"
        other = self._name(seen.vendor)
        whose = f" of {other}" if seen.vendor != invoice.vendor else ""
        return Hold(
            invoice=invoice.id,
            vendor=invoice.vendor,
            kind="duplicate",
            says=f"It seems to repeat {seen.number or 'one without a number'}{whose}, which {became}: {same}",
            evidence=(
                Evidence(what="Vendor", this=self._name(invoice.vendor), other=other),
                Evidence(what="Number", this=invoice.number, other=seen.number),
                Evidence(what="Amount", this=money(invoice.amount), other=f"{money(seen.amount)} {seen.currency}"),
                Evidence(what="Date", this=str(invoice.invoice_date), other=str(seen.day)),
            ),
            against=seen.number,
        )

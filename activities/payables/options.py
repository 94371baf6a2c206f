"""When one payable may be paid, what is then paid, and what that timing costs.

Of the days on which the same amount is paid, only the last can be best: the money stays longer, and every day's cash is
at least as good. So a payable has one option a discount, one for its due date, and one for each day or month of
lateness that costs more. A schedule that is best among these is best among all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from activities.payables.bank_days import BankDays
from contracts.payables import LateFee, Payable, rounded

YEAR = 365
MONTH = 30  # days of a month of lateness, as terms count it


@dataclass(frozen=True, slots=True)
class Off:
    """A discount, and the last place at which it can be had."""

    place: int
    amount: Decimal
    percent: Decimal


@dataclass(frozen=True, slots=True)
class Option:
    """Pay at `place`; one at the horizon's end stands for all after it. Costs are floats in the currency."""

    place: int
    paid: Decimal
    discount: Decimal
    fee: Decimal
    cost: float  # of this timing: the discount missed, the fee, goodwill and capital
    goodwill: float
    capital: float
    late_days: int


@dataclass(frozen=True, slots=True)
class Choice:
    """A payable with what can be done with it: options by place, none of which another beats in all."""

    payable: Payable
    options: tuple[Option, ...]
    first: int  # the earliest place for it
    in_time: int  # the last place that is in time; it may have passed, or lie after the horizon
    discounts: tuple["Off", ...]  # that can be had


@dataclass(frozen=True, slots=True)
class Window:
    """Where an account's payments can be put: places from `first` to before `end`, and what capital costs."""

    bank: BankDays
    first: int
    end: int
    capital_percent: Decimal

    def capital(self, paid: Decimal, place: int, otherwise: date) -> float:
        """Of money that leaves then instead of otherwise."""
        days = (otherwise - self.bank.day(place)).days
        return float(paid * self.capital_percent) / 100 * days / YEAR


def choice(payable: Payable, window: Window, *, max_late: int | None = None, each: int = 1) -> Choice:
    """All options of a payable; there is always one, be it too late.

    `max_late` overrides its terms; beyond its terms only `each` so many-th place is one.
    """
    case = _Case.of(payable, window)
    late = _late_places(case, payable.terms.max_late_days if max_late is None else max_late, each)
    in_time = [place for place in (*(off.place for off in case.discounts), case.in_time) if place >= case.first]
    made = [_option(case, place) for place in sorted({*in_time, *late})]
    within = [option for option in made if option.place < window.end]
    beyond = [replace(option, place=window.end) for option in made if option.place >= window.end]
    # After the horizon no cash is counted, so there only the cost does.
    waiting = [min(beyond, key=lambda option: (option.cost, option.late_days))] if beyond else []
    return Choice(payable, _undominated([*within, *waiting]), case.first, case.in_time, case.discounts)


@dataclass(frozen=True, slots=True)
class _Case:
    """What the options of one payable are made of."""

    payable: Payable
    window: Window
    first: int
    limit: date  # the last day in time, as the terms count it
    in_time: int
    discounts: tuple[Off, ...]
    best: Decimal
    otherwise: date  # when it is paid where nothing speaks for another day

    @classmethod
    def of(cls, payable: Payable, window: Window) -> "_Case":
        terms, bank = payable.terms, window.bank
        lowest = window.first if payable.not_before is None else max(window.first, bank.after(payable.not_before))
        first = min(lowest, window.end)
        limit = bank.limit(payable.due_date, terms.weekend)
        in_time = bank.last_for(limit)
        found = tuple(off for off in _discounts(payable, bank) if off.place >= first)
        best = max((off.amount for off in found), default=Decimal(0))
        return cls(payable, window, first, limit, in_time, found, best, bank.day(max(in_time, first)))


def _discounts(payable: Payable, bank: BankDays) -> Iterator[Off]:
    for each in payable.terms.discounts:
        limit = bank.limit(payable.invoice_date + timedelta(days=each.days), payable.terms.weekend)
        yield Off(bank.last_for(limit), rounded(payable.amount * each.percent / 100, payable.currency), each.percent)


def _late_places(case: _Case, most: int, each: int) -> list[int]:
    """Places after the due date, no later than allowed; the first one that is left, where all are."""
    begin, end = max(case.first, case.in_time + 1), case.window.end
    if begin > end:
        return []
    days = {p: (case.window.bank.arrives(p) - case.limit).days for p in range(begin, end + 1)}
    terms = case.payable.terms.max_late_days
    late = [p for p, after in days.items() if after <= most and (after <= terms or (end - p) % each == 0)]
    return late or ([begin] if case.in_time < case.first else [])


def _option(case: _Case, place: int) -> Option:
    payable, bank = case.payable, case.window.bank
    discount = max((off.amount for off in case.discounts if off.place >= place), default=Decimal(0))
    late_days = 0 if place <= case.in_time else (bank.arrives(place) - case.limit).days
    fee = late_fee(payable, late_days)
    paid = payable.amount - discount + fee
    # Lateness saves no capital: else whoever charges no fee would be paid late for nothing but gain.
    capital = case.window.capital(paid, place, case.otherwise) if place <= case.in_time else 0.0
    goodwill = float(payable.amount * payable.terms.goodwill_percent) / 100 * late_days / YEAR
    cost = float(case.best - discount + fee) + goodwill + capital
    return Option(place, paid, discount, fee, cost, goodwill, capital, late_days)


def late_fee(payable: Payable, days: int) -> Decimal:
    """What so many days after the due date cost."""
    fee: LateFee = payable.terms.late
    if days <= fee.grace_days or days <= 0:
        return Decimal(0)
    months = -(-days // MONTH)
    percent = fee.percent + fee.monthly_percent * months + fee.annual_percent * days / YEAR
    return rounded(fee.flat + payable.amount * percent / 100, payable.currency)


def _undominated(options: Sequence[Option]) -> tuple[Option, ...]:
    """Without those that another beats: later, paying no more, costing no more."""
    kept: list[Option] = []
    for option in reversed(options):
        if not any(other.paid <= option.paid and other.cost <= option.cost for other in kept):
            kept.append(option)
    return tuple(reversed(kept))

"""What is in one account on each bank day before anything is paid, and exactly what is there after it.

The solver counts in binary fractions; here it is counted again in the currency's own units, as a bank does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_UP, Decimal

import numpy as np

from activities.payables.bank_days import BankDays
from activities.payables.options import Option
from activities.payables.program import Cash
from contracts.payables import CashAccount, CashFlow, CreditLine, ScheduleInput, rounded

YEAR = 365
Money = tuple[Decimal, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """By place: other money that comes and goes, and receipts in three bands. All are sums up to that morning."""

    given: CashAccount
    bank: BankDays
    first: int
    end: int
    flows: Money
    low: Money
    expected: Money
    high: Money
    firm: int  # places before it are planned with low receipts

    @classmethod
    def of(cls, given: ScheduleInput, account: CashAccount, bank: BankDays, today: date) -> "Account":
        """`end` is the first place after the horizon."""
        end = max(bank.after(today + timedelta(days=given.horizon_days)), 0)
        first = min(given.approval_days, end)
        mine = [flow for flow in given.flows if flow.currency == account.currency and flow.day >= today]
        bands = sorted((b for b in given.receipts if b.currency == account.currency), key=lambda b: b.day)
        low, expected, high = (
            receipts([(b.day, getattr(b, name)) for b in bands], bank, end, today)
            for name in ("low", "expected", "high")
        )
        return cls(
            account, bank, first, end, _flows(mine, bank, end), low, expected, high, min(first + given.firm_days, end)
        )

    @property
    def planned(self) -> Money:
        """Receipts as the schedule counts on them."""
        return tuple(low if k < self.firm else max(low, some) for k, (low, some) in self._both())

    def _both(self) -> list[tuple[int, tuple[Decimal, Decimal]]]:
        return list(enumerate(zip(self.low, self.expected, strict=True)))

    @property
    def line(self) -> CreditLine:
        return self.given.line or CreditLine(limit=Decimal(0), annual_percent=Decimal(0))

    @property
    def premium(self) -> float:
        """What a drawn day costs above the cost of capital. A line that is cheaper costs no less than capital."""
        return max(0.0, float(self.line.annual_percent - self.given.capital_percent)) / 100 / YEAR

    def days(self, place: int) -> int:
        """Calendar days from a place to the next."""
        return (self.bank.day(place + 1) - self.bank.day(place)).days

    def cash(self, *, spare: Decimal = Decimal(0)) -> Cash:
        """For the solver."""
        total = np.array([float(f + r) for f, r in zip(self.flows, self.planned, strict=True)])
        return Cash(
            opening=float(self.given.opening),
            came=np.diff(total, prepend=0.0),
            days=np.array([float(self.days(place)) for place in range(self.end)]),
            floor=float(self.given.floor),
            limit=float(self.line.limit),
            drawn=float(self.line.drawn),
            interest=float(self.line.annual_percent) / 100 / YEAR,
            premium=self.premium,
            spare=float(spare),
        )

    def run(self, options: Sequence[Option], came: Money) -> "Run":
        """Day by day, drawing only what the floor needs, be it more than the limit."""
        paid = [Decimal(0)] * self.end
        for option in options:
            if option.place < self.end:
                paid[option.place] += option.paid
        own: list[Decimal] = []
        drawn: list[Decimal] = []
        gone = Decimal(0)
        for place in range(self.end):
            gone += paid[place] + self._interest(drawn[place - 1] if place else Decimal(0), place)
            own.append(self.given.opening - self.line.drawn + self.flows[place] + came[place] - gone)
            needs = max(Decimal(0), self.given.floor - own[place])
            drawn.append(needs.quantize(rounded(Decimal(0), self.given.currency), rounding=ROUND_UP))
        return Run(tuple(paid), tuple(own), tuple(drawn))

    def _interest(self, drawn: Decimal, place: int) -> Decimal:
        if not drawn:
            return Decimal(0)
        return rounded(drawn * self.line.annual_percent * self.days(place - 1) / 100 / YEAR, self.given.currency)


@dataclass(frozen=True, slots=True)
class Run:
    """By place: what is paid, the account's own money after it, and what the floor needs of the line."""

    paid: Money
    own: Money
    drawn: Money

    def beyond(self, limit: Decimal) -> Decimal:
        """How much more than the limit was needed, at worst."""
        return max((needs - limit for needs in self.drawn), default=Decimal(0))


def _flows(flows: Sequence[CashFlow], bank: BankDays, end: int) -> Money:
    """What leaves does so in the morning of its day; what comes can be spent on the next."""
    by_place = [Decimal(0)] * (end + 1)
    for flow in flows:
        place = max(bank.after(flow.day), 0) + (1 if flow.amount > 0 else 0)
        by_place[min(place, end)] += flow.amount
    total, sums = Decimal(0), []
    for amount in by_place[:end]:
        total += amount
        sums.append(total)
    return tuple(sums)


def receipts(bands: Sequence[tuple[date, Decimal]], bank: BankDays, end: int, today: date) -> Money:
    """Of each morning, the receipts until the evening of the bank day before."""
    sums, at, total = [], 0, Decimal(0)
    for place in range(end):
        evening = bank.day(place - 1) if place else today - timedelta(days=1 if bank.day(0) == today else 0)
        while at < len(bands) and bands[at][0] <= evening:
            total = max(total, bands[at][1])
            at += 1
        sums.append(total)
    return tuple(sums)

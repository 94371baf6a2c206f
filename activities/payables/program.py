"""The schedule of one account as a mixed-integer program.

For each group of payables with the same options, how many take which; for each bank day, the account's own money and
what is drawn of the credit line:

    least    Σ cost · taken  +  Σ rate · drawn
    with     own[k] = own[k-1] - paid[k] + came[k] - interest · drawn[k-1]
             own[k] + drawn[k] >= floor        0 <= drawn[k] <= limit

`came[k]` is what is there in the morning: a day's receipts can only be spent on the next one.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds
from scipy.sparse import coo_array, vstack

from activities.payables.options import Choice, Option

Floats = NDArray[np.float64]
SCALE = 1e5  # all payments of an account add up to this for the solver, whose tolerance is about 1e-6 of one
DRAW = 1e-7  # a day: what drawing costs at least, so that nothing is drawn without need


@dataclass(frozen=True, slots=True)
class Cash:
    """An account by place. Money in the currency's units; `came` is added in the morning of each place."""

    opening: float
    came: Floats
    days: Floats  # calendar days from each place to the next
    floor: float
    limit: float
    drawn: float  # before the first place
    interest: float  # of the line, a day
    premium: float  # what a day of drawn money costs above the cost of capital
    spare: float = 0.0  # kept besides the floor, for rounding


@dataclass(frozen=True, slots=True)
class Group:
    """Payables that are the same to the solver."""

    members: tuple[int, ...]
    options: tuple[Option, ...]


def groups(choices: Sequence[Choice]) -> list[Group]:
    """By their options: hundreds of equal invoices are one number to find, not hundreds."""
    found: dict[tuple[Option, ...], list[int]] = defaultdict(list)
    for place, each in enumerate(choices):
        found[each.options].append(place)
    return [Group(tuple(members), options) for options, members in found.items()]


@dataclass(frozen=True, slots=True)
class Rows:
    """`equal @ x == equals` and `most @ x <= below`."""

    equal: Any
    equals: Floats
    most: Any
    below: Floats


class Program:
    """Columns: how many of each group take each option, own money, drawn money, and what is lacking.

    An elastic program makes least what the `floor` or the `line` lacks from place `since` on, and nothing else; with a
    `price` for each unit of it, that and the costs.
    """

    def __init__(
        self, choices: Sequence[Choice], cash: Cash, *, elastic: str = "", since: int = 0, price: float = 0.0
    ) -> None:
        self.choices, self.cash, self.elastic, self.since, self.price = choices, cash, elastic, since, price
        self.groups = groups(choices)
        self.flat = [(g, option) for g, group in enumerate(self.groups) for option in group.options]
        self.places = len(cash.came)
        paid = sum(float(each.payable.amount) for each in choices)
        self.unit = max(paid, abs(cash.opening), 1.0) / SCALE
        self.taken = len(self.flat)
        self.columns = self.taken + 2 * self.places + 1

    def rows(self) -> Rows:
        """One option for each payable; own money from day to day; the floor; and the line, where it is elastic."""
        k, cash, n = self.places, self.cash, self.taken
        group = np.array([g for g, _ in self.flat], dtype=np.int64)
        place = np.array([option.place for _, option in self.flat], dtype=np.int64)
        paid = np.array([float(option.paid) for _, option in self.flat]) / self.unit
        sizes = np.array([len(each.members) for each in self.groups], dtype=float)
        inside, day = np.flatnonzero(place < k), np.arange(k)
        one = coo_array((np.ones(n), (group, np.arange(n))), shape=(len(self.groups), self.columns))
        own, drawn = n + day, n + k + day
        entries = [
            (paid[inside], place[inside], inside),
            (np.ones(k), day, own),
            (-np.ones(k - 1), day[1:], own[:-1]),
            (cash.interest * cash.days[:-1], day[1:], drawn[:-1]),
        ]
        came = cash.came / self.unit
        came[0] += (cash.opening - cash.drawn) / self.unit
        balance = self._matrix(entries, k)
        short = (np.ones(k - self.since), day[self.since :], np.full(k - self.since, self.columns - 1))
        lacking = [short] if self.elastic == "floor" else []
        held = self._matrix([(np.ones(k), day, own), (np.ones(k), day, drawn), *lacking], k)
        floor = np.full(k, (cash.floor + cash.spare) / self.unit)
        most, below = [-held], [-floor]
        if self.elastic == "line":
            most.append(self._matrix([(np.ones(k), day, drawn), (-short[0], *short[1:])], k))
            below.append(np.full(k, self.lendable))
        return Rows(vstack([one, balance]), np.concatenate([sizes, came]), vstack(most), np.concatenate(below))

    @property
    def lendable(self) -> float:
        return max(self.cash.limit - (self.cash.spare if self.cash.limit else 0.0), 0.0) / self.unit

    def _matrix(self, entries: Sequence[tuple[Floats, Any, Any]], rows: int) -> Any:
        values, row, column = (np.concatenate([each[i] for each in entries]) for i in range(3))
        return coo_array((values, (row, column)), shape=(rows, self.columns)).tocsr()

    def bounds(self) -> Bounds:
        """Columns of single payables are 0 or 1; own money may be anything."""
        sizes = [float(len(self.groups[g].members)) for g, _ in self.flat]
        lent = np.inf if self.elastic == "line" else self.lendable
        low = np.concatenate([np.zeros(self.taken), np.full(self.places, -np.inf), np.zeros(self.places + 1)])
        last = np.inf if self.elastic else 0.0
        return Bounds(low, np.concatenate([sizes, np.full(self.places, np.inf), np.full(self.places, lent), [last]]))

    def costs(self) -> Floats:
        """In units."""
        if self.elastic and not self.price:
            return np.concatenate([np.zeros(self.columns - 1), [1.0]])
        cost = np.array([option.cost for _, option in self.flat]) / self.unit
        drawn = max(self.cash.premium, DRAW) * self.cash.days
        return np.concatenate([cost, np.zeros(self.places), drawn, [self.price]])

    def read(self, x: Floats) -> tuple[tuple[Option, ...], Floats, float]:
        """Of a solution: the options in the order of the choices, what is drawn each day, and what is lacking."""
        taken = np.rint(x[: self.taken]).astype(int)
        options: list[Option | None] = [None] * len(self.choices)
        waiting = [list(group.members) for group in self.groups]
        for column in np.flatnonzero(taken):
            group, option = self.flat[column]
            for _ in range(taken[column]):
                options[waiting[group].pop(0)] = option
        assert all(options), "each payable has one option"
        drawn = x[self.taken + self.places : -1] * self.unit
        return tuple(o for o in options if o), drawn, float(x[-1] * self.unit)

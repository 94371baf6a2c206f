"""What to pay now where nobody knows when customers pay: the least costs over several ways in which they may.

Planning with what is expected spends the last of the cash as if receipts came to the day. Here the same program is laid
side by side for each way that receipts may come, and what is decided now is the same in all of them:

    least    the mean over the ways of  Σ cost · taken  +  Σ rate · drawn  +  PRICE · lacking
    with     each way's own account from day to day; for what is paid now, one number in all ways

Later days are decided again, each way for itself, so there payables may be split. Where a way brings too little, what
is `lacking` below the floor costs a price. The floor of the days that are decided now has none: it holds with the low
receipts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import block_diag, coo_array
from threadpoolctl import threadpool_limits

from activities.payables.account import Account, Money, receipts
from activities.payables.bank_days import BankDays
from activities.payables.options import Choice, Window, choice
from activities.payables.program import Floats, Program
from contracts.payables import CashAccount, Payable, ScheduleInput

AHEAD = 32  # days that are looked at: what is decided now hardly hangs on later ones
PRICE = 0.03  # of what is lacking at worst
GAP = 2e-3  # of the costs
MOST, FEWEST = 60_000, 4  # options in all ways together, and ways below which what is expected has to do
Now = dict[str, int | None]  # by payable: the place at which it is paid now, None: later


@dataclass(frozen=True, slots=True)
class _Ways:
    """One program for each way that receipts may come, over the same choices."""

    programs: tuple[Program, ...]
    firm: int  # places before it are decided now

    @property
    def now(self) -> np.ndarray:
        """The columns of each program that are decided now."""
        return np.array([at for at, (_, option) in enumerate(self.programs[0].flat) if option.place < self.firm])


def decided_now(
    given: ScheduleInput, account: CashAccount, bank: BankDays, today: date, payables: Sequence[Payable], seconds: float
) -> Now:
    """Which payables are paid in the days that are decided now. Empty: there is nothing to weigh, or too much."""
    paths = [path for path in given.paths if path.currency == account.currency]
    near = given.model_copy(update={"horizon_days": min(given.horizon_days, AHEAD)})
    money = Account.of(near, account, bank, today)
    if money.firm >= money.end:
        return {}
    window = Window(bank, money.first, money.end, account.capital_percent)
    choices = [choice(payable, window) for payable in payables]
    open_ = [each for each in choices if {option.place < money.firm for option in each.options} == {True, False}]
    room = MOST // max(sum(len(each.options) for each in choices), 1)
    if not open_ or min(len(paths), room) < FEWEST:
        return {}
    few = [paths[(2 * at + 1) * len(paths) // (2 * room)] for at in range(room)] if room < len(paths) else paths
    ways = tuple(_program(money, choices, _came(path.sums, bank, money, today)) for path in few)
    return _solved(_Ways(ways, money.firm), choices, seconds=seconds, nodes=given.nodes)


def _came(sums: Sequence[float], bank: BankDays, money: Account, today: date) -> Money:
    days = [(today + timedelta(days=at), Decimal(str(total))) for at, total in enumerate(sums, 1)]
    return receipts(days, bank, money.end, today)


def _program(money: Account, choices: Sequence[Choice], came: Money) -> Program:
    """With the low receipts on the days that are decided now, and this way's own ones later."""
    both = enumerate(zip(money.low, came, strict=True))
    mixed = tuple(low if at < money.firm else max(low, some) for at, (low, some) in both)
    cash = replace(money, expected=mixed).cash()
    return Program(choices, cash, elastic="floor", since=money.firm, price=PRICE)


def _solved(ways: _Ways, choices: Sequence[Choice], *, seconds: float, nodes: int) -> Now:
    first, count, now = ways.programs[0], len(ways.programs), ways.now
    rows, bounds = [each.rows() for each in ways.programs], [each.bounds() for each in ways.programs]
    equal = block_diag([each.equal for each in rows], format="csr")
    most = block_diag([each.most for each in rows], format="csr")
    same = _same(count, first.columns, now)
    whole = np.zeros(count * first.columns, dtype=np.int64)
    whole[now] = 1
    with threadpool_limits(1):
        found = milp(
            np.concatenate([each.costs() for each in ways.programs]) / count,
            integrality=whole,
            bounds=Bounds(np.concatenate([b.lb for b in bounds]), np.concatenate([b.ub for b in bounds])),
            constraints=[
                LinearConstraint(equal, *[np.concatenate([each.equals for each in rows])] * 2),
                LinearConstraint(most, -np.inf, np.concatenate([each.below for each in rows])),
                LinearConstraint(same, 0.0, 0.0),
            ],
            options={"mip_rel_gap": GAP, "time_limit": seconds, "node_limit": nodes},
        )
    return {} if found.x is None else _read(first, choices, found.x, now)


def _same(count: int, columns: int, now: np.ndarray) -> coo_array:
    """What is decided now is the same in each way as in the first."""
    rows = np.arange((count - 1) * len(now))
    other = np.concatenate([now + way * columns for way in range(1, count)])
    entries = np.concatenate([np.ones(len(rows)), -np.ones(len(rows))])
    at = (np.concatenate([rows, rows]), np.concatenate([np.tile(now, count - 1), other]))
    return coo_array((entries, at), shape=(len(rows), count * columns))


def _read(program: Program, choices: Sequence[Choice], x: Floats, now: np.ndarray) -> Now:
    """Of equal payables the first ones are paid."""
    found: Now = {}
    waiting = {at: list(group.members) for at, group in enumerate(program.groups)}
    for column in now:
        group, option = program.flat[column]
        for _ in range(round(x[column])):
            found[choices[waiting[group].pop(0)].payable.id] = option.place
    left = (choices[member] for members in waiting.values() for member in members)
    return {**found, **{each.payable.id: None for each in left}}


def narrowed(choices: Sequence[Choice], now: Now, firm: int) -> list[Choice]:
    """The choices that are left once that is decided. One that has no other option keeps what it has."""
    return [_narrowed(each, now, firm) for each in choices]


def _narrowed(each: Choice, now: Now, firm: int) -> Choice:
    if each.payable.id not in now:
        return each
    place = now[each.payable.id]
    left = tuple(o for o in each.options if (o.place >= firm if place is None else o.place == place))
    return replace(each, options=left) if left else each

"""Deciding again each bank day with receipts foretold, against the optimum that knows them: `regret`.

`regret` is of all that the schedule costs: what is paid, less discounts, with fees, interest and the cost of capital.
`regret_avoidable` is of the part that timing decides, in which the invoices' own amounts are not.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal as D

import numpy as np
from numpy.typing import NDArray

from activities.payables import schedule as product
from activities.payables.account import Account
from activities.payables.bank_days import BankDays
from activities.payables.expecting import likely_paths
from activities.payables.options import Choice, Option, Window, _Case, _option, choice
from activities.payables.receipts import QUANTILES, Foreteller
from activities.payables.solve import Solved
from contracts.payables import CashAccount, CreditLine, Payable, ReceiptBand, Receivable, ScheduleInput

DAYS, BILLS = 85, 120
NODES = 100  # a cut-off by work, so that all runs are the same
AHEAD, DRAWS, RECENT = 46, 200, 60
LEVELS = np.array([0.0, *QUANTILES, 1.0])
Bill = Callable[[random.Random, str, D], Payable]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class World:
    """Bills that come, receipts as they were, and the account that has to do with both."""

    rows: Sequence[Receivable]
    past: Sequence[Receivable]  # of other rows, to learn from as well
    begin: date
    scale: D
    given: ScheduleInput
    money: Account
    window: Window

    @classmethod
    def of(
        cls, rows: Sequence[Receivable], past: Sequence[Receivable], bill: Bill, *, tight: bool, seed: int
    ) -> "World":
        begin = rows[len(rows) * 3 // 5].invoice_date
        begin += timedelta(days=-begin.weekday() % 7)
        bills = tuple(_bills(rows, begin, bill, random.Random(seed)))
        came = truth(rows, begin)
        total = sum((each.amount for each in bills), D(0))
        scale = total * D("0.9" if tight else "0.95") / came[60].expected
        part = (total / 40).quantize(D("0.01"))
        account = CashAccount(
            currency="EUR",
            opening=(2 if tight else 3) * part,
            floor=part,
            capital_percent=D(6),
            arrival_days=1,
            line=CreditLine(limit=(1 if tight else 4) * part, annual_percent=D(9)),
        )
        given = ScheduleInput(
            now=morning(begin),
            payables=bills,
            accounts=(account,),
            receipts=tuple(scaled(band, scale) for band in came),
            horizon_days=DAYS,
            approval_days=0,
            gap=1e-3,
            seconds=60,
        )
        bank = BankDays.of(account, given.now, begin + timedelta(days=DAYS + 60))
        money = Account.of(given, account, bank, begin)
        return cls(rows, past, begin, scale, given, money, Window(bank, money.first, money.end, D(6)))


def regret(
    rows: Sequence[Receivable], bill: Bill, *, tight: bool, seed: int = 1, past: Sequence[Receivable] = ()
) -> dict[str, float]:
    """Costs of the policy over those of the clairvoyant, less 1, and days below the floor."""
    world = World.of(rows, past, bill, tight=tight, seed=seed)
    best = product.make_schedule(world.given).accounts[0]
    choices = [choice(each, world.window) for each in world.given.payables]
    taken = policy(world)
    options = tuple(taken.get(each.payable.id) or each.options[-1] for each in choices)
    run = world.money.run(options, world.money.expected)
    costs = product._costs(world.money, choices, Solved(options, np.zeros(0), 0.0), run)
    more = float(costs.total - best.costs.total)
    # What is paid in all, less discounts and with fees, and beside it what timing costs that is no payment.
    all_ = float(sum((each.amount for each in world.given.payables), D(0)) - _largest(choices) + best.costs.total)
    return {
        "regret": round(more / all_, 6),
        "regret_avoidable": round(more / float(best.costs.total), 4),
        "floor_broken": sum(n > world.given.accounts[0].line.limit for n in run.drawn),  # type: ignore[union-attr]
        "policy_cost": float(costs.total),
        "optimum_cost": float(best.costs.total),
        "optimum_gap": round(best.gap, 5),
        "unpaid": len(choices) - len(taken),
    }


def _largest(choices: Sequence[Choice]) -> D:
    """All discounts that can be had: what is missed of them is among the costs."""
    return sum((max((off.amount for off in each.discounts), default=D(0)) for each in choices), D(0))


def _bills(rows: Sequence[Receivable], begin: date, bill: Bill, dice: random.Random) -> list[Payable]:
    amounts, made = [each.amount for each in rows if each.amount > 0], []
    for number in range(BILLS):
        one = bill(dice, str(number), dice.choice(amounts))
        day = begin + timedelta(days=dice.randrange(40))
        made.append(
            one.model_copy(update={"invoice_date": day, "due_date": day + timedelta(days=30), "not_before": day})
        )
    return made


def scaled(band: ReceiptBand, scale: D) -> ReceiptBand:
    amount = (band.expected * scale).quantize(D("0.01"))
    return band.model_copy(update=dict.fromkeys(("low", "expected", "high"), amount))


def morning(day: date) -> datetime:
    return datetime.combine(day, time(6), UTC)


def truth(rows: Sequence[Receivable], begin: date) -> list[ReceiptBand]:
    bands = []
    for offset in range(DAYS + 1):
        day = begin + timedelta(days=offset)
        total = sum((r.amount for r in rows if r.settled and begin <= r.settled <= day), D(0))
        bands.append(ReceiptBand(currency="EUR", day=day, low=total, expected=total, high=total))
    return bands


def policy(world: World) -> dict[str, Option]:
    """What is paid when, where each day knows the bills and the receipts until it, and a forecast of later ones."""
    taken: dict[str, Option] = {}
    money, account = world.money, world.given.accounts[0]
    teller = Foreteller.learn((*world.past, *world.rows), world.begin - timedelta(days=1))
    for place in range(money.end):
        day = money.bank.day(place)
        run = money.run(tuple(taken.values()), money.expected)
        drawn = run.drawn[place - 1] if place else D(0)
        line = account.line.model_copy(update={"drawn": drawn})  # type: ignore[union-attr]
        cash = account.model_copy(update={"opening": run.own[place] + drawn, "line": line})
        known = {b.id: b for b in world.given.payables if b.id not in taken and b.invoice_date <= day}
        if not known:
            continue
        total = drawn_from(teller, world.rows, day, np.random.default_rng(place)) * float(world.scale)
        today = {"now": morning(day), "payables": tuple(known.values()), "accounts": (cash,)}
        limits = {"horizon_days": AHEAD - 1, "nodes": NODES}
        receipts = {"receipts": tuple(_bands(total, day)), "paths": tuple(likely_paths(total, "EUR"))}
        made = product.make_schedule(world.given.model_copy(update=today | limits | receipts))
        for payment in made.payments:
            if payment.day == day:
                taken[payment.payable] = _option(_Case.of(known[payment.payable], world.window), place)
    return taken


def drawn_from(teller: Foreteller, rows: Sequence[Receivable], day: date, chance: np.random.Generator) -> Floats:
    """Receipts until each evening, many times over: of what is open, and of new invoices like those of late."""
    recent = [r for r in rows if day - timedelta(days=RECENT) <= r.invoice_date <= day]
    quantiles = np.array([teller.expect(each).quantiles for each in recent])
    ends = np.column_stack([quantiles[:, :1], quantiles, 2 * quantiles[:, -1:] - quantiles[:, 3:4]])
    amounts = np.array([float(each.amount) for each in recent])
    came = np.zeros((DRAWS, AHEAD))
    for at, each in enumerate(recent):
        if each.settled is None or each.settled >= day:
            age = (day - each.invoice_date).days
            gone = float(np.interp(age, ends[at], LEVELS)) if age >= ends[at, 0] else 0.0
            levels = chance.uniform(min(gone, 0.999), 1.0, DRAWS)
            _add(came, np.arange(DRAWS), np.maximum(np.interp(levels, LEVELS, ends[at]) - age, 0), amounts[at])
    count = chance.poisson(len(recent) / RECENT * AHEAD * DRAWS)
    which = chance.integers(len(recent), size=count)
    level = chance.uniform(size=count)
    right = np.searchsorted(LEVELS, level).clip(1, len(LEVELS) - 1)
    part = (level - LEVELS[right - 1]) / (LEVELS[right] - LEVELS[right - 1])
    days = ends[which, right - 1] * (1 - part) + ends[which, right] * part
    _add(came, chance.integers(DRAWS, size=count), chance.integers(1, AHEAD, size=count) + days, amounts[which])
    total: Floats = came.cumsum(axis=1)
    return total


def _add(came: Floats, draw: NDArray[np.int64], days: Floats, amounts: Floats | float) -> None:
    at = np.rint(days).astype(np.int64)
    within = at < AHEAD
    np.add.at(came, (draw[within], at[within]), np.broadcast_to(amounts, at.shape)[within])


def _bands(total: Floats, day: date) -> list[ReceiptBand]:
    expected = [D(str(round(value, 2))) for value in total.mean(axis=0)]
    return [
        ReceiptBand(currency="EUR", day=day + timedelta(days=at), low=D(0), expected=amount, high=amount)
        for at, amount in enumerate(expected)
    ]

"""Deciding again each bank day with receipts foretold, against the optimum that knows them: `regret`."""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal as D

import numpy as np

from activities.payables import schedule as product
from activities.payables.account import Account
from activities.payables.bank_days import BankDays
from activities.payables.options import Option, Window, _Case, _option, choice
from activities.payables.receipts import Foreteller
from activities.payables.solve import Solved
from contracts.payables import CashAccount, CreditLine, Payable, ReceiptBand, Receivable, ScheduleInput

DAYS, BILLS = 85, 120


def regret(rows: Sequence[Receivable], bill: object, *, tight: bool, seed: int = 1) -> dict[str, float]:
    """Costs of the policy over those of the clairvoyant, less 1, and days below the floor."""
    begin = rows[len(rows) * 3 // 5].invoice_date
    begin += timedelta(days=-begin.weekday() % 7)
    dice = random.Random(seed)
    bills = []
    amounts = [each.amount for each in rows if each.amount > 0]
    for number in range(BILLS):
        made = bill(dice, str(number), dice.choice(amounts))  # type: ignore[operator]
        day = begin + timedelta(days=dice.randrange(40))
        bills.append(
            made.model_copy(update={"invoice_date": day, "due_date": day + timedelta(days=30), "not_before": day})
        )
    came = truth(rows, begin)
    scale = sum(each.amount for each in bills) * D("0.9" if tight else "0.95") / came[60].expected
    bands = tuple(scaled(band, scale) for band in came)
    part = (sum(each.amount for each in bills) / 40).quantize(D("0.01"))
    account = CashAccount(
        currency="EUR",
        opening=(2 if tight else 3) * part,
        floor=part,
        capital_percent=D(6),
        arrival_days=1,
        line=CreditLine(limit=(1 if tight else 4) * part, annual_percent=D(9)),
    )
    best = ScheduleInput(
        now=morning(begin),
        payables=tuple(bills),
        accounts=(account,),
        receipts=bands,
        horizon_days=DAYS,
        approval_days=0,
        firm_days=1,
        gap=1e-3,
        seconds=8,
    )
    schedule = product.make_schedule(best)
    optimum = schedule.accounts[0].costs.total
    bank = BankDays.of(account, best.now, begin + timedelta(days=DAYS + 60))
    money = Account.of(best, account, bank, begin)
    window = Window(bank, money.first, money.end, account.capital_percent)
    choices = [choice(each, window) for each in bills]
    taken = policy(best, rows, scale, money, bills, window)
    options = tuple(taken.get(each.payable.id) or each.options[-1] for each in choices)
    run = money.run(options, money.expected)
    costs = product._costs(money, choices, Solved(options, np.zeros(0), 0.0), run).total
    return {
        "regret": round(float(costs / optimum) - 1, 4),
        "floor_broken": sum(n > account.line.limit for n in run.drawn),
        "policy_cost": float(costs),
        "optimum_cost": float(optimum),
        "optimum_gap": schedule.accounts[0].gap,
        "unpaid": len(bills) - len(taken),
    }


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


def policy(
    best: ScheduleInput, rows: Sequence[Receivable], scale: D, money: Account, bills: Sequence[Payable], window: Window
) -> dict[str, Option]:
    taken: dict[str, Option] = {}
    account = best.accounts[0]
    teller = Foreteller.learn(rows, money.bank.day(0) - timedelta(days=1))
    for place in range(money.end):
        day = money.bank.day(place)
        run = money.run(tuple(taken.values()), money.expected)
        drawn = run.drawn[place - 1] if place else D(0)
        cash = account.model_copy(
            update={"opening": run.own[place] + drawn, "line": account.line.model_copy(update={"drawn": drawn})}
        )
        known = tuple(b for b in bills if b.id not in taken and b.invoice_date <= day)
        if not known:
            continue
        made = product.make_schedule(
            best.model_copy(
                update={
                    "now": morning(day),
                    "payables": known,
                    "accounts": (cash,),
                    "horizon_days": 45,
                    "seconds": 1.0,
                    "receipts": tuple(foretold(teller, rows, day, float(scale))),
                }
            )
        )
        for payment in made.payments:
            if payment.day == day:
                payable = next(b for b in known if b.id == payment.payable)
                taken[payable.id] = _option(_Case.of(payable, window), place)
    return taken


def foretold(teller: Foreteller, rows: Sequence[Receivable], day: date, scale: float) -> list[ReceiptBand]:
    """What is open, by the quantiles that are left; and the rate of the last 60 days for what is new."""
    total = np.zeros(47)
    levels = np.linspace(0.05, 0.95, 19)
    recent = [r for r in rows if day - timedelta(days=60) <= r.invoice_date <= day]
    open_ = [r for r in recent if not r.settled or r.settled >= day]
    for each in open_:
        said = teller.expect(each)
        spread = np.interp(levels, (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95), said.quantiles)
        left = spread[spread >= (day - each.invoice_date).days] - (day - each.invoice_date).days
        left = left if len(left) else np.array([1.0, 4.0, 8.0, 15.0])
        for at in left:
            total[min(int(at) + 1, 46)] += float(each.amount) / len(left)
    rate = sum(float(r.amount) for r in recent) / 60
    total[26:46] += rate
    sums = total.cumsum() * scale
    return [
        ReceiptBand(
            currency="EUR",
            day=day + timedelta(days=i),
            low=D(0),
            expected=D(str(round(sums[i], 2))),
            high=D(str(round(sums[i], 2))),
        )
        for i in range(46)
    ]

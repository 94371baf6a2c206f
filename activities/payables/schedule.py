"""When to pay what: each account's program, solved by HiGHS, and told in days, amounts and reasons.

Nothing is read or written here. Each currency has its own account and its own schedule; money is never converted, only
the costs are summed up in the reporting currency, by the rates that were given.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal

import numpy as np

from activities.payables import explain, telling
from activities.payables.account import Account, Run
from activities.payables.bank_days import BankDays, local_day
from activities.payables.options import Choice, Window, choice
from activities.payables.program import Program
from activities.payables.scenarios import decided_now, narrowed
from activities.payables.solve import Solved, solve
from contracts.errors import PayablesUnusable
from contracts.payables import (
    AccountPlan,
    CashAccount,
    CashPoint,
    Costs,
    EarlyPayment,
    Infeasible,
    Later,
    Payable,
    Payment,
    Schedule,
    ScheduleInput,
    rounded,
)

AGAIN = 3  # times a schedule is made with more to spare, where rounding broke a limit by a few cents
PART = 0.6  # of the time is for the schedule; the rest, where there is none, is for saying why


@dataclass(frozen=True, slots=True)
class _Part:
    """What one account adds to the schedule."""

    payments: tuple[Payment, ...] = ()
    later: tuple[Later, ...] = ()
    early: tuple[EarlyPayment, ...] = ()
    plan: AccountPlan | None = None
    infeasible: Infeasible | None = None


def make_schedule(given: ScheduleInput) -> Schedule:
    """The cheapest schedule that keeps each account above its floor, or why there is none.

    PayablesUnusable: two payables of one id, two accounts of one currency, an unknown country, a rate that is missing.
    """
    _check(given)
    started = time.monotonic()
    by_currency: dict[str, list[Payable]] = {account.currency: [] for account in given.accounts}
    left_out: list[Later] = []
    for payable in given.payables:
        if payable.held:
            left_out.append(telling.held(payable, payable.held))
        elif payable.currency not in by_currency:
            left_out.append(telling.held(payable, f"There is no account in {payable.currency}; nothing is converted."))
        else:
            by_currency[payable.currency].append(payable)
    parts: list[_Part] = []
    for account in sorted(given.accounts, key=lambda each: len(by_currency[each.currency])):
        share = (given.seconds - (time.monotonic() - started)) / (len(given.accounts) - len(parts))
        parts.append(_account(given, account, by_currency[account.currency], max(share, 0.5)))
    return _joined(given, parts, left_out)


def _check(given: ScheduleInput) -> None:
    for what, names in (
        ("payables have the id", [each.id for each in given.payables]),
        ("accounts are in", [each.currency for each in given.accounts]),
    ):
        if twice := [name for name, count in Counter(names).items() if count > 1]:
            raise PayablesUnusable(
                f"Several {what} {twice[0]!r}.", subject=twice[0], way_out="Give each once; one account a currency."
            )
    missing = sorted({each.currency for each in given.accounts} - {given.reporting, *given.rates})
    if given.reporting and missing:
        raise PayablesUnusable(
            f"There is no rate from {', '.join(missing)} to {given.reporting}.",
            subject=missing[0],
            way_out="Give the rate, or no reporting currency: then each currency's costs stand alone.",
        )
    if wrong := [currency for currency, rate in given.rates.items() if rate <= 0]:
        raise PayablesUnusable(f"The rate of {wrong[0]} is not above 0.", subject=wrong[0], way_out="Give one that is.")


def _account(given: ScheduleInput, account: CashAccount, payables: Sequence[Payable], seconds: float) -> _Part:
    until = time.monotonic() + seconds
    today = local_day(account, given.now)
    horizon = today + timedelta(days=given.horizon_days)
    latest = max((payable.due_date for payable in payables), default=today)
    bank = BankDays.of(account, given.now, max(latest, horizon))
    money = Account.of(given, account, bank, today)
    window = Window(bank, money.first, money.end, account.capital_percent)
    choices = [choice(payable, window) for payable in payables]
    left = max(until - time.monotonic(), 0.2)
    now = decided_now(given, account, bank, today, payables, left * PART / 2)
    found = _solved(money, narrowed(choices, now, money.firm), given, left * PART) if now else None
    weighed = found is not None
    found = found or _solved(money, choices, given, left * PART)
    if found is None:
        return _Part(infeasible=explain.why(money, window, choices, seconds=left * (1 - PART)))
    solved, run = found
    return _told(given, money, choices, solved, run, weighed=weighed)


def _solved(
    money: Account, choices: Sequence[Choice], given: ScheduleInput, seconds: float
) -> tuple[Solved, Run] | None:
    """A schedule that holds when counted exactly. One that only holds for the solver is made again, with some spare."""
    if not money.end:
        # The horizon ends before a bank works again, so each payable has one option: later.
        waiting = tuple(each.options[-1] for each in choices)
        return Solved(waiting, np.zeros(0), 0.0), money.run(waiting, money.planned)
    spare, limit = Decimal(0), money.line.limit
    for _ in range(AGAIN):
        solved = solve(Program(choices, money.cash(spare=spare)), gap=given.gap, seconds=seconds, nodes=given.nodes)
        if solved is None:
            return None
        run = money.run(solved.options, money.planned)
        beyond = run.beyond(limit)
        if beyond <= 0:
            return solved, run
        spare += 2 * beyond
    return None


def _told(
    given: ScheduleInput, money: Account, choices: Sequence[Choice], solved: Solved, run: Run, *, weighed: bool
) -> _Part:
    pairs = list(zip(choices, solved.options, strict=True))
    plan = AccountPlan(
        currency=money.given.currency,
        first_day=money.bank.day(money.first),
        floor=money.given.floor,
        limit=money.line.limit,
        curve=_curve(money, solved, run),
        costs=_costs(money, choices, solved, run),
        gap=solved.gap,
        proved=solved.gap <= given.gap,
        weighed=weighed,
    )
    inside = [(each, option) for each, option in pairs if option.place < money.end]
    return _Part(
        payments=tuple(telling.payment(each, option, money) for each, option in inside),
        later=tuple(telling.later(each, option, money) for each, option in pairs if option.place >= money.end),
        early=tuple(early for each, option in pairs for early in telling.early(each, option, money)),
        plan=plan,
    )


def _curve(money: Account, solved: Solved, run: Run) -> tuple[CashPoint, ...]:
    """With the line drawn as planned, whatever customers then pay."""
    bands = [money.run(solved.options, band).own for band in (money.low, money.expected, money.high)]
    return tuple(
        CashPoint(
            day=money.bank.day(place),
            paid=run.paid[place],
            low=bands[0][place] + run.drawn[place],
            cash=bands[1][place] + run.drawn[place],
            high=bands[2][place] + run.drawn[place],
            drawn=run.drawn[place],
        )
        for place in range(money.end)
    )


def _costs(money: Account, choices: Sequence[Choice], solved: Solved, run: Run) -> Costs:
    currency = money.given.currency
    best = sum((max((off.amount for off in each.discounts), default=Decimal(0)) for each in choices), Decimal(0))
    taken = sum((option.discount for option in solved.options), Decimal(0))
    lent = sum(float(drawn) * money.days(place) * money.premium for place, drawn in enumerate(run.drawn))
    return Costs(
        currency=currency,
        discounts_taken=taken,
        discounts_missed=best - taken,
        fees=sum((option.fee for option in solved.options), Decimal(0)),
        goodwill=rounded(Decimal(sum(option.goodwill for option in solved.options)), currency),
        capital=rounded(Decimal(sum(option.capital for option in solved.options)), currency),
        interest=rounded(Decimal(lent), currency),
    )


def _joined(given: ScheduleInput, parts: Sequence[_Part], left_out: Sequence[Later]) -> Schedule:
    plans = [part.plan for part in parts if part.plan]
    total = None
    if given.reporting:
        rates = {**given.rates, given.reporting: Decimal(1)}
        total = rounded(sum((p.costs.total * rates[p.currency] for p in plans), Decimal(0)), given.reporting)
    payments = [payment for part in parts for payment in part.payments]
    return Schedule(
        made=given.now,
        last_day=given.now.date() + timedelta(days=given.horizon_days),
        payments=tuple(sorted(payments, key=lambda each: (each.day, each.vendor, each.payable))),
        later=(*left_out, *(later for part in parts for later in part.later)),
        early=tuple(sorted((e for part in parts for e in part.early), key=lambda e: -(e.annual_percent or 1e9))),
        accounts=tuple(sorted(plans, key=lambda plan: plan.currency)),
        infeasible=tuple(part.infeasible for part in parts if part.infeasible),
        total=total,
        notes=tuple(note for plan in plans for note in telling.notes(plan)),
    )

"""What a schedule decided, in words: each payment's reason, and what each early payment is worth a year."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal

from activities.payables.account import YEAR, Account
from activities.payables.options import Choice, Off, Option
from contracts.payables import AccountPlan, EarlyPayment, Later, Payable, Payment


def held(payable: Payable, why: str) -> Later:
    """One that may not be paid."""
    return Later(
        payable=payable.id,
        vendor=payable.vendor,
        currency=payable.currency,
        amount=payable.amount,
        held=True,
        why=why,
    )


def later(each: Choice, option: Option, money: Account) -> Later:
    """One that waits until after the horizon."""
    due = each.payable.due_date
    late = f"Cash is short: it would be {option.late_days} days late or more, for a fee of {option.fee:,}."
    why = late if option.late_days else f"Due {told(due)}, which is after the horizon."
    return held(each.payable, why).model_copy(update={"held": False, "amount": option.paid})


def payment(each: Choice, option: Option, money: Account) -> Payment:
    """One that leaves within the horizon."""
    payable = each.payable
    kind = "late" if option.late_days > 0 else "early" if option.discount else "on time"
    return Payment(
        payable=payable.id,
        vendor=payable.vendor,
        currency=payable.currency,
        day=money.bank.day(option.place),
        arrives=money.bank.arrives(option.place),
        amount=option.paid,
        discount=option.discount,
        fee=option.fee,
        kind=kind,
        firm=option.place < money.firm,
        why=_why(each, option, money),
    )


def _why(each: Choice, option: Option, money: Account) -> str:
    due = told(each.payable.due_date)
    if option.late_days > 0:
        days = f"{option.late_days} {'day' if option.late_days == 1 else 'days'} late"
        fee = f"a fee of {option.fee:,}" if option.fee else "no fee"
        if each.in_time < each.first:
            return f"Was due {due}, and can't be there sooner than {days}: {fee}."
        return f"Cash is short before: {days}, {fee}."
    if option.discount:
        off = next(off for off in each.discounts if off.amount == option.discount)
        worth = _annual(each, off, money)
        rate = "" if worth is None else f", worth {worth:.1f} % a year"
        return f"{off.percent.normalize():f} % off{rate}; due {due}."
    if option.place < min(each.in_time, money.end - 1):
        return f"Earlier than due on {due}: this is when cash allows it."
    return f"Arrives by {due}, when it is due."


def early(each: Choice, option: Option, money: Account) -> Iterator[EarlyPayment]:
    """Each discount that can still be had, and whether the schedule takes it."""
    for off in each.discounts:
        taken = option.discount == off.amount
        worth = _annual(each, off, money)
        yield EarlyPayment(
            payable=each.payable.id,
            vendor=each.payable.vendor,
            currency=each.payable.currency,
            discount=off.amount,
            percent=off.percent,
            pay_by=money.bank.day(off.place),
            days=_sooner(each, off, money),
            annual_percent=None if worth is None else round(worth, 2),
            taken=taken,
            why="Taken." if taken else _why_not(option, off, worth, money),
        )


def _why_not(option: Option, off: Off, worth: float | None, money: Account) -> str:
    if option.discount > off.amount:
        return "The larger discount is taken."
    if worth is not None and worth < float(money.given.capital_percent):
        return f"Capital costs more: {money.given.capital_percent.normalize():f} % a year."
    if option.discount:
        return "The smaller discount costs less in all."
    return "Cash does not reach for it, or does more elsewhere."


def _sooner(each: Choice, off: Off, money: Account) -> int:
    otherwise = money.bank.day(max(each.in_time, each.first))
    return max((otherwise - money.bank.day(off.place)).days, 0)


def _annual(each: Choice, off: Off, money: Account) -> float | None:
    """Percent a year, simple: what comes off on what is paid, for the days it is paid earlier. 2/10 net 30: 37.2."""
    days = _sooner(each, off, money)
    paid = each.payable.amount - off.amount
    return float(off.amount / paid) * YEAR / days * 100 if days and paid > 0 else None


def notes(plan: AccountPlan) -> Iterator[str]:
    """What a person should know of a plan besides its payments."""
    if not plan.proved:
        yield (
            f"{plan.currency}: the best schedule found in the time given; its costs are proved to be at most "
            f"{plan.gap * 100:.2f} % above the least possible."
        )
    short = [point for point in plan.curve if point.low + plan.limit - point.drawn < plan.floor]
    if short:
        missing = max(plan.floor - (point.low + plan.limit - point.drawn) for point in short)
        yield (
            f"{plan.currency}: should customers pay as late as they rarely do, {missing:,} would be missing by "
            f"{told(short[0].day)}, and later payments would be moved. Nothing that is decided now depends on it."
        )


def told(day: date) -> str:
    """`5 March 2026`."""
    return f"{day.day} {day:%B %Y}"


def money_told(amount: Decimal, currency: str) -> str:
    """`1,234.50 EUR`."""
    return f"{amount:,} {currency}"

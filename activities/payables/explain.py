"""Why there is no schedule, and what would make one: each way by itself, with how much of it is enough.

The program is solved again with one constraint made elastic: the floor (which is also how much more cash would do), the
credit line, or how late vendors may be paid. Each amount comes from a schedule that holds, so it is enough; it is the
least that was found in the time given.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from activities.payables.account import Account
from activities.payables.options import Choice, Option, Window, choice
from activities.payables.program import Program
from activities.payables.solve import solve
from activities.payables.telling import money_told, told
from contracts.payables import Infeasible, Relaxation

GAP = 1e-3  # of what is lacking
WHENEVER = 100_000  # days late
ROUNDS = 3
NAMED = 5  # vendors
MANY, APART = 1000, 5  # of more payables than this, only each fifth bank day beyond their terms is looked at


@dataclass(frozen=True, slots=True)
class _Short:
    """The first place where cash does not reach, and by how much at worst."""

    place: int
    most: Decimal


def why(money: Account, window: Window, choices: Sequence[Choice], *, seconds: float) -> Infeasible:
    """`seconds` are shared by the ways that are tried."""
    short = _least(money, choices)
    since, share = short.place if short else 0, seconds / 3
    ways = (
        *_floor(money, choices, since, share),
        *_line(money, choices, since, share),
        *_late(money, window, choices, share),
    )
    currency, by = money.given.currency, money.bank.day(since)
    missing = max([way.amount for way in ways if way.kind == "floor"] + ([short.most] if short else [Decimal(0)]))
    whatever = ", whatever is paid when" if short else " in every schedule that was found"
    says = f"By {told(by)} the {currency} account would be below its floor{whatever}"
    return Infeasible(
        currency=currency,
        day=by,
        short=missing,
        says=f"{says}: {money_told(missing, currency)} are missing. {_drivers(money, choices, since)}".rstrip(),
        relax=ways,
    )


def _least(money: Account, choices: Sequence[Choice]) -> _Short | None:
    """Where not even what can't wait is covered."""
    must = [Decimal(0)] * money.end
    for each in choices:
        last = max(option.place for option in each.options)
        if last < money.end:
            must[last] += min(option.paid for option in each.options)
    first, most, gone = -1, Decimal(0), Decimal(0)
    for place in range(money.end):
        gone += must[place]
        own = money.given.opening - money.line.drawn + money.flows[place] + money.planned[place] - gone
        missing = money.given.floor - own - money.line.limit
        if missing > 0:
            first, most = place if first < 0 else first, max(most, missing)
    return _Short(first, most) if first >= 0 else None


def _drivers(money: Account, choices: Sequence[Choice], place: int) -> str:
    """What has to leave until then."""
    forced = [each for each in choices if max(option.place for option in each.options) <= place]
    total = sum((each.payable.amount for each in forced), Decimal(0))
    names = sorted({each.payable.vendor for each in forced})
    return (
        f"Until then {money_told(total, money.given.currency)} for {_names(names)} can't wait longer." if forced else ""
    )


def _names(names: Sequence[str]) -> str:
    rest = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _floor(money: Account, choices: Sequence[Choice], since: int, seconds: float) -> Iterator[Relaxation]:
    amount, day = _lacking(money, choices, "floor", since, seconds), money.bank.day(since)
    if amount is None:
        return
    currency, floor = money.given.currency, money.given.floor
    lower = f"Lower the floor by {money_told(amount, currency)}, to {money_told(floor - amount, currency)}."
    yield Relaxation(kind="floor", amount=amount, currency=currency, day=day, says=lower)
    more = f"Have {money_told(amount, currency)} more in the account by {told(day)}."
    yield Relaxation(kind="cash", amount=amount, currency=currency, day=day, says=more)


def _line(money: Account, choices: Sequence[Choice], since: int, seconds: float) -> Iterator[Relaxation]:
    amount, day = _lacking(money, choices, "line", since, seconds), money.bank.day(since)
    if amount is None:
        return
    currency, limit = money.given.currency, money.line.limit
    what = f"Raise the credit line by {money_told(amount, currency)}, to {money_told(limit + amount, currency)}"
    if money.given.line is None:
        what = f"Open a credit line of {money_told(amount, currency)}"
    yield Relaxation(kind="credit", amount=amount, currency=currency, day=day, says=f"{what}, by {told(day)}.")


def _lacking(money: Account, choices: Sequence[Choice], what: str, since: int, seconds: float) -> Decimal | None:
    """How much, counted exactly."""
    solved = solve(Program(choices, money.cash(), elastic=what, since=since), gap=GAP, seconds=seconds)
    if solved is None:
        return _lacking(money, choices, what, 0, seconds) if since else None
    amount = money.run(solved.options, money.planned).beyond(money.line.limit)
    return _less(money, solved.options, amount) if what == "floor" else amount


def _less(money: Account, options: Sequence[Option], amount: Decimal) -> Decimal:
    """A floor lower by this needs less of the line, so less interest, so a little less of it is enough, too."""
    for _ in range(ROUNDS):
        lowered = replace(money, given=money.given.model_copy(update={"floor": money.given.floor - amount}))
        spare = -lowered.run(options, money.planned).beyond(money.line.limit)
        if spare <= 0:
            break
        amount -= spare
    # The last round may have taken a little too much.
    return amount - min(spare, Decimal(0))


def _late(money: Account, window: Window, choices: Sequence[Choice], seconds: float) -> Iterator[Relaxation]:
    """Later than the terms allow, for as little money as possible."""
    apart = APART if len(choices) > MANY else 1
    freed = [_freed(each, window, apart) for each in choices]
    solved = solve(Program(freed, money.cash()), gap=GAP, seconds=seconds)
    if solved is None or money.run(solved.options, money.planned).beyond(money.line.limit) > 0:
        return
    late = [
        (each, option) for each, option in zip(choices, solved.options, strict=True) if option.late_days > _bound(each)
    ]
    if not late:
        return
    currency = money.given.currency
    total = sum((each.payable.amount for each, _ in late), Decimal(0))
    fees = sum((option.fee for _, option in late), Decimal(0))
    names = _names(sorted({each.payable.vendor for each, _ in late}))
    days = max(option.late_days for _, option in late)
    yield Relaxation(
        kind="late",
        amount=total,
        currency=currency,
        payables=tuple(each.payable.id for each, _ in late),
        says=f"Let {money_told(total, currency)} for {names} be up to {days} days late, "
        f"for late fees of {money_told(fees, currency)}.",
    )


def _freed(each: Choice, window: Window, apart: int) -> Choice:
    """With later days, too, each of which costs all of its amount, so that little is moved."""
    free = choice(each.payable, window, max_late=WHENEVER, each=apart)
    price, bound = float(each.payable.amount), _bound(each)
    options = (
        replace(option, cost=option.cost + price) if option.late_days > bound else option for option in free.options
    )
    return replace(free, options=tuple(options))


def _bound(each: Choice) -> int:
    """Days late that its terms allow, or that it has to be."""
    return max(each.payable.terms.max_late_days, max(known.late_days for known in each.options))

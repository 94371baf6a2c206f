"""How last quarter's list would have done against what the team did. Pure.

Each week the model learns from deals that had closed by its Monday, and looks at the open ones as they were then. The
list holds as many deals as the team worked on that week: the same effort, other deals.
"""

from collections.abc import Callable, Sequence
from datetime import date, timedelta

import numpy as np

from activities.deal_scoring.moments import Looking, closed_moments
from activities.scoring.additive import Additive
from activities.scoring.training import Effort, train
from contracts.backtest import Backtest, BacktestWeek
from contracts.deals import Book, Opportunity

WEEKS = 13
DEALS = 1_500  # closed ones that each week's model looks at
EFFORT = Effort(members=1, resamples=0, rounds=100)
Say = Callable[[str], None]


def backtest(book: Book, *, weeks: int = WEEKS, effort: Effort = EFFORT, say: Say = lambda _: None) -> Backtest:
    """The last whole weeks before the book's day. Weeks in which nobody worked on an open deal don't count."""
    if not book.activities:
        return Backtest(why_not="No activities were read, so what the team worked on isn't known.")
    monday = book.today - timedelta(days=book.today.weekday())
    found, undecided = list[BacktestWeek](), set[str]()
    for back in range(weeks, 0, -1):
        day = monday - timedelta(weeks=back)
        say(f"backtest: the week of {day}")
        opened = [each for each in book.opportunities if _open(each, day)]
        undecided |= {each.id for each in opened if each.won is None}
        if week := _week(book, day, opened, effort):
            found.append(week)
    if not found:
        return Backtest(why_not=f"In the last {weeks} weeks nobody worked on a deal that was open.")
    return Backtest(weeks=tuple(found), undecided=len(undecided), currency=book.currency)


def _open(deal: Opportunity, day: date) -> bool:
    """Whether it was there and not over on that day; one of which that isn't known is left out."""
    if deal.created is None or deal.created >= day:
        return False
    return deal.won is None if deal.closed is None else deal.closed >= day


def _week(book: Book, day: date, opened: Sequence[Opportunity], effort: Effort) -> BacktestWeek | None:
    ends = day + timedelta(days=7)
    touched = {each.deal for each in book.activities if day <= each.at < ends}
    worked = [each for each in opened if each.id in touched]
    if not worked:
        return None
    model = _model(book, day, effort)
    chances = np.ones(len(opened))
    if model is not None:
        looking = Looking(book)
        chances = model.probabilities([looking.at(each, day) for each in opened])
    order = sorted(range(len(opened)), key=lambda place: (-_value(opened[place]) * chances[place], opened[place].id))
    listed = [opened[place] for place in order[: len(worked)]]
    all_won = _won(opened)
    return BacktestWeek(
        day=day,
        open=len(opened),
        worked=len(worked),
        listed_won=_won(listed),
        team_won=_won(worked),
        random=all_won * len(worked) / len(opened),
        all_won=all_won,
        by_model=model is not None,
    )


def _model(book: Book, day: date, effort: Effort) -> Additive | None:
    past = closed_moments(book, before=day, most=DEALS)
    fitted = train(past.rows, past.outcomes, past.times, groups=past.deals, effort=effort)
    return fitted.model if fitted.trained.serves else None


def _won(deals: Sequence[Opportunity]) -> float:
    return sum(_value(each) for each in deals if each.won)


def _value(deal: Opportunity) -> float:
    return 0.0 if deal.value is None else max(0.0, float(deal.value))

"""How last quarter's list would have done against what the team did. Pure.

Each week the model learns from deals that had closed by its Monday, and looks at the open ones as they were then. The
list holds as many deals as the team worked on that week: the same effort, other deals.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import numpy as np

from activities.deal_scoring.counting import counted
from activities.deal_scoring.moments import Looking, closed_moments
from activities.kept import Kept
from activities.scoring.additive import Additive
from activities.scoring.training import CODE, Effort, train
from contracts.backtest import Backtest, WeekList
from contracts.deals import Book, Opportunity

WEEKS = 13
DEALS = 1_500  # closed ones that each week's model looks at
EFFORT = Effort(members=1, resamples=0, rounds=100)
Say = Callable[[str], None]


@dataclass(frozen=True)
class Week:
    """What was open on its Monday, and which of it the team worked on and the list has. Deals in order of their ids."""

    day: date
    opened: tuple[Opportunity, ...]
    worked: frozenset[str]
    listed: frozenset[str]
    by_model: bool


def backtest(
    book: Book,
    *,
    stages: Mapping[str, float] | None = None,
    weeks: int = WEEKS,
    effort: Effort = EFFORT,
    say: Say = lambda _: None,
    kept: Kept | None = None,
) -> Backtest:
    """The last whole weeks before the book's day. Weeks in which nobody worked on an open deal don't count.

    `stages`: the chance that the methodology gives to each stage, used where no model served. `kept`: lists of an
    earlier attempt.
    """
    if not book.activities:
        return Backtest(why_not="No activities were read, so what the team worked on isn't known.")
    looking, found, undecided = Looking(book), list[Week](), set[str]()
    for day in mondays(book.today, weeks):
        say(f"backtest: the week of {day}")
        opened = tuple(each for each in book.opportunities if _open(each, day))
        undecided |= {each.id for each in opened if each.won is None}
        worked = _worked(book, day, opened)
        if worked:
            make = partial(_listed, looking, day, opened, len(worked), stages or {}, effort)
            made = (kept or Kept()).piece(f"backtest-{CODE}-{day}", WeekList, make)
            found.append(Week(day, opened, worked, frozenset(made.deals), made.by_model))
    if not found:
        return Backtest(why_not=f"In the last {weeks} weeks nobody worked on a deal that was open.")
    return counted(found, len(undecided), book.currency)


def mondays(today: date, weeks: int = WEEKS) -> list[date]:
    """Those of the last whole weeks, oldest first."""
    monday = today - timedelta(days=today.weekday())
    return [monday - timedelta(weeks=back) for back in range(weeks, 0, -1)]


def _open(deal: Opportunity, day: date) -> bool:
    """Whether it was there and not over on that day; one of which that isn't known is left out."""
    if deal.created is None or deal.created >= day:
        return False
    return deal.won is None if deal.closed is None else deal.closed >= day


def _worked(book: Book, day: date, opened: Sequence[Opportunity]) -> frozenset[str]:
    ends = day + timedelta(days=7)
    touched = {each.deal for each in book.activities if day <= each.at < ends}
    return frozenset(each.id for each in opened if each.id in touched)


def _listed(
    looking: Looking, day: date, opened: Sequence[Opportunity], count: int, stages: Mapping[str, float], effort: Effort
) -> WeekList:
    """The first `count` deals by value times chance, as of that Monday."""
    model = _model(looking, day, effort)
    rows = [looking.at(each, day) for each in opened]
    if model is not None:
        chances = model.probabilities(rows)
    else:
        chances = np.array([stages.get(str(row["stage"]).casefold(), 1.0) for row in rows])
    order = sorted(range(len(opened)), key=lambda place: (-value(opened[place]) * chances[place], opened[place].id))
    return WeekList(deals=tuple(opened[place].id for place in order[:count]), by_model=model is not None)


def _model(looking: Looking, day: date, effort: Effort) -> Additive | None:
    past = closed_moments(looking.book, before=day, most=DEALS, looking=looking)
    fitted = train(past.rows, past.outcomes, past.times, groups=past.deals, effort=effort)
    return fitted.model if fitted.trained.serves else None


def value(deal: Opportunity) -> float:
    """What it is worth; nothing where that isn't known."""
    return 0.0 if deal.value is None else max(0.0, float(deal.value))

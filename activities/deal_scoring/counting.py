"""Counts what the list and the team had, and how sure the difference is: the deals are drawn anew, many times. Pure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from contracts.backtest import Backtest, BacktestWeek, Interval, Missed, Side
from contracts.deals import Opportunity

if TYPE_CHECKING:
    from activities.deal_scoring.backtest import Week

DRAWS, AT_ONCE = 1_000, 100
NINE_OF_TEN = (5.0, 95.0)
MOST_MISSED = 10  # of each side

Vector = NDArray[np.float64]


def counted(weeks: "Sequence[Week]", undecided: int, currency: str) -> Backtest:
    """All that a page says of these weeks. At least one, each with a deal that was worked on."""
    deals = {each.id: each for week in weeks for each in week.opened}
    chosen = [key for key in sorted(deals) if any(key in week.listed or key in week.worked for week in weeks)]
    every = [deals[key] for key in chosen]
    listed = np.array([sum(key in week.listed for week in weeks) for key in chosen], float)
    team = np.array([sum(key in week.worked for week in weeks) for key in chosen], float)
    by_list, by_team = _drawn(every, listed), _drawn(every, team)
    return Backtest(
        weeks=tuple(_week(each) for each in weeks),
        undecided=undecided,
        currency=currency,
        listed=_side(every, listed, by_list),
        team=_side(every, team, by_team),
        better=_interval(_worth(by_list) - _worth(by_team)),
        missed=(*_missed(every, listed, team, "list"), *_missed(every, team, listed, "team")),
    )


def won_value(deal: Opportunity) -> float:
    """What it brought; nothing where it wasn't won, or its value isn't known."""
    return 0.0 if not deal.won or deal.value is None else max(0.0, float(deal.value))


def _week(week: "Week") -> BacktestWeek:
    listed = [each for each in week.opened if each.id in week.listed]
    worked = [each for each in week.opened if each.id in week.worked]
    worth = np.array(list(map(won_value, week.opened)))
    all_won, left = float(worth.sum()), len(week.opened) - len(worked)
    return BacktestWeek(
        day=week.day,
        open=len(week.opened),
        worked=len(worked),
        listed_won=sum(map(won_value, listed)),
        team_won=sum(map(won_value, worked)),
        random=all_won * len(worked) / len(week.opened),
        random_error=float(np.sqrt(len(worked) * worth.var() * left / max(1, len(week.opened) - 1))),
        all_won=all_won,
        by_model=week.by_model,
        listed_wins=sum(each.won is True for each in listed),
        listed_losses=sum(each.won is False for each in listed),
        team_wins=sum(each.won is True for each in worked),
        team_losses=sum(each.won is False for each in worked),
    )


def _side(deals: Sequence[Opportunity], slots: Vector, drawn: Vector) -> Side:
    had = [each for each, count in zip(deals, slots, strict=True) if count]
    return Side(
        slots=int(slots.sum()),
        deals=len(had),
        won=sum(each.won is True for each in had),
        lost=sum(each.won is False for each in had),
        value=sum(map(won_value, had)),
        rate=_interval(_shares(drawn[:, 2], drawn[:, 1])),
        worth=_interval(_worth(drawn)),
    )


def _drawn(deals: Sequence[Opportunity], slots: Vector) -> Vector:
    """Sums over the deals of: slots, slots with a deal that is over, with one that was won, and their value. The first
    row is of what was seen; each other one of the deals drawn anew. Whole deals are drawn: a deal's weeks tell of one
    outcome."""
    over = np.array([each.won is not None for each in deals], float)
    won = np.array([each.won is True for each in deals], float)
    worth = np.array([won_value(each) for each in deals])
    columns = slots[:, None] * np.column_stack([np.ones(len(deals)), over, won, worth])
    random = np.random.default_rng(0)  # the same draws for either side
    parts = [random.poisson(1.0, (AT_ONCE, len(deals))) @ columns for _ in range(DRAWS // AT_ONCE)]
    return np.vstack([columns.sum(axis=0), *parts])


def _worth(drawn: Vector) -> Vector:
    return _shares(drawn[:, 3], drawn[:, 0])


def _shares(above: Vector, below: Vector) -> Vector:
    """Nothing where there is nothing below."""
    return np.divide(above, below, out=np.zeros(len(above)), where=below > 0)


def _interval(found: Vector) -> Interval:
    low, high = np.percentile(found[1:], NINE_OF_TEN)
    return Interval(value=float(found[0]), low=float(low), high=float(high))


def _missed(deals: Sequence[Opportunity], had: Vector, had_not: Vector, by: str) -> list[Missed]:
    """The dearest of the won deals that one side had, and the other never."""
    found = [
        Missed(name=each.name, owner=each.owner, value=won_value(each), closed=each.closed, weeks=int(count), by=by)
        for each, count, other in zip(deals, had, had_not, strict=True)
        if count and not other and each.won
    ]
    return sorted(found, key=lambda each: (-each.value, each.name))[:MOST_MISSED]

"""Weeks made by hand: half of the deals are on the list each week, the team works on the others."""

from datetime import date, timedelta
from decimal import Decimal

from activities.deal_scoring.backtest import Week
from contracts.deals import Opportunity

MONDAY = date(2026, 3, 2)


def lasting(*, weeks: int, deals: int, listed_won: int, team_won: int) -> list[Week]:
    """All deals are worth 1,000, and over in the end; so many of either half were won."""
    half = deals // 2
    every = tuple(_deal(at, at % half < (listed_won if at < half else team_won)) for at in range(deals))
    listed, worked = (frozenset(each.id for each in part) for part in (every[:half], every[half:]))
    return [Week(MONDAY + timedelta(weeks=at), every, worked, listed, True) for at in range(weeks)]


def _deal(at: int, won: bool) -> Opportunity:
    return Opportunity(
        id=f"D{at:02}",
        name=f"Deal {at}",
        owner="Ana",
        stage="Closed",
        value=Decimal(1000),
        created=date(2026, 1, 1),
        closed=date(2026, 5, 1),
        won=won,
    )

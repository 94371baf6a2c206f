"""How a list of deals would have done against what the team did: a week at a time, by what was known then."""

from datetime import date

from pydantic import Field

from contracts.base import Contract


class BacktestWeek(Contract):
    """One week. `worked`: deals with an activity of the team in it; the list has as many. Values of what was won since.

    `random`: what as many deals taken blindly would have had, on average.
    """

    day: date
    open: int
    worked: int
    listed_won: float = Field(description="value of the deals on the list that were won since")
    team_won: float
    random: float
    all_won: float
    by_model: bool = False


class Backtest(Contract):
    """Last quarter, week by week. `undecided`: deals that were open then and still are: they count as nothing."""

    weeks: tuple[BacktestWeek, ...] = ()
    undecided: int = 0
    currency: str = ""
    why_not: str = ""

    def share(self, of: str) -> float:
        """Of the value that could be won in all weeks: `listed_won`, `team_won` or `random`."""
        whole = sum(week.all_won for week in self.weeks)
        return sum(float(getattr(week, of)) for week in self.weeks) / whole if whole else 0.0

    @property
    def says(self) -> str:
        if self.why_not:
            return self.why_not
        by_model = sum(week.by_model for week in self.weeks)
        listed, team, blind = (f"{self.share(of):.0%}" for of in ("listed_won", "team_won", "random"))
        return (
            f"Over {len(self.weeks)} weeks the list would have held {listed} of the value that was won since, the deals"
            f" that the team worked on {team}, and as many taken blindly {blind}. A model served in {by_model} of the"
            " weeks. What the team works on is won more often"
            " because it is worked on: that speaks for the team here, and not for the list."
        )

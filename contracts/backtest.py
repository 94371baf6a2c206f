"""How a list of deals would have done against what the team did: a week at a time, by what was known then.

A slot is one deal in one week: the list has as many in a week as the team worked on in it. What any workflow shows of a
backtest is a `BacktestReport`: the ledger keeps it, the console and the command line show it.
"""

from datetime import date

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.proposal import Panel

WEEKS, DECIDED = 4, 20  # weeks, and different deals that are over, below which nothing is compared


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
    random_error: float = Field(default=0.0, description="standard deviation of that, from one blind choice to another")
    all_won: float
    by_model: bool = False
    listed_wins: int = 0
    listed_losses: int = 0
    team_wins: int = 0
    team_losses: int = 0


class WeekList(Contract):
    """The deals that the list of one week had, by id: a piece that an attempt keeps for the next."""

    deals: tuple[str, ...]
    by_model: bool


class Interval(Contract):
    """An estimate, and what holds it in nine cases of ten: the deals drawn anew many times."""

    value: float
    low: float
    high: float

    @property
    def has_zero(self) -> bool:
        return self.low <= 0 <= self.high


class Side(Contract):
    """The list, or what the team worked on, over all weeks. Different deals, each counted once, but for `slots`."""

    slots: int
    deals: int
    won: int
    lost: int
    value: float = Field(description="of the deals that were won")
    rate: Interval = Field(description="share of the slots with a deal that is over whose deal was won")
    worth: Interval = Field(description="value won a slot, whether its deal is over or not")

    @property
    def over(self) -> int:
        return self.won + self.lost

    @property
    def undecided(self) -> int:
        return self.deals - self.won - self.lost


class Missed(Contract):
    """A deal that was won, and that one side had in `weeks` weeks while the other had it in none."""

    name: str
    owner: str
    value: float
    closed: date | None
    weeks: int
    by: str = Field(description="list or team")


class Backtest(Contract):
    """Last quarter, week by week. `undecided`: deals that were open then and still are: they count as nothing."""

    weeks: tuple[BacktestWeek, ...] = ()
    undecided: int = 0
    currency: str = ""
    why_not: str = ""
    listed: Side | None = None
    team: Side | None = None
    better: Interval | None = Field(default=None, description="value won a slot: the list's less the team's")
    missed: tuple[Missed, ...] = ()

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

    @property
    def verdict(self) -> str:
        """One plain sentence: better, worse, not to be told apart, or too little to say."""
        if self.why_not:
            return self.why_not
        if self.listed is None or self.team is None or self.better is None:
            return "It was made by an earlier release, which did not count this."
        fewest = min(side.over for side in (self.listed, self.team))
        if len(self.weeks) < WEEKS:
            return f"Too little history to compare: the team worked on deals in {len(self.weeks)} weeks, of {WEEKS}."
        if fewest < DECIDED:
            return f"Too little history to compare: of one side {fewest} deals are over, and it takes {DECIDED}."
        if self.better.has_zero:
            return "The difference between the list and the team's choice is within noise."
        return f"The list's deals brought {'more' if self.better.value > 0 else 'less'} than those the team worked on."


class BacktestReport(Contract):
    """What the page and the command show. `title` is the verdict; texts of the world in it are spelt out already."""

    title: str
    summary: str
    panels: tuple[Panel, ...] = ()


class BacktestRecord(Contract):
    """One that the ledger keeps: whose run made it, and from what."""

    run: str
    workflow: str
    team: str
    source: str
    title: str
    made_at: AwareDatetime
    body: str = Field(description="artifact reference of its BacktestReport")

"""Shows a backtest: numbers, which the console draws. Pure."""

from itertools import accumulate

from contracts.backtest import Backtest
from contracts.plots import PlotPanel, PlotSeries
from contracts.proposal import MarkdownPanel, Panel


def panels(found: Backtest) -> tuple[Panel, ...]:
    """For a proposal: the sentence, and the weeks as a plot that the console draws."""
    title = "How last quarter's list would have done"
    if not found.weeks:
        return (MarkdownPanel(title=title, text=found.says, folded=True),)
    names = {"The list": "listed_won", "What the team worked on": "team_won", "As many, blindly": "random"}
    series = tuple(
        PlotSeries(name=name, y=tuple(accumulate(float(getattr(week, of)) for week in found.weeks)))
        for name, of in names.items()
    )
    undecided = f" {found.undecided:,} deals are still open and count as nothing." if found.undecided else ""
    return (
        PlotPanel(
            title=title,
            series=series,
            days=tuple(week.day for week in found.weeks),
            unit=found.currency,
            note=f"Value that was won since, summed over the weeks. {found.says}{undecided}",
            folded=True,
        ),
    )

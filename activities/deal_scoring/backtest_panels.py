"""Shows a backtest: a plot on the proposal, and the page. Pure. Names are other people's words: cut, spelt out."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import accumulate

from activities.deal_scoring.certificate import said_and_happened, which
from activities.deal_scoring.money import money
from contracts import shown
from contracts.backtest import Backtest, BacktestReport, BacktestWeek, Interval, Side
from contracts.plots import PlotPanel, PlotSeries
from contracts.proposal import Cell, MarkdownPanel, Panel, TablePanel
from contracts.scoring import Trained

TITLE = "How last quarter's list would have done"
NINE = 1.645  # standard errors to either side that hold nine of ten
CAVEATS = """\
- Each week's list knows what was known on its Monday: its model learnt from deals that had closed by then.
- What the team works on is won more often *because* it is worked on: that speaks for the team here, not for the list.
- A deal is worth what it is worth now, and has the columns that it has now: sources don't say what stood in them then.
  Its stage and its activities are those of the day.
- The list is by value times chance. What fits into each person's hours, and what people took out, is not in it.
- Deals that are still open count as nothing. Of the last weeks many are.
"""


def panels(found: Backtest) -> tuple[Panel, ...]:
    """For a proposal: the verdict, and the weeks as a plot that the console draws."""
    if not found.weeks:
        return (MarkdownPanel(title=TITLE, text=found.says, folded=True),)
    undecided = f" {found.undecided:,} deals are still open and count as nothing." if found.undecided else ""
    return (_plot(found, f"{found.verdict} {found.says}{undecided}", folded=True),)


def report(found: Backtest, trained: Trained | None) -> BacktestReport:
    """The page."""
    made: list[Panel] = []
    if found.weeks:
        note = "What each list or choice held of what was won since, added up week by week; the band holds nine of ten"
        made.append(_plot(found, f"{note} blind choices."))
    if found.listed and found.team and found.better:
        made += [_sides(found, found.listed, found.team, found.better), _weeks(found.weeks, found.currency)]
    made += _missed(found)
    if found.weeks:
        made.append(MarkdownPanel(title="What this can't say", text=CAVEATS))
    made += _model(trained)
    return BacktestReport(title=found.verdict, summary=found.says, panels=tuple(made))


def _plot(found: Backtest, note: str, *, folded: bool = False) -> PlotPanel:
    weeks = found.weeks
    blind = tuple(accumulate(week.random for week in weeks))
    errors = [NINE * total**0.5 for total in accumulate(week.random_error**2 for week in weeks)]
    return PlotPanel(
        title=TITLE,
        series=(
            PlotSeries(name="The list", y=tuple(accumulate(week.listed_won for week in weeks))),
            PlotSeries(name="What the team worked on", y=tuple(accumulate(week.team_won for week in weeks))),
            PlotSeries(
                name="As many, blindly",
                y=blind,
                low=tuple(max(0.0, at - error) for at, error in zip(blind, errors, strict=True)),
                high=tuple(at + error for at, error in zip(blind, errors, strict=True)),
            ),
        ),
        days=tuple(week.day for week in weeks),
        unit=found.currency,
        note=note,
        folded=folded,
    )


def _sides(found: Backtest, listed: Side, team: Side, better: Interval) -> TablePanel:
    currency = found.currency
    rows = (
        ("Slots: deals in a week, added up", f"{listed.slots:,}", f"{team.slots:,}"),
        ("Different deals", f"{listed.deals:,}", f"{team.deals:,}"),
        ("of them won, lost, still open", _became(listed), _became(team)),
        ("Value of the won ones", _money(listed.value, currency), _money(team.value, currency)),
        ("Won, of the slots whose deal is over", _share(listed.rate), _share(team.rate)),
        ("Value won a slot", _amount(listed.worth, currency), _amount(team.worth, currency)),
        ("The list's less the team's", _amount(better, currency, sign="+"), ""),
    )
    return TablePanel(
        title="The list and the team",
        columns=("", "The list", "The team"),
        rows=tuple(tuple(Cell(text=text) for text in row) for row in rows),
        note="In brackets what holds it in nine cases of ten, with the deals drawn anew a thousand times.",
    )


def _weeks(weeks: Sequence[BacktestWeek], currency: str) -> TablePanel:
    rows = tuple(
        (
            Cell(text=str(week.day)),
            Cell(text=f"{week.open:,}"),
            Cell(text=f"{week.worked:,}"),
            Cell(text=f"{week.listed_wins:,} won, {week.listed_losses:,} lost"),
            Cell(text=_money(week.listed_won, currency)),
            Cell(text=f"{week.team_wins:,} won, {week.team_losses:,} lost"),
            Cell(text=_money(week.team_won, currency)),
            Cell(text="a model" if week.by_model else "the methodology"),
        )
        for week in weeks
    )
    columns = ("Week of", "Open", "Slots", "The list's", "Value", "The team's", "Value", "Chances by")
    return TablePanel(title="Week by week", columns=columns, rows=rows, folded=True)


def _missed(found: Backtest) -> Iterator[TablePanel]:
    titles = {
        "list": "Won, on the list, and not worked on in these weeks",
        "team": "Won, worked on, and never on the list",
    }
    for by, title in titles.items():
        rows = tuple(
            (
                Cell(text=_cut(each.name)),
                Cell(text=_cut(each.owner)),
                Cell(text=_money(each.value, found.currency)),
                Cell(text=str(each.closed or "")),
                Cell(text=f"{each.weeks:,}"),
            )
            for each in found.missed
            if each.by == by
        )
        if rows:
            yield TablePanel(title=title, columns=("Deal", "Owner", "Worth", "Won on", "Weeks"), rows=rows, folded=True)


def _model(trained: Trained | None) -> Iterator[Panel]:
    """The model that serves today: which it is, and what came of what it said."""
    if trained is None:
        return
    if not trained.serves:
        yield MarkdownPanel(title="Today's model", text=shown.words(f"None serves. {trained.why_not}"))
        return
    yield MarkdownPanel(title="Today's model", text=which(trained, whole=True))
    yield from said_and_happened(trained)


def _became(side: Side) -> str:
    return f"{side.won:,}, {side.lost:,}, {side.undecided:,}"


def _share(found: Interval) -> str:
    return f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"


def _amount(found: Interval, currency: str, sign: str = "") -> str:
    value, low, high = (format(each, f"{sign},.0f") for each in (found.value, found.low, found.high))
    return f"{currency} {value} ({low} to {high})"


def _money(value: float, currency: str) -> str:
    return money(Decimal(str(value)), currency)


def _cut(text: str) -> str:
    return shown.spelt(" ".join(text.split()))[:120]

"""The model's certificate: which it is, and how what it said compares with what happened. Pure."""

from datetime import UTC, datetime

from contracts.plots import PlotPanel, PlotSeries
from contracts.proposal import Cell, TablePanel
from contracts.scoring import Bin, Trained

YEAR = 365 * 86_400.0
SHORT = 12  # digits of a hash that people compare


def certificate(trained: Trained) -> tuple[TablePanel, ...]:
    """Of later deals than it had learnt from; none where it was never judged."""
    if trained.judged is None or not trained.judged.table:
        return ()
    rows = tuple(
        (Cell(text=f"{each.predicted:.0%}"), Cell(text=f"{each.became:.0%}"), Cell(text=f"{each.rows:,}"))
        for each in trained.judged.table
    )
    return (
        TablePanel(
            title="What the model said, and what happened",
            columns=("Said", "Won", "Looks at later deals"),
            rows=rows,
            note=which(trained),
            folded=True,
        ),
    )


def said_and_happened(trained: Trained) -> tuple[PlotPanel, ...]:
    """The same as a plot: on the line, it said how often it happened."""
    if trained.judged is None:
        return ()
    bins = _ascending(trained.judged.table)
    if len(bins) < 2:
        return ()
    places = tuple(round(each.predicted * 100, 1) for each in bins)
    happened = PlotSeries(name="Won", y=tuple(round(each.became * 100, 1) for each in bins), as_="points")
    return (
        PlotPanel(
            title="What the model said, and what happened",
            series=(happened, PlotSeries(name="As it said", y=places)),
            x=places,
            x_label="chance that it said, %",
            note=f"{trained.judged.rows:,} looks at later deals than it had learnt from, a tenth of them in each dot.",
        ),
    )


def calibrated(trained: Trained) -> str:
    """`Where it said 71% on average, 68% were won`: of the tenth that it thought most of, and of the one least."""
    if trained.judged is None or not trained.judged.table:
        return ""
    least, most = trained.judged.table[0], trained.judged.table[-1]
    return (
        f"Of the tenth that it thought most of it said {most.predicted:.0%}, and {most.became:.0%} were won; of the"
        f" last tenth {least.predicted:.0%}, and {least.became:.0%} were."
    )


def which(trained: Trained, *, whole: bool = False) -> str:
    """Its version in words. Times are days only where the deals had any: else they are an order."""
    again = f", calibrated {trained.version:,} times since" if trained.version else ""
    newest = trained.last if trained.calibrated is None else trained.calibrated
    known = f" The newest deal that it knows closed on {_day(newest)}." if newest > 10 * YEAR else ""
    if not whole:
        return f"Model {trained.data[:SHORT]}, by code {trained.code[:SHORT]}{again}.{known}"
    told = (
        f"Version `{version(trained)}`, by code `{trained.code}`{again}:",
        f"from {trained.used:,} of {trained.rows:,} looks at closed deals, whose sha256 is `{trained.data}`.{known}",
        calibrated(trained),
    )
    return " ".join(filter(None, told))


def version(trained: Trained) -> str:
    """Short, for people: the beginning of its data's sha256, and how often it was calibrated since it learnt."""
    return f"{trained.data[:SHORT]}.{trained.version}"


def _ascending(table: tuple[Bin, ...]) -> list[Bin]:
    """Those with a chance that none before them had, to a tenth of a per cent."""
    seen: dict[float, Bin] = {}
    for each in table:
        seen.setdefault(round(each.predicted * 100, 1), each)
    return [seen[at] for at in sorted(seen)]


def _day(seconds: float) -> str:
    return str(datetime.fromtimestamp(seconds, UTC).date())

"""The model's certificate on a proposal: which it is, and how what it said compares with what happened. Pure."""

from datetime import UTC, datetime

from contracts.proposal import Cell, TablePanel
from contracts.scoring import Trained

YEAR = 365 * 86_400.0


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
            note=_which(trained),
            folded=True,
        ),
    )


def _which(trained: Trained) -> str:
    """Its version in words. Times are days only where the deals had any: else they are an order."""
    again = f", calibrated {trained.version:,} times since" if trained.version else ""
    newest = trained.last if trained.calibrated is None else trained.calibrated
    known = f" The newest deal that it knows closed on {datetime.fromtimestamp(newest, UTC).date()}."
    return f"Model {trained.data[:12]}, by code {trained.code[:12]}{again}.{known if newest > 10 * YEAR else ''}"

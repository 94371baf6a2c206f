"""What a model that learnt from a company's own history says, and how well it was found to say it.

Times are UNIX seconds (or any numbers that order the rows, where nothing else is known). Probabilities are 0 to 1;
what a column adds is in log-odds.
"""

from datetime import UTC, datetime
from typing import Self

from pydantic import Field

from contracts.base import Contract


class Reason(Contract):
    """What one column of a row adds to its log-odds, compared with the average row. `said`: what stands in it.

    `together`: other columns with what stands in them, where it is what they add together, beyond what each does alone.
    """

    column: str
    said: str
    adds: float
    together: tuple[tuple[str, str], ...] = ()


class Score(Contract):
    """One row's probability with its interval, and all its reasons, the strongest first.

    Exact: `start` and what all reasons add are together the log-odds of `probability`.
    """

    probability: float
    low: float
    high: float
    start: float
    reasons: tuple[Reason, ...]


class Bin(Contract):
    """Rows that were given about the same probability: its mean, and the share of them that it came true for."""

    rows: int
    predicted: float
    became: float


class Judged(Contract):
    """How models of earlier rows did on later ones that they had not seen.

    `brier` is the mean squared error of the probabilities; `base_brier` that of saying of all of them how often it came
    true before. `better` is the difference, and `error` its standard error (rows of one group count together).
    """

    rows: int
    auc: float
    brier: float
    base_brier: float
    better: float
    error: float
    table: tuple[Bin, ...] = ()


class Trained(Contract):
    """A model's certificate: from what it was made, how well it does, and whether it may serve.

    `why_not` is empty where it serves, else a sentence for people. `data` is the sha256 of the training rows, `code`
    the version of what learnt from them. `version` counts recalibrations.
    """

    workflow: str
    data: str
    code: str
    version: int = 0
    rows: int
    used: int = Field(description="of them that it was fitted on: all, or a sample")
    share: float = Field(description="of the rows that came true")
    first: float
    last: float
    calibrated: float | None = Field(default=None, description="time of the newest row that it was calibrated on since")
    columns: tuple[str, ...] = ()
    judged: Judged | None = None
    why_not: str = ""
    notes: tuple[str, ...] = Field(default=(), description="for people: a sample, a file that was damaged, …")

    @property
    def serves(self) -> bool:
        return not self.why_not

    @property
    def period(self) -> tuple[datetime, datetime]:
        return datetime.fromtimestamp(self.first, UTC), datetime.fromtimestamp(self.last, UTC)

    def noted(self, *notes: str) -> Self:
        """With more notes; those it has already aren't repeated."""
        return self.model_copy(update={"notes": tuple(dict.fromkeys((*self.notes, *notes)))})

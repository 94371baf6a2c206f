"""An additive model: a score is a sum of what each column says, and a few pairs of them, so the reasons are exact and
not a guess about it.

It is tables of numbers and nothing else: read and written as JSON, evaluated with numpy. A few fits on all rows are
averaged to the score. More are made on resamples of the rows: how far these differ is the interval, so it is wide where
there was little to learn from.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray

from activities.scoring.columns import Codes, Columns, Row, cell
from activities.scoring.pairs import Pair
from contracts.base import Contract
from contracts.scoring import Reason, Score

INTERVAL = (0.05, 0.95)

Vector = NDArray[np.float64]


@dataclass(frozen=True)
class Scored:
    """Rows scored: probability, its interval, and what each column adds, then each pair (rows by these, in log-odds).

    `columns` are the columns and then the pairs, each as the names of what it is of.

    Exact: `start + contributions.sum(axis=1)` is the log-odds of `probability`.
    """

    columns: tuple[tuple[str, ...], ...]
    probability: Vector
    low: Vector
    high: Vector
    contributions: Vector
    start: float

    def scores(self, rows: Sequence[Row]) -> Iterator[Score]:
        """One by one, in words; `rows` are those that were scored."""
        for place, row in enumerate(rows):
            adds = self.contributions[place]
            order = np.argsort(-np.abs(adds), kind="stable")
            reasons = (_reason(row, self.columns[j], adds[j]) for j in order)
            yield Score(
                probability=self.probability[place],
                low=self.low[place],
                high=self.high[place],
                start=self.start,
                reasons=tuple(reasons),
            )


def _reason(row: Row, columns: tuple[str, ...], adds: float) -> Reason:
    first, *others = ((name, cell(row, name)) for name in columns)
    return Reason(column=first[0], said=first[1], adds=adds, together=tuple(others))


class Shapes(Contract):
    """The log-odds of the average row, for each column what each of its codes adds, and what pairs of columns do."""

    start: float
    adds: tuple[tuple[float, ...], ...]
    pairs: tuple[Pair, ...] = ()

    def each(self, codes: Codes) -> Vector:
        """Rows by columns and pairs."""
        found = [np.array(adds)[codes[:, place]] for place, adds in enumerate(self.adds)]
        found += [pair.each(codes) for pair in self.pairs]
        return np.array(found, float).reshape(len(found), len(codes)).T

    def names(self, columns: Columns) -> tuple[tuple[str, ...], ...]:
        """Of which columns each of them is."""
        alone = tuple((name,) for name in columns.names)
        return (*alone, *(tuple(columns.names[at] for at in pair.columns) for pair in self.pairs))

    def odds(self, codes: Codes) -> Vector:
        total: Vector = self.start + self.each(codes).sum(axis=1)
        return total


class Additive(Contract):
    """A fitted model. `slope` and `shift` make the raw log-odds what later rows turned out to be."""

    columns: Columns
    shapes: Shapes
    resamples: tuple[Shapes, ...] = ()
    slope: float = 1.0
    shift: float = 0.0

    def calibrated(self, line: tuple[float, float]) -> Self:
        """With another (slope, shift), as `calibration.platt` gives it for `raw` log-odds."""
        return self.model_copy(update={"slope": line[0], "shift": line[1]})

    def raw(self, rows: Sequence[Row]) -> Vector:
        """Log-odds before calibration."""
        return self.shapes.odds(self.columns.codes(rows))

    def probabilities(self, rows: Sequence[Row]) -> Vector:
        return sigmoid(self.slope * self.raw(rows) + self.shift)

    def score(self, rows: Sequence[Row]) -> Scored:
        """Each row with its interval and reasons. A column that a row lacks counts as empty."""
        codes = self.columns.codes(rows)
        added = self.slope * self.shapes.each(codes)
        start = self.slope * self.shapes.start + self.shift
        odds = start + added.sum(axis=1)
        low, high = self._spread(codes)
        names = self.shapes.names(self.columns)
        return Scored(names, sigmoid(odds), sigmoid(odds + low), sigmoid(odds + high), added, start)

    def _spread(self, codes: Codes) -> Vector:
        """How far the log-odds may be below and above (2 by rows)."""
        if not self.resamples:
            return np.zeros((2, len(codes)))
        apart = self.slope * np.array([each.odds(codes) for each in self.resamples])
        ends: Vector = np.quantile(apart - apart.mean(axis=0), INTERVAL, axis=0)
        return ends

    @cached_property
    def weights(self) -> dict[str, float]:
        """How far apart each column can bring two rows, in log-odds: what the model looks at, the most first."""
        spans = {
            column.name: self.slope * (max(adds) - min(adds))
            for column, adds in zip(self.columns.all, self.shapes.adds, strict=True)
        }
        return dict(sorted(spans.items(), key=lambda each: -each[1]))


def sigmoid(odds: Vector) -> Vector:
    probability: Vector = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    return probability

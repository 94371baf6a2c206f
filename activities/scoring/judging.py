"""How good probabilities were, against saying the same of all rows."""

from collections.abc import Hashable, Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from contracts.scoring import Bin, Judged

BINS = 10

Vector = NDArray[np.float64]
Outcomes = NDArray[np.int64]


def judge(predicted: Vector, base: Vector, outcomes: Outcomes, groups: Sequence[Hashable] | None = None) -> Judged:
    """Probabilities and the base rate that was known before, against outcomes (0 or 1). At least one row.

    `groups`: rows of the same thing, such as one deal on several days, which count as one piece of evidence.
    """
    gained = (base - outcomes) ** 2 - (predicted - outcomes) ** 2
    better = float(gained.mean())
    return Judged(
        rows=len(outcomes),
        auc=auc(predicted, outcomes),
        brier=float(((predicted - outcomes) ** 2).mean()),
        base_brier=float(((base - outcomes) ** 2).mean()),
        better=better,
        error=_error(gained - better, groups),
        table=table(predicted, outcomes),
    )


def auc(predicted: Vector, outcomes: Outcomes) -> float:
    """How often one that came true was given more than one that didn't; .5 where there is but one kind."""
    ones = int(outcomes.sum())
    zeros = len(outcomes) - ones
    if not ones or not zeros:
        return 0.5
    ranks = rankdata(predicted)
    return float((ranks[outcomes == 1].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def table(predicted: Vector, outcomes: Outcomes, bins: int = BINS) -> tuple[Bin, ...]:
    """Rows in order of their probability, about as many in each bin."""
    order = np.argsort(predicted, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return tuple(
        Bin(rows=len(part), predicted=float(predicted[part].mean()), became=float(outcomes[part].mean()))
        for part in parts
    )


def _error(apart: Vector, groups: Sequence[Hashable] | None) -> float:
    """The standard error of a mean, from how far each row (or group of them) is from it."""
    if groups is not None:
        known: dict[Hashable, int] = {}
        places = [known.setdefault(group, len(known)) for group in groups]
        apart = np.bincount(places, weights=apart) * len(known) / len(places)
    if len(apart) < 2:
        return float("inf")
    return float(np.sqrt((apart**2).sum() / (len(apart) - 1) / len(apart)))

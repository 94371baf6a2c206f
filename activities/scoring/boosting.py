"""Fits one additive model: boosted trees, each over one column, read out as a table of what each code of it adds."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from threadpoolctl import threadpool_limits

from activities.scoring.columns import Codes, Columns

Vector = NDArray[np.float64]
Outcomes = NDArray[np.int64]


ROUNDS = 300  # trees


class Tables(NamedTuple):
    """Log-odds of the average row, and for each column what each of its codes adds to them."""

    start: float
    adds: tuple[tuple[float, ...], ...]


def boosted(columns: Columns, codes: Codes, truth: Outcomes, seed: int, rounds: int = ROUNDS) -> Tables:
    """Of codes (rows by columns) and 0 or 1 for each row, of which there are both. At least one column."""
    with one_thread():
        model = _model(columns, len(truth), seed, rounds).fit(_seen(columns, codes), truth)
        sizes = [column.size for column in columns.all]
        plain = np.zeros((sum(sizes), len(sizes)), np.int64)
        owner = np.repeat(np.arange(len(sizes)), sizes)
        plain[np.arange(len(owner)), owner] = np.concatenate([np.arange(size) for size in sizes])
        said = model.decision_function(_seen(columns, plain))
    return _centred(columns, codes, np.split(said, np.cumsum(sizes)[:-1]))


def averaged(tables: Sequence[Tables]) -> Tables:
    places = range(len(tables[0].adds))
    adds = tuple(tuple(np.mean([each.adds[place] for each in tables], axis=0).tolist()) for place in places)
    return Tables(float(np.mean([each.start for each in tables])), adds)


@contextmanager
def one_thread() -> Iterator[None]:
    """These models are small: on a busy host, threads that wait for each other cost a hundred times what they save."""
    with threadpool_limits(1):
        yield


def _centred(columns: Columns, codes: Codes, said: Sequence[Vector]) -> Tables:
    """What each code adds to the average row. One that no row had says nothing: it adds nothing."""
    start, adds = float(said[0][0]), []
    for place, (column, odds) in enumerate(zip(columns.all, said, strict=True)):
        rows = np.bincount(codes[:, place], minlength=column.size)
        mean = float(np.average(odds, weights=rows))
        start += mean - float(odds[0])
        adds.append(tuple(np.where(rows > 0, odds - mean, 0.0).tolist()))
    return Tables(start, tuple(adds))


def _seen(columns: Columns, codes: Codes) -> Vector:
    """As the trees see them: a number that isn't there is missing, and no number."""
    seen = codes.astype(float)
    for place, column in enumerate(columns.all):
        if column.kind == "number":
            seen[codes[:, place] == column.size - 1, place] = np.nan
    return seen


def _model(columns: Columns, rows: int, seed: int, rounds: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=0.04,
        max_iter=rounds,
        max_leaf_nodes=6,
        min_samples_leaf=max(2, min(20, rows // 20)),
        l2_regularization=5.0,
        max_features=0.3,
        categorical_features=[column.kind == "category" for column in columns.all],
        interaction_cst="no_interactions",
        early_stopping=False,
        random_state=seed,
    )

"""A logistic regression over words and numbers, small enough to be fitted whenever it is needed.

Only numpy: what a repository teaches is a few thousand changes, and loading a machine learning library would take
longer, and more memory, than the fit.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from activities.changelog.features_dense import Floats, Matrix, weighed

Bag = Sequence[str]

SHARED = 2  # changes that must have a word for it to be learnt from; the others teach nothing
ROUNDS, STEPS = 30, 40  # at most, of Newton's method and, in each, of conjugate gradients
CLOSE = 1e-3  # of the first gradient, where the search ends


@dataclass(frozen=True, slots=True)
class Regression:
    """Weights of words and of numbers, and what is said of every row."""

    known: dict[str, int]
    words: Floats
    numbers: Floats
    bias: float

    def log_odds(self, bags: Iterable[Bag], numbers: Matrix) -> Floats:
        """For each row: its words (each once) and its numbers (rows, columns)."""
        get, weights = self.known.get, [*self.words.tolist(), 0.0]
        said = [sum([weights[get(word, -1)] for word in bag]) for bag in bags]
        return np.asarray(said, dtype=np.float64) + weighed(numbers, self.numbers) + self.bias


def fit(bags: Sequence[Bag], numbers: Matrix | Floats, told: Floats, weight: Floats) -> Regression:
    """The weights w that make ½w² + Σ weight · log(1 + exp(-±log-odds)) least. `told` is of zeros and ones."""
    counts = Counter(word for bag in bags for word in bag)
    known = {word: place for place, word in enumerate(w for w, n in counts.items() if n >= SHARED)}
    table = _Table.of(bags, known, numbers)
    found = _least(table, told, weight)
    return Regression(known, found[: len(known)], found[len(known) : -1], float(found[-1]))


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows of zeros and ones for the words, as places, beside a dense part with a constant column."""

    row: NDArray[np.int64]
    word: NDArray[np.int64]
    width: int
    dense: Floats

    @classmethod
    def of(cls, bags: Sequence[Bag], known: dict[str, int], numbers: Matrix | Floats) -> "_Table":
        places = [[known[word] for word in bag if word in known] for bag in bags]
        row = np.repeat(np.arange(len(bags)), [len(p) for p in places])
        word = np.asarray([p for bag in places for p in bag], dtype=np.int64)
        return cls(row, word, len(known), np.column_stack([numbers, np.ones(len(bags))]).astype(np.float64))

    def times(self, weights: Floats) -> Floats:
        said = np.bincount(self.row, weights=weights[self.word], minlength=len(self.dense))
        return np.asarray(said + self.dense @ weights[self.width :])

    def back(self, values: Floats) -> Floats:
        """The transposed product: for each column, the sum of the values of its rows."""
        return np.concatenate(
            [np.bincount(self.word, weights=values[self.row], minlength=self.width), values @ self.dense]
        )


def _least(table: _Table, told: Floats, weight: Floats) -> Floats:
    """Newton's method with truncated conjugate gradients; a step is halved until it helps."""
    sign = 2 * told - 1

    def loss(at: Floats, said: Floats) -> float:
        return float(at @ at / 2 + weight @ np.logaddexp(0, -sign * said))

    at = np.zeros(table.width + table.dense.shape[1])
    said = table.times(at)
    first = None
    for _ in range(ROUNDS):
        chance = 1 / (1 + np.exp(-np.clip(said, -500, 500)))
        slope = at + table.back(weight * (chance - told))
        size = float(np.linalg.norm(slope))
        first = first or size
        if size <= CLOSE * first:
            break
        step = _newton(table, weight * chance * (1 - chance), slope)
        ahead, now, part = table.times(step), loss(at, said), 1.0
        while loss(at + part * step, said + part * ahead) > now and part > 1e-4:
            part /= 2
        at, said = at + part * step, said + part * ahead
    return at


def _newton(table: _Table, curve: Floats, slope: Floats) -> Floats:
    """About -H⁻¹·slope, H = 1 + Xᵀ·curve·X, to a tenth of the slope's length."""
    step = np.zeros_like(slope)
    rest = -slope
    way = rest.copy()
    left = float(rest @ rest)
    enough = 0.01 * left
    for _ in range(STEPS):
        bent = way + table.back(curve * table.times(way))
        far = left / float(way @ bent)
        step += far * way
        rest -= far * bent
        new = float(rest @ rest)
        if new <= enough:
            break
        way, left = rest + (new / left) * way, new
    return step

"""What two columns say together, beyond what each of them says alone: a few pairs, as small tables.

Fitted after the columns' own shapes, on what those leave over, in steps so short that few rows move little. Which pairs
they are is found by how much one step would gain.
"""

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from activities.scoring.columns import Codes, Column, Columns
from contracts.base import Contract

PAIRS = 10
LOOKED_AT = 30  # columns, those that say most alone
CELLS = 8  # parts of a column in a pair: about as many rows in each, or the commonest categories; the last is the rest
UNSEEN = CELLS  # the part of a code that no row had: it says nothing
STEPS, RATE = 20, 0.1
SHRINK = 40.0  # of the weight of rows: so much has to speak against nothing

Vector = NDArray[np.float64]
Outcomes = NDArray[np.int64]


class Pair(Contract):
    """Two columns by their places, into which part each of their codes falls, and what each two parts add."""

    columns: tuple[int, int]
    parts: tuple[tuple[int, ...], tuple[int, ...]]
    adds: tuple[float, ...]

    def each(self, codes: Codes) -> Vector:
        """For each row what it adds, in log-odds."""
        first, second = (np.array(part)[codes[:, at]] for part, at in zip(self.parts, self.columns, strict=True))
        found: Vector = np.array(self.adds)[first * (CELLS + 1) + second]
        return found


def pairs(columns: Columns, codes: Codes, truth: Outcomes, adds: Vector, start: float) -> tuple[float, list[Pair]]:
    """The pairs that say most beyond `adds` (rows by columns), and what they change of the start."""
    parts = [_parts(column, codes[:, place]) for place, column in enumerate(columns.all)]
    seen = [part[codes[:, place]] for place, part in enumerate(parts)]
    odds = start + adds.sum(axis=1)
    loud = sorted(np.argsort(-adds.std(axis=0), kind="stable")[:LOOKED_AT].tolist())
    cells = {(one, two): seen[one] * (CELLS + 1) + seen[two] for one, two in combinations(loud, 2)}
    gains = {pair: _gain(cell, truth, odds) for pair, cell in cells.items()}
    best = sorted(gains, key=lambda pair: (-gains[pair], pair))[:PAIRS]
    tables = _fitted([cells[pair] for pair in best], truth, odds)
    found, mean = list[Pair](), 0.0
    for pair, table in zip(best, tables, strict=True):
        middle = float(table[cells[pair]].mean())
        rows = np.bincount(cells[pair], minlength=len(table))
        centred = np.where(rows > 0, table - middle, 0.0)
        mean += middle
        both = (tuple(parts[pair[0]].tolist()), tuple(parts[pair[1]].tolist()))
        found.append(Pair(columns=pair, parts=both, adds=tuple(centred.tolist())))
    return mean, found


def _parts(column: Column, codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """The part of each of the column's codes."""
    rows = np.bincount(codes, minlength=column.size)
    if column.kind == "category":
        found = np.full(column.size, CELLS - 1)
        found[np.argsort(-rows, kind="stable")[: CELLS - 1]] = np.arange(min(CELLS - 1, column.size))
    else:  # the last code is for what is no number
        inner = rows[:-1]
        middle = (np.cumsum(inner) - inner / 2) / max(1, inner.sum())
        found = np.append(np.minimum((middle * (CELLS - 1)).astype(np.int64), CELLS - 2), CELLS - 1)
    return np.where(rows > 0, found, UNSEEN).astype(np.int64)


def _gain(cell: NDArray[np.int64], truth: Outcomes, odds: Vector) -> float:
    above, below = _slopes(cell, truth, odds)
    return float((above**2 / (below + SHRINK)).sum())


def _fitted(cells: Sequence[NDArray[np.int64]], truth: Outcomes, odds: Vector) -> list[Vector]:
    """A table for each: Newton's steps in turn, each on what all before it leave over."""
    tables = [np.zeros((CELLS + 1) ** 2) for _ in cells]
    for _ in range(STEPS):
        for table, cell in zip(tables, cells, strict=True):
            above, below = _slopes(cell, truth, odds)
            step = RATE * above / (below + SHRINK)
            table += step
            odds = odds + step[cell]
    return tables


def _slopes(cell: NDArray[np.int64], truth: Outcomes, odds: Vector) -> tuple[Vector, Vector]:
    """Of the log-likelihood in each cell: its slope, and how that bends."""
    chance = 1 / (1 + np.exp(-np.clip(odds, -30, 30)))
    size = (CELLS + 1) ** 2
    above = np.bincount(cell, truth - chance, size).astype(np.float64)
    return above, np.bincount(cell, chance * (1 - chance), size).astype(np.float64)

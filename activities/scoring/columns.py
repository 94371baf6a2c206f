"""Which columns of a table a model can learn from, and the table as small numbers.

Nobody declares types: a column is of numbers when nearly all that is in it are, else of categories. Columns that name
each row (an id, an address, free text) teach nothing and are left out. Each cell becomes a code: which interval its
number is in, which category it is, or that nothing is there.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from contracts.base import Contract

EMPTY = frozenset({"", "select", "n/a", "na", "nan", "none", "null", "-", "?", "unknown"})
NUMBERS = 0.9  # of what isn't empty, before a column is one of numbers
CATEGORIES = 60  # that are told apart in one column; the rarer ones are "another"
INTERVALS = 200  # of numbers, about as many rows in each
RARE = 5  # rows that a category needs to be one of its own
NAMES = 0.5  # of its rows are different: then a column names them
FEW = 20  # rows
LONGEST = 200  # characters of a cell that are looked at

Row = Mapping[str, object]
Codes = NDArray[np.int64]


class Column(Contract):
    """One column: what it holds. Of numbers `edges` are the upper ends of all intervals but the last.

    Of categories, `categories` are told apart, the empty one among them. The last code is for all others: a category
    that is none of these, a number that isn't there or is none.
    """

    name: str
    kind: Literal["number", "category"]
    categories: tuple[str, ...] = ()
    edges: tuple[float, ...] = ()

    @property
    def size(self) -> int:
        """How many codes there are."""
        return len(self.categories) + 1 if self.kind == "category" else len(self.edges) + 2

    def codes(self, rows: Sequence[Row]) -> Codes:
        texts = [cell(row, self.name) for row in rows]
        if self.kind == "category":
            return np.array([self._places.get(text, self.size - 1) for text in texts], np.int64)
        numbers = [number(text) for text in texts]
        found = np.array([math.nan if each is None else each for each in numbers], float)
        places = np.searchsorted(np.array(self.edges), found, side="left")
        return np.where(np.isnan(found), self.size - 1, places).astype(np.int64)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {text: place for place, text in enumerate(self.categories)}


class Columns(Contract):
    """The columns that a model learns from, in order."""

    all: tuple[Column, ...]

    @classmethod
    def of(cls, rows: Sequence[Row], leave_out: Sequence[str] = ()) -> Self:
        """Found in `rows`. None that says the same everywhere, or something else in each row."""
        names = dict.fromkeys(key for row in rows for key in row if key and key not in leave_out)
        found = (_column(name, [cell(row, name) for row in rows]) for name in names)
        return cls(all=tuple(column for column in found if column is not None))

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(column.name for column in self.all)

    def codes(self, rows: Sequence[Row]) -> Codes:
        """Rows by columns."""
        return np.array([column.codes(rows) for column in self.all], np.int64).reshape(len(self.all), len(rows)).T


def cell(row: Row, name: str) -> str:
    """Its text; empty also for words that mean nothing is there."""
    value = row.get(name)
    text = "" if value is None else str(value).strip()[:LONGEST]
    return "" if text.casefold() in EMPTY else text


def number(text: str) -> float | None:
    """A finite number, however it is written: `1,200.50`, `12 %`, `€ 30`. None for anything else."""
    plain = text.replace(",", "").replace("%", "").strip("€$£¥ \u00a0")
    try:
        found = float(plain)
    except ValueError:
        return None
    return found if math.isfinite(found) else None


def _column(name: str, texts: Sequence[str]) -> Column | None:
    said = [text for text in texts if text]
    if len(set(texts)) < 2 or not said:
        return None
    numbers = [found for text in said if (found := number(text)) is not None]
    if len(numbers) >= NUMBERS * len(said) and len(set(numbers)) > 2:
        return Column(name=name, kind="number", edges=_edges(numbers))
    if len(said) >= FEW and len(set(said)) > NAMES * len(said):
        return None
    rare = min(RARE, len(said) // FEW + 1)
    kept = tuple(text for text, count in Counter(texts).most_common(CATEGORIES) if count >= rare)
    return Column(name=name, kind="category", categories=kept)


def _edges(numbers: Sequence[float]) -> tuple[float, ...]:
    """Halfway between numbers that were seen, so that the intervals hold about as many each."""
    ordered = np.sort(np.array(numbers))
    seen = np.unique(ordered)
    if len(seen) > INTERVALS:
        places = np.linspace(0, len(ordered) - 1, INTERVALS + 1).round().astype(int)[1:-1]
        at = np.unique(np.searchsorted(seen, ordered[places]))
        at = at[at > 0]
        return tuple(((seen[at - 1] + seen[at]) / 2).tolist())
    return tuple(((seen[:-1] + seen[1:]) / 2).tolist())

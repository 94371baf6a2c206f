"""What a repository's own earlier releases teach: which of its changes its changelog told of.

A small logistic regression over the words, paths and numbers of those changes, fitted when it is needed, in
milliseconds. Its answer is not the judgment: it becomes a few columns that the shipped prior weighs together with
how much history there was to learn from.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from activities.changelog.features import Facts, words
from activities.changelog.features_dense import DENSE, Matrix, dense
from activities.changelog.features_range import listed, papered
from activities.changelog.select_regression import Bag, Regression, fit

MOST = 3_000  # changes learnt from; the newest ones count
STRENGTH = 0.15  # of what was seen against the penalty on weights

Some = TypeVar("Some", float, NDArray[np.float64])

OWN = (
    "own logit", "own changes", "own told", "own rate", "own last rate", "own rate same role", "own rate same kind",
    "own rate same first word", "own rate same folder", "own rate changelog touched", "own rate number place",
    "own rate paperwork", "own rate recent", "own paperwork tells", "own rate of three", "own rate of ten",
    "own rate varies", "own releases",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Taught:
    """The changes of one earlier release and, for each, whether the changelog told of it. Same length."""

    seen: tuple[Facts, ...]
    told: tuple[bool, ...]
    numbers: Matrix  # dense(seen) of the whole range, rows as in seen
    bags: tuple[Bag, ...]  # words, rows as in seen


class Own:
    """What was learnt from earlier releases, oldest first."""

    def __init__(self, releases: Sequence[Taught]) -> None:
        kept = _newest(releases)
        self._seen = [fact for r in kept for fact in r.seen]
        self._told = np.asarray([t for r in kept for t in r.told], dtype=np.float64)
        self._last = _rate(kept[-1].told) if kept else 0.3
        self._base = _smooth(float(self._told.sum()), len(self._told), 0.3, 5.0)
        self._tables = [_table(key, self._seen, self._told) for key in _KEYS]
        self._papers = _Papers(kept)
        self._model = self._fit(kept)

    def _fit(self, kept: Sequence[Taught]) -> Regression | None:
        if len(set(self._told.tolist())) < 2:
            return None
        age = np.concatenate([np.full(len(r.seen), n) for n, r in enumerate(reversed(kept))][::-1])
        numbers = np.concatenate([r.numbers for r in kept]) / SCALE
        weight = STRENGTH * (0.5 + 0.5 * 0.9**age)
        found = fit([bag for r in kept for bag in r.bags], numbers, self._told, weight)
        return replace(found, numbers=found.numbers / SCALE)

    def columns(self, seen: Sequence[Facts], numbers: Matrix) -> Matrix:
        """The columns OWN for each change: shape (changes, len(OWN))."""
        out = np.zeros((len(seen), len(OWN)), dtype=np.float32)
        if not seen:
            return out
        count = len(self._told)
        out[:, 0] = self._logit(seen, numbers)
        out[:, 1:5] = [np.log1p(count), np.log1p(self._told.sum()), self._base, self._last]
        for place, (key, table) in enumerate(zip(_KEYS, self._tables, strict=True), start=5):
            out[:, place] = [table.get(key(fact), self._base) for fact in seen]
        out[:, 5 + len(_KEYS) :] = self._papers.columns(numbers)
        return out

    def _logit(self, seen: Sequence[Facts], numbers: Matrix) -> NDArray[np.float64]:
        if self._model is None:
            return np.full(len(seen), float(np.log(self._base / (1 - self._base))))
        return self._model.log_odds(map(words, seen), numbers)


class _Papers:
    """How much the newest releases told, and of what a release commit lists or whose changelog line came with it."""

    def __init__(self, kept: Sequence[Taught]) -> None:
        self._rates = [float(np.mean(r.told)) for r in kept]
        self._cells = np.zeros((4, 2))
        for age, release in enumerate(reversed(kept[-12:])):
            cell, told = _paper(release.numbers), np.asarray(release.told, dtype=np.float64)
            for place, values in enumerate((told, np.ones(len(told)))):
                self._cells[:, place] += 0.8**age * np.bincount(cell, weights=values, minlength=4)

    def columns(self, numbers: Matrix) -> Matrix:
        """The last seven of OWN."""
        hits, total = self._cells.sum(axis=0)
        base = _smooth(hits, total, 0.3, 5.0)
        rate = _smooth(self._cells[:, 0], self._cells[:, 1], base, 4.0)[_paper(numbers)]
        three, ten = self._rates[-3:] or [0.3], self._rates[-10:] or [0.3]
        varies = float(np.std(ten)) if len(ten) > 1 else 0.2
        same = [base, float(np.mean(three)), float(np.mean(ten)), varies, float(len(self._rates))]
        rows = np.column_stack([rate, *(np.full(len(numbers), value) for value in same)])
        return np.column_stack([rows[:, :2], rate - base, rows[:, 2:]]).astype(np.float32)


def _paper(numbers: Matrix) -> NDArray[np.int64]:
    return (2 * (listed(numbers) > 0) + (papered(numbers) > 0)).astype(np.int64)


def _newest(releases: Sequence[Taught]) -> list[Taught]:
    kept: list[Taught] = []
    total = 0
    for release in reversed(releases):
        if kept and total + len(release.seen) > MOST:
            break
        kept.append(release)
        total += len(release.seen)
    return [r for r in reversed(kept) if r.seen]


SCALE = np.asarray([3.0 if name.startswith(("size", "title", "body", "topic size")) else 1.0 for name in DENSE])


def _role(fact: Facts) -> str:
    return fact.roles.most_common(1)[0][0] if fact.roles else ""


def _first_word(fact: Facts) -> str:
    return fact.subject.split(" ", 1)[0].lower() if fact.subject else ""


def _folder(fact: Facts) -> str:
    return max(fact.paths, key=len).rpartition("/")[0] if fact.paths else ""


def _changelog(fact: Facts) -> str:
    return str(bool(fact.roles["changelog"] or fact.roles["fragment"]))


def _number_place(fact: Facts) -> str:
    place = "end" if "number_at_end" in fact.flags else "subject" if fact.own_refs else "body" if fact.refs else "none"
    return f"{place} {'closes' in fact.flags} {'merge' in fact.flags}"


_KEYS: tuple[Callable[[Facts], str], ...] = (
    _role,
    lambda fact: fact.kind,
    _first_word,
    _folder,
    _changelog,
    _number_place,
)


def _table(key: Callable[[Facts], str], seen: Sequence[Facts], told: NDArray[np.float64]) -> dict[str, float]:
    counts: dict[str, list[float]] = {}
    for fact, value in zip(seen, told, strict=True):
        cell = counts.setdefault(key(fact), [0.0, 0.0])
        cell[0] += value
        cell[1] += 1
    base = _smooth(float(told.sum()), len(told), 0.3, 5.0)
    return {name: _smooth(hit, total, base, 4.0) for name, (hit, total) in counts.items()}


def _smooth(hits: Some, total: Some, base: float, weight: float) -> Some:
    return (hits + base * weight) / (total + weight)


def _rate(told: Sequence[bool]) -> float:
    return _smooth(sum(told), len(told), 0.3, 3.0)


def taught(seen: Sequence[Facts], told: Sequence[bool], keep: Sequence[bool]) -> Taught:
    """One earlier release, of which only the changes marked in `keep` teach."""
    numbers = dense(seen)
    rows = [i for i, k in enumerate(keep) if k]
    kept = tuple(seen[i] for i in rows)
    return Taught(kept, tuple(bool(told[i]) for i in rows), numbers[rows], tuple(map(words, kept)))

"""The shipped prior: what changelogs in general tell, as weights in a JSON file, evaluated with numpy.

Two parts. A linear one knows general words ("fix", "typo", "bump") and the numbers of `features.DENSE`. Boosted trees
then weigh that opinion, the numbers, and what the repository's own releases taught (`select_own.OWN`), so that they
know how far to trust a short history. `prior.json` says in its note how and from what it was made.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.changelog.features import Facts, general_words
from activities.changelog.features_dense import CHUNK, DENSE, LISTED, Matrix, weighed
from activities.changelog.features_range import RANGE, ranged
from activities.changelog.select_own import OWN, Own

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

FILE = Path(__file__).with_name("prior.json")
_SPREAD = ("topic max", "topic mean", "topic sum", "rank", "centred")
COLUMNS = (
    *DENSE, *RANGE, *OWN, *(f"own {s}" for s in _SPREAD), "linear", "linear words", *(f"linear {s}" for s in _SPREAD)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights of words and of DENSE, and a bias."""

    words: dict[str, float]
    numbers: Floats
    bias: float

    def opinion(self, bags: Iterable[Iterable[str]], numbers: Matrix) -> tuple[Floats, Floats]:
        """Log-odds for each change, and the part of it that came from words. `bags` are its general_words."""
        weight = self.words.get
        said = np.asarray([sum([weight(word, 0.0) for word in bag]) for bag in bags], dtype=np.float64)
        return said + weighed(numbers, self.numbers) + self.bias, said


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted trees, all nodes in one row: a leaf points at itself. Evaluated for many changes at once."""

    start: Places
    feature: Places
    threshold: Floats
    left: Places
    right: Places
    value: Floats
    bias: float
    depth: int

    def log_odds(self, columns: Floats) -> Floats:
        """Log-odds for each row of `columns` (changes, len(COLUMNS))."""
        by_column = np.ascontiguousarray(columns.T)
        return np.asarray(self.bias + sum(self._below(root, by_column) for root in self.start.tolist()))

    def _below(self, node: int, by_column: Floats) -> Floats:
        """What the leaves under a node say of each row. A node is asked of all rows: faster than going from row to
        row, for trees as small as these."""
        left, right = int(self.left[node]), int(self.right[node])
        if left == node:
            return np.full(by_column.shape[1], self.value[node])
        low = by_column[self.feature[node]] <= self.threshold[node]
        return np.where(low, self._below(left, by_column), self._below(right, by_column))


@dataclass(frozen=True, slots=True)
class Prior:
    """A whole prior. `threshold` is the probability from which a change is told; `made_from` names repositories."""

    linear: Linear
    trees: Trees
    threshold: float
    made_from: tuple[str, ...] = ()
    note: str = ""

    def probabilities(self, seen: Sequence[Facts], numbers: Matrix, own: Own) -> Floats:
        """How likely each change of a range is to be told: shape (changes,)."""
        if not seen:
            return np.zeros(0)
        opinion = self.linear.opinion(map(general_words, seen), numbers)
        log_odds = [self.trees.log_odds(table) for table in tables(seen, numbers, own, *opinion)]
        return np.asarray(1 / (1 + np.exp(-np.clip(np.concatenate(log_odds), -30, 30))))


def tables(seen: Sequence[Facts], numbers: Matrix, own: Own, linear: Floats, said: Floats) -> Iterator[Floats]:
    """What the trees look at, some changes at a time, in order: shape (changes, len(COLUMNS))."""
    taught, within = own.columns(seen, numbers), ranged(seen, numbers)
    mine, shared = spread(seen, taught[:, 0].astype(np.float64)), spread(seen, linear)
    for at in range(0, len(seen), CHUNK):
        part = slice(at, at + CHUNK)
        parts = numbers[part], within[part], taught[part], mine[part], linear[part], said[part], shared[part]
        yield np.column_stack(parts).astype(np.float64)


def spread(seen: Sequence[Facts], scores: Floats) -> Floats:
    """Log-odds shared among the changes of a topic, and ranked within the range: shape (changes, 5)."""
    rank = (np.argsort(np.argsort(scores, kind="stable"), kind="stable") + 0.5) / max(len(scores), 1)
    return np.column_stack([_shared(seen, scores), rank, scores - scores.mean()])


def _shared(seen: Sequence[Facts], scores: Floats) -> Floats:
    """The most and the mean log-odds among those that share a number, and the most of the numbers' sums."""
    # A change with many numbers is a list of what was done: it speaks for none of them, but hears what others say.
    speaks = np.asarray([len(fact.refs) <= LISTED for fact in seen], dtype=bool)
    place: dict[str, int] = {}
    for ref in (r for fact, alone in zip(seen, speaks.tolist(), strict=True) if alone for r in fact.refs):
        place.setdefault(ref, len(place))
    pairs = [(index, place[ref]) for index, fact in enumerate(seen) for ref in fact.refs if ref in place]
    out = np.repeat(scores[:, None], 3, axis=1)
    if not pairs:
        return out
    change, topic = np.asarray(pairs, dtype=np.int64).T
    most, total, together, count = _said(scores[change][speaks[change]], topic[speaks[change]])
    first = np.flatnonzero(np.diff(change, prepend=-1))
    out[change[first], 0] = np.maximum.reduceat(most[topic], first)
    out[change[first], 1] = np.add.reduceat(total[topic], first) / np.add.reduceat(count[topic], first)
    out[change[first], 2] = np.maximum.reduceat(together[topic], first)
    return out


def _said(scores: Floats, topic: Places) -> tuple[Floats, Floats, Floats, Floats]:
    """For each topic the most, the sum, the log of the sum of odds, and the count of its scores."""
    count = np.bincount(topic).astype(np.float64)
    most = np.full(len(count), -np.inf)
    np.maximum.at(most, topic, scores)
    odds: Floats = np.bincount(topic, weights=np.exp(scores - most[topic])).astype(np.float64)
    total: Floats = np.bincount(topic, weights=scores).astype(np.float64)
    return most, total, np.asarray(most + np.log(odds)), count


@lru_cache(maxsize=1)
def shipped() -> Prior:
    """The prior that comes with the product."""
    return read(FILE.read_text(encoding="utf-8"))


def read(text: str) -> Prior:
    """A prior from its JSON text. ValueError where it was made for other columns than these."""
    data = json.loads(text)
    if tuple(data["columns"]) != COLUMNS:
        raise ValueError("prior.json was made for other columns: python -m tests.bench.changelog --write-prior")
    linear = data["linear"]
    return Prior(
        linear=Linear(linear["words"], np.asarray(linear["numbers"], dtype=np.float64), linear["bias"]),
        trees=_trees(data["trees"]),
        threshold=data["threshold"],
        made_from=tuple(data["made_from"]),
        note=data["note"],
    )


def _trees(data: dict[str, Any]) -> Trees:
    def places(name: str) -> Places:
        return np.asarray(data[name], dtype=np.int64)

    return Trees(
        start=places("start"),
        feature=places("feature"),
        threshold=np.asarray(data["threshold"], dtype=np.float64),
        left=places("left"),
        right=places("right"),
        value=np.asarray(data["value"], dtype=np.float64),
        bias=float(data["bias"]),
        depth=int(data["depth"]),
    )


def written(prior: Prior) -> str:
    """The JSON text of a prior. Reading it back gives the same judgments."""
    trees = {name: getattr(prior.trees, name) for name in Trees.__slots__}
    data = {
        "note": prior.note,
        "made_from": prior.made_from,
        "threshold": prior.threshold,
        "columns": COLUMNS,
        "linear": {
            "bias": prior.linear.bias,
            "numbers": prior.linear.numbers.tolist(),
            "words": dict(sorted(prior.linear.words.items())),
        },
        "trees": {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in trees.items()},
    }
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")) + "\n"

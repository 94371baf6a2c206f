"""The shipped prior: what changelogs in general tell, as weights in a JSON file, evaluated with numpy.

Two parts. A linear one knows general words ("fix", "typo", "bump") and the numbers of `features.DENSE`. Boosted trees
then weigh that opinion, the numbers, and what the repository's own releases taught (`select_own.OWN`), so that they
know how far to trust a short history. `prior.json` says in its note how and from what it was made.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.changelog.features import DENSE, Facts, Matrix, general_words
from activities.changelog.select_own import OWN, Own

Floats = NDArray[np.float64]

FILE = Path(__file__).with_name("prior.json")
_SPREAD = ("topic max", "topic mean", "topic sum", "rank", "centred")
COLUMNS = (
    *DENSE, *OWN, *(f"own {s}" for s in _SPREAD), "linear", "linear words", *(f"linear {s}" for s in _SPREAD)
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Linear:
    """Weights of words and of DENSE, and a bias."""

    words: dict[str, float]
    numbers: Floats
    bias: float

    def opinion(self, bags: Sequence[Sequence[str]], numbers: Matrix) -> tuple[Floats, Floats]:
        """Log-odds for each change, and the part of it that came from words. `bags` are its general_words."""
        said = np.asarray([sum(self.words.get(word, 0.0) for word in bag) for bag in bags], dtype=np.float64)
        return said + numbers @ self.numbers + self.bias, said


@dataclass(frozen=True, slots=True)
class Trees:
    """Boosted trees, all nodes in one row: a leaf points at itself. Evaluated for all changes at once."""

    start: NDArray[np.int64]
    feature: NDArray[np.int64]
    threshold: Floats
    left: NDArray[np.int64]
    right: NDArray[np.int64]
    value: Floats
    bias: float
    depth: int

    def log_odds(self, columns: Floats) -> Floats:
        """Log-odds for each row of `columns` (changes, len(COLUMNS))."""
        total = np.full(len(columns), self.bias)
        rows = np.arange(len(columns))
        for root in self.start:
            node = np.full(len(columns), root)
            for _ in range(self.depth):
                low = columns[rows, self.feature[node]] <= self.threshold[node]
                node = np.where(low, self.left[node], self.right[node])
            total += self.value[node]
        return total


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
        bags = [general_words(fact) for fact in seen]
        table = columns(seen, numbers, own, *self.linear.opinion(bags, numbers))
        return np.asarray(1 / (1 + np.exp(-np.clip(self.trees.log_odds(table), -30, 30))))


def columns(seen: Sequence[Facts], numbers: Matrix, own: Own, linear: Floats, said: Floats) -> Floats:
    """What the trees look at: shape (changes, len(COLUMNS))."""
    taught = own.columns(seen, numbers)
    mine = spread(seen, taught[:, 0].astype(np.float64))
    return np.column_stack([numbers, taught, mine, linear, said, spread(seen, linear)]).astype(np.float64)


def spread(seen: Sequence[Facts], scores: Floats) -> Floats:
    """Log-odds shared among the changes of a topic, and ranked within the range: shape (changes, 5)."""
    members: dict[str, list[int]] = defaultdict(list)
    for index, fact in enumerate(seen):
        # A change with many numbers is a list of what was done; it speaks for none of them.
        for ref in fact.refs if len(fact.refs) <= 4 else ():
            members[ref].append(index)
    of_topic = {ref: _summary(scores[rows]) for ref, rows in members.items()}
    shared = [_shared([of_topic[r] for r in f.refs if r in of_topic], scores[i]) for i, f in enumerate(seen)]
    rank = (np.argsort(np.argsort(scores, kind="stable"), kind="stable") + 0.5) / max(len(scores), 1)
    return np.column_stack([np.asarray(shared).reshape(-1, 3), rank, scores - scores.mean()])


def _summary(scores: Floats) -> tuple[float, float, float, int]:
    return float(scores.max()), float(scores.sum()), float(np.logaddexp.reduce(scores)), len(scores)


def _shared(topics: Sequence[tuple[float, float, float, int]], alone: float) -> tuple[float, float, float]:
    if not topics:
        return alone, alone, alone
    count = sum(t[3] for t in topics)
    return max(t[0] for t in topics), sum(t[1] for t in topics) / count, max(t[2] for t in topics)


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
    def places(name: str) -> NDArray[np.int64]:
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

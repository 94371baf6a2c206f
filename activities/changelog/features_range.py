"""What a change is within its range: whether a release commit lists what is told, how recent its numbers are."""

from collections.abc import Sequence

import numpy as np

from activities.changelog.features import Facts
from activities.changelog.features_dense import DENSE, Matrix

_MEANS = ("topic release", "topic changelog", "changelog touched", "flag bump", "flag closes", "only code", "has docs")
RANGE = (
    "numbers listed", "numbers listed share", *(f"mean {name}" for name in _MEANS),
    "numbers since last", "numbers since first", "numbers since own", "own numbers", "last number",
)  # fmt: skip
NONE = -1.0  # of what is counted in numbers, where a change has none


def column(numbers: Matrix, *names: str) -> Matrix:
    """The greatest of some columns of `dense`: shape (changes,)."""
    found: Matrix = numbers[:, [DENSE.index(name) for name in names]].max(axis=1)
    return found


def listed(numbers: Matrix) -> Matrix:
    """Whether a release commit of the range names the change's topic: shape (changes,)."""
    return column(numbers, "topic release")


def papered(numbers: Matrix) -> Matrix:
    """Whether the change's topic touches the changelog or its fragments: shape (changes,)."""
    return column(numbers, "topic has changelog", "topic has fragment", "topic paperwork")


def ranged(seen: Sequence[Facts], numbers: Matrix) -> Matrix:
    """The columns RANGE for each change of a range: shape (changes, len(RANGE)). `numbers` is its `dense`."""
    out = np.zeros((len(seen), len(RANGE)), dtype=np.float32)
    if seen:
        out[:, : 2 + len(_MEANS)] = _whole(seen, numbers)
        out[:, 2 + len(_MEANS) :] = _gaps(seen)
    return out


def _whole(seen: Sequence[Facts], numbers: Matrix) -> list[float]:
    every = {ref for fact in seen for ref in fact.refs}
    told = {ref for fact in seen if "release" in fact.flags for ref in fact.refs}
    touched = column(numbers, "has changelog", "has fragment")
    shares = (listed(numbers), papered(numbers), touched, *(column(numbers, name) for name in _MEANS[3:]))
    return [float(np.log1p(len(told))), len(told) / max(len(every), 1), *(float(share.mean()) for share in shares)]


def _gaps(seen: Sequence[Facts]) -> Matrix:
    """How many numbers were given out between a change's and the newest of the range."""
    newest = max((int(ref) for fact in seen for ref in fact.refs), default=0)
    rows = []
    for fact in seen:
        refs = [int(ref) for ref in fact.refs]
        own = max(map(int, fact.own_refs), default=None)
        last, first = (max(refs), min(refs)) if refs else (0, 0)
        since = (newest - last, newest - first) if refs else (NONE, NONE)
        rows.append((*since, NONE if own is None else newest - own, len(fact.own_refs), last))
    table = np.asarray(rows, dtype=np.float64)
    # The count of numbers stays what it is; the others are spread over powers of ten.
    table[:, [0, 1, 2, 4]] = np.where(table[:, [0, 1, 2, 4]] < 0, NONE, np.log1p(np.maximum(table[:, [0, 1, 2, 4]], 0)))
    return table.astype(np.float32)

"""The numbers of a change that a model looks at: shape (changes, len(DENSE)).

Every column is general: it names roles ("touches tests", "fixes something"), never a project, a person or an
issue. A change is looked at with its *topic*, the other changes of the range that carry the same `#12`, because
a changelog tells of topics: the fix, its test and its documentation stand or fall together.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from activities.changelog.features import FLAGS, KINDS, Facts
from activities.changelog.features_roles import ROLES

Matrix = NDArray[np.float32]
Places = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_SIZED = ("code", "test", "docs", "changelog", "tooling")
_OWN = (
    *(f"flag {f}" for f in FLAGS), *(f"kind {k}" for k in KINDS), "kind other", *(f"has {r}" for r in ROLES),
    *(f"only {r}" for r in ROLES), *(f"size {r}" for r in _SIZED),
    "size", "files", "commits", "numbers", "title words", "body length", "position", "range size",
)  # fmt: skip
_TOPIC = (
    "topic changes", "topic later", "topic size code", "topic size test", "topic closes", "topic number in subject",
    *(f"topic has {r}" for r in ROLES), "topic release", "topic named alone", "topic paperwork", "number rank",
)  # fmt: skip
DENSE = (*_OWN, *_TOPIC)
LISTED = 4  # a change with more numbers is a list of what was done; its files say nothing of them
CHUNK = 4_096  # rows that are worked on together, where a temporary copy of all would be large
CROWD = 50  # a topic with more changes than this is looked at as a whole


def dense(seen: Sequence[Facts]) -> Matrix:
    """Numbers for each change: shape (changes, len(DENSE)). The changes are those of one range, oldest first."""
    out = np.zeros((len(seen), len(DENSE)), dtype=np.float32)
    if seen:
        _fill_own(out, seen)
        out[:, len(_OWN) :] = _topic_columns(seen)
    return out


def weighed(numbers: Matrix, weights: Floats) -> Floats:
    """`numbers @ weights`, in pieces: numpy would make a copy of the whole matrix with twice the digits."""
    pieces = [numbers[at : at + CHUNK] @ weights for at in range(0, len(numbers), CHUNK)]
    return np.concatenate(pieces) if pieces else np.zeros(0)


def _fill_own(out: Matrix, seen: Sequence[Facts]) -> None:
    """The columns of each change by itself. Equal flags, kinds and roles are looked at once."""
    blocks = (
        _repeated([f.flags for f in seen], lambda flags: [flag in flags for flag in FLAGS]),
        _repeated([f.kind for f in seen], lambda kind: [*(kind == k for k in KINDS), kind != "" and kind not in KINDS]),
        _repeated([tuple(f.roles) for f in seen], lambda roles: [*_has(roles), *_only(roles)]),
        np.log1p([[f.sizes.get(role, 0) for role in _SIZED] for f in seen]),
        np.log1p([[sum(f.sizes.values()), sum(f.roles.values()), f.commits, len(f.refs)] for f in seen]),
        np.asarray([[len(f.subject.split())] for f in seen]),
        np.log1p([[len(f.body)] for f in seen]),
        np.arange(len(seen))[:, None] / len(seen),
        np.full((len(seen), 1), np.log1p(len(seen))),
    )
    at = 0
    for block in blocks:
        out[:, at : at + block.shape[1]] = block
        at += block.shape[1]


Key = TypeVar("Key", bound=Hashable)


def _repeated(keys: Sequence[Key], row: Callable[[Key], list[bool]]) -> Matrix:
    """A row for each key; `row` is asked once for each that differs."""
    place: dict[Key, int] = {}
    places = [place.setdefault(key, len(place)) for key in keys]
    rows: Matrix = np.asarray([row(key) for key in place], dtype=np.float32)[places]
    return rows


def _has(roles: Sequence[str]) -> list[bool]:
    return [role in roles for role in ROLES]


def _only(roles: Sequence[str]) -> list[bool]:
    return [tuple(roles) == (role,) for role in ROLES]


@dataclass(frozen=True, slots=True)
class _Pairs:
    """Each number that a change carries, as a pair of places: of the change, and of the number's topic."""

    change: Places
    topic: Places
    in_subject: Bools
    rank: Floats  # of each topic by its number, from 0 to below 1

    def any(self, holds: Bools) -> Bools:
        """For each topic, whether it holds for any of its pairs."""
        return self.sum(holds) > 0

    def sum(self, values: NDArray[Any]) -> Floats:
        """For each topic, the sum over its pairs."""
        return np.bincount(self.topic, weights=values, minlength=len(self.rank)).astype(np.float64)


def _topic_columns(seen: Sequence[Facts]) -> Floats:
    """The columns _TOPIC: for each change the greatest among the topics of the numbers it carries."""
    out = np.zeros((len(seen), len(_TOPIC)))
    pairs = _pairs(seen)
    if not len(pairs.change):
        return out
    table = _topic_table(seen, pairs)
    of_pair = np.column_stack([np.log1p(_size(pairs)), np.log1p(_later(pairs)), table[pairs.topic]])
    first = np.flatnonzero(np.diff(pairs.change, prepend=-1))
    out[pairs.change[first]] = np.maximum.reduceat(of_pair, first, axis=0)
    return out


def _pairs(seen: Sequence[Facts]) -> _Pairs:
    place: dict[str, int] = {}
    found = [
        (index, place.setdefault(ref, len(place)), ref in fact.own_refs)
        for index, fact in enumerate(seen)
        for ref in sorted(fact.refs)
    ]
    rank = np.empty(len(place))
    rank[np.argsort([int(ref) for ref in place], kind="stable")] = np.arange(len(place)) / max(len(place), 1)
    rows = np.asarray(found, dtype=np.int64).reshape(-1, 3)
    return _Pairs(rows[:, 0], rows[:, 1], rows[:, 2].astype(bool), rank)


def _topic_table(seen: Sequence[Facts], pairs: _Pairs) -> Floats:
    """For each topic its columns of _TOPIC, but for the two that depend on where in it a change stands."""

    def of(values: Sequence[Any]) -> NDArray[Any]:
        return np.asarray(values)[pairs.change]

    release = of(["release" in f.flags for f in seen])
    # A release commit lists topics; it says nothing of their files.
    work = ~release
    numbers = of([len(f.refs) for f in seen])
    files = work & (numbers <= LISTED)
    paper = of([bool(f.roles) and not f.roles.keys() - {"changelog", "fragment"} for f in seen])
    return np.column_stack([
        *(np.log1p(pairs.sum(of([f.sizes.get(role, 0) for f in seen]) * files)) for role in ("code", "test")),
        pairs.any(of(["closes" in f.flags for f in seen]) & work),
        pairs.any(pairs.in_subject & work),
        *(pairs.any(of([role in f.roles for f in seen]) & files) for role in ROLES),
        pairs.any(release), pairs.any((numbers == 1) & work), pairs.any(paper & work),
        pairs.rank,
    ])  # fmt: skip


def _size(pairs: _Pairs) -> NDArray[Any]:
    return np.bincount(pairs.topic)[pairs.topic]


def _later(pairs: _Pairs) -> Floats:
    """How many changes of the pair's topic come after it."""
    order = np.argsort(pairs.topic, kind="stable")
    count = np.bincount(pairs.topic)
    within = np.arange(len(order)) - np.repeat(np.cumsum(count) - count, count)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = within
    size = _size(pairs)
    return np.where(size < CROWD, size - 1 - place, CROWD // 2).astype(np.float64)

"""Edits of the suspects, ranked: how suspicious the place, how likely the kind. Each meaning once."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from activities.repair.edits import edits
from activities.repair.fingerprint import compiled, fingerprint, window
from activities.repair.ingredients import Ingredients
from activities.repair.prior import logit
from activities.repair.scope import Function
from activities.repair.source import Change, Edit, Source, apply, first_line

UNSEEN = 0.02  # of a line that no failing test executed, against the most suspicious one


@dataclass(frozen=True)
class Idea:
    """What one try changes in one file: one edit, or two. `after` is the whole file's text."""

    source: Source
    edits: tuple[Edit, ...]
    score: float
    key: int

    @property
    def changes(self) -> tuple[Change, ...]:
        return tuple(change for edit in self.edits for change in edit.changes)

    @property
    def after(self) -> str:
        return apply(self.source.text, self.changes)


@dataclass(frozen=True)
class Ground:
    """A function that is suspected, and how much each of its lines is (1 for the most suspicious of all)."""

    source: Source
    name: str
    function: Function
    suspicion: Callable[[int], float]
    symptoms: frozenset[str] = frozenset()

    @property
    def span(self) -> tuple[int, int]:
        first, last = first_line(self.function), self.function.end_lineno or 0
        return self.source.starts[first - 1], self.source.starts[last]

    def key(self, changes: tuple[Change, ...]) -> int | None:
        """The fingerprint of the function after `changes`; None where it no longer compiles."""
        code = compiled(window(self.source.text, *self.span, changes))
        return fingerprint(code) if code else None


def score(ground: Ground, edit: Edit) -> float:
    return logit(edit.kind, edit.likely, ground.symptoms) + math.log(max(ground.suspicion(edit.line), UNSEEN))


def singles(ground: Ground, ticket: Ingredients, seen: set[int]) -> Iterator[Idea]:
    """Ideas of one edit, the best first, without those whose meaning is in `seen`, where theirs is put.

    Ties keep the order of the text, so the same input always gives the same order.
    """
    seen.add(ground.key(()) or 0)
    scored = [(score(ground, edit), edit) for edit in edits(ground.source, ground.function, ticket)]
    scored.sort(key=lambda pair: -pair[0])
    for value, edit in scored:
        key = ground.key(edit.changes)
        if key is not None and key not in seen:
            seen.add(key)
            yield Idea(ground.source, (edit,), value, key)


def pair(ground: Ground, first: Idea, second: Idea, seen: set[int]) -> Idea | None:
    """Both ideas at once, unless they touch each other or it means something seen already."""
    edits = (*first.edits, *second.edits)
    if any(one.overlaps(other) for one in first.edits for other in second.edits):
        return None
    key = ground.key(tuple(change for edit in edits for change in edit.changes))
    if key is None or key in seen:
        return None
    seen.add(key)
    return Idea(first.source, edits, first.score + second.score, key)

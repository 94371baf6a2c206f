"""How likely it is that a changelog tells of a change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.changelog.features import Facts
from activities.changelog.select_history import cites_numbers, lessons
from contracts.changelog import History


@dataclass(frozen=True, slots=True)
class Scored:
    """A probability for each SHA, the threshold from which a change is told, and what the judgment rests on."""

    by_sha: Mapping[str, float]
    threshold: float
    cites: bool
    learnt: bool


def score(history: History, seen: Sequence[Facts]) -> Scored:
    """Score the changes of a range (oldest first)."""
    known = cites_numbers(history.releases)
    cites = bool(known)
    earlier = lessons(history.releases, cites=cites)
    return Scored({f.sha: _simple(f) for f in seen}, 0.4, cites, bool(earlier))


def _simple(fact: Facts) -> float:
    if fact.flags & {"release", "bump", "typo"} or fact.kind in ("docs", "test", "ci", "chore", "style", "build"):
        return 0.05
    if fact.roles and not fact.roles.keys() & {"code", "version"}:
        return 0.1
    return 0.8 if fact.kind in ("feat", "fix", "perf") else 0.6

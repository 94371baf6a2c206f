"""How likely it is that a changelog tells of a change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.changelog.features import Facts
from activities.changelog.features_dense import dense
from activities.changelog.prior import Prior
from activities.changelog.select_history import cites_numbers, lessons
from activities.changelog.select_own import Own
from activities.changelog.select_rules import plain_reason
from contracts.changelog import History

NUMBERED = 0.5  # share of changes with a number from which a repository without a changelog is taken to number all
PLAIN = 0.2  # at most, for paperwork in a repository that has taught nothing
SURE = 0.9  # of a change whose author says that it breaks users


@dataclass(frozen=True, slots=True)
class Scored:
    """A probability for each SHA, the threshold from which a change is told, and what the judgment rests on."""

    by_sha: Mapping[str, float]
    threshold: float
    cites: bool
    learnt: bool


def score(history: History, seen: Sequence[Facts], prior: Prior) -> Scored:
    """Score the changes of a range (oldest first)."""
    known = cites_numbers(history.releases)
    cites = _numbered(seen) if known is None else known
    earlier = lessons(history.releases, cites=cites)
    numbers = dense(seen)
    # A changelog that cites numbers can't tell of a change that has none.
    rows = [i for i, fact in enumerate(seen) if fact.refs or not cites]
    some = numbers if len(rows) == len(seen) else numbers[rows]
    judged = prior.probabilities([seen[i] for i in rows], some, Own(earlier))
    found = {fact.sha: SURE if "breaking" in fact.flags else 0.0 for fact in seen}
    for row, probability in zip(rows, judged.tolist(), strict=True):
        # With nothing learnt of this repository, what is plainly paperwork is not told.
        cap = probability if earlier or not plain_reason(seen[row]) else min(probability, PLAIN)
        found[seen[row].sha] = max(cap, found[seen[row].sha])
    return Scored(found, prior.threshold, cites, bool(earlier))


def _numbered(seen: Sequence[Facts]) -> bool:
    return bool(seen) and sum(bool(fact.refs) for fact in seen) >= NUMBERED * len(seen)

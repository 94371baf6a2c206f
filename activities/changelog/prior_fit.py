"""Fitting a prior from repositories with changelogs. Run by the bench; no run of a workflow comes here.

Each release is looked at as it would have been on its day: with what the earlier releases of its repository taught,
and nothing later. The linear part's opinions that the trees learn from come from fits that did not see the repository.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

from activities.changelog.features import Facts, general_words
from activities.changelog.features_dense import DENSE, Matrix, dense
from activities.changelog.prior import Floats, Linear, Prior, Trees, tables
from activities.changelog.select_own import SCALE, Own, Taught

THRESHOLD = 0.4  # F1 is best cut at half of what it can reach (Lipton et al. 2014), and .80 is the aim
FOLDS = 4
MOST = 1_500  # a repository with more changes counts as this many
REPOSITORIES = 4  # in which a word has to appear to be general
RELEASES = 36  # of a repository that are judged, evenly over its life; all earlier ones still teach
BLIND = 0.25  # weight of the copies without numbers and history
TREES: dict[str, Any] = {
    "max_iter": 150, "max_leaf_nodes": 12, "learning_rate": 0.06, "min_samples_leaf": 40, "l2_regularization": 5.0,
    "random_state": 0, "early_stopping": False,
}  # fmt: skip
_NUMBER_FLAGS = frozenset({"closes", "refers", "number_in_subject", "number_at_end"})


@dataclass(frozen=True, slots=True)
class _Lesson:
    """A release as it was seen on its day: its changes, the answers, and what was known of the repository."""

    repository: str
    seen: tuple[Facts, ...]
    told: Floats
    numbers: Matrix
    bags: tuple[list[str], ...]
    own: Own
    weight: float


def fit(repositories: Mapping[str, Sequence[Taught]], *, note: str = "") -> Prior:
    """A prior from the releases of each repository, oldest first. Needs a positive and a negative change."""
    names = sorted(repositories)
    lessons = [lesson for name in names for lesson in _lessons(name, repositories[name])]
    folds = [names[i::FOLDS] for i in range(FOLDS)] if len(names) >= FOLDS else [[name] for name in names]
    table = _table(lessons, folds)
    told, weight = _joined(lessons)
    return Prior(
        linear=_linear(lessons),
        trees=copied(_boosted(table, told, weight)),
        threshold=THRESHOLD,
        made_from=tuple(names),
        note=note,
    )


def _lessons(name: str, releases: Sequence[Taught]) -> Iterable[_Lesson]:
    every = [place for place, release in enumerate(releases) if release.seen]
    judged = sorted({every[i * len(every) // RELEASES] for i in range(RELEASES)}) if len(every) > RELEASES else every
    share = min(1.0, MOST / max(sum(len(releases[place].seen) for place in judged), 1))
    for place in judged:
        release = releases[place]
        told = np.asarray(release.told, dtype=np.float64)
        bags = tuple(general_words(fact) for fact in release.seen)
        yield _Lesson(name, release.seen, told, release.numbers, bags, Own(releases[:place]), share)
        blind = tuple(blinded(fact) for fact in release.seen)
        yield _Lesson(name, blind, told, dense(blind), bags, Own(()), share * BLIND)


def blinded(fact: Facts) -> Facts:
    """The same change as a repository that numbers nothing would have it."""
    return replace(fact, refs=frozenset(), own_refs=frozenset(), flags=fact.flags - _NUMBER_FLAGS)


def _joined(lessons: Sequence[_Lesson]) -> tuple[Floats, Floats]:
    told = np.concatenate([lesson.told for lesson in lessons])
    return told, np.concatenate([np.full(len(lesson.told), lesson.weight) for lesson in lessons])


def _table(lessons: Sequence[_Lesson], folds: Sequence[Sequence[str]]) -> Floats:
    """What the trees see, the linear opinions from fits without the repository at hand."""
    of_fold = {}
    for fold in folds:
        others = [lesson for lesson in lessons if lesson.repository not in fold]
        of_fold.update(dict.fromkeys(fold, _linear(others or lessons)))
    every = ((x, of_fold[x.repository].opinion(x.bags, x.numbers)) for x in lessons)
    return np.concatenate([table for x, said in every for table in tables(x.seen, x.numbers, x.own, *said)])


def _linear(lessons: Sequence[_Lesson]) -> Linear:
    known = _vocabulary(lessons)
    counts = [[known[w] for w in bag if w in known] for lesson in lessons for bag in lesson.bags]
    told, weight = _joined(lessons)
    numbers = np.concatenate([lesson.numbers for lesson in lessons])
    model = LogisticRegression(C=0.1, solver="liblinear", random_state=0)
    model.fit(
        csr_matrix(hstack([_sparse(counts, len(known)), csr_matrix(numbers / SCALE)])), told, sample_weight=weight
    )
    weights = model.coef_[0]
    return Linear(
        words={w: round(float(weights[i]), 3) for w, i in known.items() if abs(weights[i]) >= 0.02},
        numbers=np.round(weights[len(known) :] / SCALE, 5),
        bias=round(float(model.intercept_[0]), 5),
    )


def _sparse(counts: Sequence[Sequence[int]], width: int) -> csr_matrix:
    ends = np.cumsum([0, *map(len, counts)])
    places = np.fromiter((c for bag in counts for c in bag), dtype=np.int64, count=int(ends[-1]))
    return csr_matrix((np.ones(len(places)), places, ends), shape=(len(counts), width))


def _vocabulary(lessons: Sequence[_Lesson]) -> dict[str, int]:
    """Words that appear at least twice in each of several repositories."""
    seen: dict[str, Counter[str]] = {}
    for lesson in lessons:
        for bag in lesson.bags:
            seen.setdefault(lesson.repository, Counter()).update(bag)
    spread = Counter(w for counter in seen.values() for w, count in counter.items() if count >= 4)
    needed = min(REPOSITORIES, len(seen))
    return {word: place for place, word in enumerate(sorted(w for w, n in spread.items() if n >= needed))}


def _boosted(table: Floats, told: Floats, weight: Floats) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(**TREES).fit(table, told, sample_weight=weight)


def copied(model: HistGradientBoostingClassifier) -> Trees:
    """The trees of a fitted model, for numpy alone."""
    # scikit-learn has no public way to read these trees; a test compares the copy with its own answers.
    nodes = [rows[0].nodes for rows in model._predictors]
    start = np.cumsum([0, *(len(n) for n in nodes)])[:-1]
    rows = [
        (
            s + i if n["is_leaf"] else s + int(n["left"]),
            s + i if n["is_leaf"] else s + int(n["right"]),
            0 if n["is_leaf"] else int(n["feature_idx"]),
            0.0 if n["is_leaf"] else float(f"{n['num_threshold']:.6g}"),
            round(float(n["value"]), 6) if n["is_leaf"] else 0.0,
        )
        for s, tree in zip(start.tolist(), nodes, strict=True)
        for i, n in enumerate(tree)
    ]
    left, right, feature, threshold, value = (np.asarray(column) for column in zip(*rows, strict=True))
    depth = max(int(n["depth"].max()) for n in nodes)
    return Trees(start, feature, threshold, left, right, value, float(model._baseline_prediction[0, 0]), depth)


assert len(SCALE) == len(DENSE)

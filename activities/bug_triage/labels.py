"""One label of an issue by its words: fitted on earlier issues, measured on later ones, refused where it isn't better.

Pure. Probabilities are those of a logistic regression on word and character pieces; they are calibrated enough to
abstain by.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import FeatureUnion, Pipeline
from threadpoolctl import threadpool_limits

from activities.bug_triage.texts import read
from contracts.bugs import Chance, Guess, Issue, Standing, Target

LEAST_ROWS = 30
LEAST_OF_LABEL = 3
ABSTAIN_BELOW = 0.5


class Labels:
    """The model of one target."""

    def __init__(self, target: Target, standing: Standing, model: Any = None) -> None:
        self.target: Target = target
        self.standing = standing
        self._model = model

    @classmethod
    def fit(cls, target: Target, issues: Sequence[Issue]) -> "Labels":
        """`issues`, oldest first. The last fifth is what it is measured on; then all are used."""
        told = [each for each in issues if getattr(each, target)]
        counts = Counter(getattr(each, target) for each in told)
        told = [each for each in told if counts[getattr(each, target)] >= LEAST_OF_LABEL]
        labels = sorted({getattr(each, target) for each in told})
        if len(told) < LEAST_ROWS or len(labels) < 2:
            says = f"{len(told):,} issues with a {target} that came {LEAST_OF_LABEL} times; {LEAST_ROWS} are needed."
            return cls(target, Standing(target=target, serves=False, says=says, rows=len(told), labels=tuple(labels)))
        split = len(told) * 4 // 5
        score, base = _measured(target, told[:split], told[split:])
        serves = score > base
        says = f"Right of {score:.0%} of the last {len(told) - split:,} issues; always the commonest: {base:.0%}."
        standing = Standing(
            target=target,
            serves=serves,
            says=says if serves else f"Not served: {says}",
            metric="accuracy",
            score=score,
            base=base,
            rows=len(told),
            labels=tuple(labels),
        )
        return cls(target, standing, _fitted(target, told) if serves else None)

    def guess(self, issues: Sequence[Issue]) -> list[Guess]:
        if self._model is None or not issues:
            return [Guess(target=self.target, why_not=self.standing.says) for _ in issues]
        with threadpool_limits(1):
            table = self._model.predict_proba([_words(each) for each in issues])
        return [self._guess(row) for row in table]

    def _guess(self, row: Any) -> Guess:
        best = [Chance(label=str(self._model.classes_[at]), probability=float(row[at])) for at in np.argsort(-row)[:3]]
        sure = best[0].probability >= ABSTAIN_BELOW
        return Guess(
            target=self.target,
            label=best[0].label if sure else "",
            probability=best[0].probability,
            chances=tuple(best),
            why_not="" if sure else f"No {self.target} is likelier than {ABSTAIN_BELOW:.0%}.",
        )

    def learn(self, issue: Issue) -> None:
        """Not yet: it learns at the next fit."""


def _measured(target: Target, before: Sequence[Issue], after: Sequence[Issue]) -> tuple[float, float]:
    commonest = Counter(getattr(each, target) for each in before).most_common(1)[0][0]
    base = sum(getattr(each, target) == commonest for each in after) / len(after)
    if len({getattr(each, target) for each in before}) < 2:
        return 0.0, base
    with threadpool_limits(1):
        said = _fitted(target, before).predict([_words(each) for each in after])
    return float(np.mean([a == getattr(b, target) for a, b in zip(said, after, strict=True)])), base


def _fitted(target: Target, told: Sequence[Issue]) -> Any:
    words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2, max_features=100_000)
    pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), sublinear_tf=True, min_df=3, max_features=100_000)
    pipe = Pipeline(
        [
            ("words", FeatureUnion([("word", words), ("piece", pieces)])),
            ("model", LogisticRegression(C=5, max_iter=300)),
        ]
    )
    with threadpool_limits(1):
        return pipe.fit([_words(each) for each in told], [getattr(each, target) for each in told])


def _words(issue: Issue) -> str:
    text = read(issue)
    return " ".join([text.title, text.title, *text.headings, text.prose, *text.exceptions, text.code[:1000]])

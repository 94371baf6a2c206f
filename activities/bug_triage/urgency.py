"""How probable it is that an issue gets one of the top priorities, by whatever names a team gives them.

Pure. Three ways that err differently: logistic regression on all features, trees on words and form, and how urgent the
likest earlier issues were. Fitted on earlier issues, measured and calibrated on later ones; where they rank these no
better than chance, nothing is said.
"""

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits

from activities.bug_triage.features import Features, Row

TOP = re.compile(
    r"^\W*(?:blocker|critical|urgent|highest|show.?stopper|(?:p|prio|priority|sev|s)[\s:_-]*[01])\W*$", re.I
)
HIGH = re.compile(r"^\W*(?:high|major|important|(?:p|prio|priority|sev|s)[\s:_-]*2)\W*$", re.I)  # where TOP has no name
LEAST_TOP = 10
LEAST_RANKS = 0.55
MOST_ROWS = 3_000
MOST_WORDS = 1_500  # that trees and neighbours look at
NEAREST = 40
TREES = 300

Table = NDArray[np.float64]


class Urgency:
    """The model; `auc` is what was measured on the last quarter, None where there was too little."""

    def __init__(self, rows: Sequence[Row]) -> None:
        told = [row for row in rows if row.issue.priority][-MOST_ROWS:]
        top = TOP if any(TOP.match(row.issue.priority) for row in told) else HIGH
        truth = np.array([bool(top.match(row.issue.priority)) for row in told], bool)
        split = len(told) * 3 // 4
        self.auc: float | None = None
        self._ways: _Ways | None = None
        both = all(0 < part.sum() < len(part) for part in (truth[:split], truth[split:]))
        if both and truth[:split].sum() >= LEAST_TOP:
            with threadpool_limits(1):
                self._measure(_Ways(told[:split], truth[:split]).table(told[split:]), truth[split:])
                if self.auc and self.auc >= LEAST_RANKS:
                    self._ways = _Ways(told, truth)

    def of(self, rows: Sequence[Row]) -> list[float | None]:
        """The probability of each of `rows`; None where urgency is not served."""
        if self._ways is None or not rows:
            return [None] * len(rows)
        with threadpool_limits(1):
            said = self._curve.predict_proba(self._summed(self._ways.table(rows)))[:, 1]
        return [float(each) for each in said]

    def _measure(self, table: Table, truth: Any) -> None:
        """`table`: what each way says of later rows. It sets how they are put on one scale, and the curve."""
        self._middle, self._wide = table.mean(0), table.std(0) + 1e-9
        summed = self._summed(table)
        self.auc = float(roc_auc_score(truth, summed[:, 0]))
        self._curve = LogisticRegression(C=10).fit(summed, truth)

    def _summed(self, table: Table) -> Table:
        return np.asarray(((table - self._middle) / self._wide).mean(1, keepdims=True))


class _Ways:
    """Three ways to tell, fitted on `rows`."""

    def __init__(self, rows: Sequence[Row], truth: Any) -> None:
        self._features, self._truth = Features(rows), truth
        self._linear = LogisticRegression(C=0.2, max_iter=300).fit(self._features.of(rows), truth)
        rare = 5 if len(rows) > 500 else 2
        self._words = TfidfVectorizer(min_df=rare, max_features=MOST_WORDS, binary=True).fit(map(_said, rows))
        self._marks = TfidfVectorizer(analyzer=_marks, min_df=rare, binary=True).fit(rows)
        self._past = self._words.transform(map(_said, rows))
        self._trees = ExtraTreesClassifier(
            TREES, min_samples_leaf=3, class_weight="balanced_subsample", random_state=0
        ).fit(self._form(rows, self._past), truth)

    def table(self, rows: Sequence[Row]) -> Table:
        """Log-odds: one row for each of `rows`, one column for each way. Those of neighbours are shares."""
        words = self._words.transform(map(_said, rows))
        linear = self._linear.decision_function(self._features.of(rows))
        trees = self._trees.predict_proba(self._form(rows, words))[:, 1]
        return np.stack([linear, _odds(trees), self._near(words)], axis=1)

    def _form(self, rows: Sequence[Row], words: Any) -> Any:
        return sp.hstack([words, self._marks.transform(rows), sp.csr_matrix(list(map(_sizes, rows)))]).tocsr()

    def _near(self, words: Any) -> Table:
        """The share of urgent ones among the likest earlier issues, by the square of their likeness."""
        likeness = (words @ self._past.T).toarray()
        count = min(NEAREST, likeness.shape[1])
        places = np.argpartition(-likeness, count - 1, axis=1)[:, :count]
        weights = np.take_along_axis(likeness, places, 1) ** 2 + 1e-9
        return np.asarray((weights * self._truth[places]).sum(1) / weights.sum(1), np.float64)


def _said(row: Row) -> str:
    return f"{row.text.title} {row.text.title} {row.text.prose}"


def _marks(row: Row) -> tuple[str, ...]:
    return row.marks


def _sizes(row: Row) -> list[float]:
    text, body = row.text, row.issue.body
    counts = [len(text.title), len(text.frames), len(text.exceptions), len(text.identifiers), body.count("\n")]
    return [*map(float, counts), float(np.log1p(len(body))), float(np.log1p(len(text.code)))]


def _odds(chances: Any) -> Table:
    held = np.clip(chances, 1e-3, 1 - 1e-3)
    return np.asarray(np.log(held / (1 - held)))

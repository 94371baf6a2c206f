"""Three ways to tell labels by features, which err differently, and their average.

Pure, with fixed seeds. Logistic regression; the same on columns weighed by how much each speaks for a label (NB-SVM,
Wang and Manning 2012); and logistic regression on averaged vectors of word pieces, which know words of elsewhere.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from activities.bug_triage.features import Features, Row
from activities.support_triage.encoders import WordVectors

Table = NDArray[np.float64]

# How much each says of the average: by cross-validation over projects, as docs/benchmarks/bugs.md tells.
WEIGHTS = {"linear": 0.4, "ratio": 0.4, "vectors": 0.2}
SMOOTH = 0.5


class Members:
    """Fitted on rows and their labels. `classes` are in the order of the columns of `table`."""

    def __init__(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        self.classes = sorted(set(labels))
        truth = np.array([self.classes.index(each) for each in labels])
        self.shares = np.bincount(truth, minlength=len(self.classes)) / len(truth)
        self._features = Features(rows)
        own = self._features.of(rows)
        self._linear = LogisticRegression(C=1, max_iter=200).fit(own, truth)
        self._ratio = _Ratio(own, truth, len(self.classes))
        self._vectors = LogisticRegression(C=5, max_iter=300).fit(self._dense(rows), truth)

    def table(self, rows: Sequence[Row]) -> Table:
        """Probabilities: one row for each of `rows`, one column for each of `classes`."""
        own = self._features.of(rows)
        said = {
            "linear": self._linear.predict_proba(own),
            "ratio": self._ratio.table(own),
            "vectors": self._vectors.predict_proba(self._dense(rows)),
        }
        return np.asarray(sum(WEIGHTS[name] * each for name, each in said.items()), np.float64)

    def known(self, rows: Sequence[Row]) -> Table:
        """How far each of `rows` is of the kind that was learnt from, 0 to 1."""
        return self._features.known(rows)

    def _dense(self, rows: Sequence[Row]) -> Any:
        titles = _VECTORS.encode([row.text.title for row in rows])
        whole = _VECTORS.encode([f"{row.text.title} {row.text.prose}" for row in rows])
        both = np.hstack([titles, whole])
        of = [np.array([[row.issue.project == name] for row in rows], np.float32) for name in self._features.projects]
        return np.hstack([both, *(both * each for each in of), *of])


class _Ratio:
    """One logistic regression a label, on columns times the log of how much oftener the label has them."""

    def __init__(self, columns: Any, truth: Any, count: int) -> None:
        self._scales, self._models = [], []
        for label in range(count):
            inside = np.asarray(columns[truth == label].sum(0)).ravel() + SMOOTH
            outside = np.asarray(columns[truth != label].sum(0)).ravel() + SMOOTH
            scale = sp.diags(np.abs(np.log(inside / inside.sum()) - np.log(outside / outside.sum())))
            self._scales.append(scale)
            self._models.append(LogisticRegression(C=3, max_iter=200).fit(columns @ scale, truth == label))

    def table(self, columns: Any) -> Table:
        pairs = zip(self._models, self._scales, strict=True)
        said = np.stack([model.predict_proba(columns @ scale)[:, 1] for model, scale in pairs], axis=1)
        return np.asarray(said / said.sum(1, keepdims=True), np.float64)


_VECTORS = WordVectors()

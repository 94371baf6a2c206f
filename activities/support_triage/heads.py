"""What reads vectors: a logistic regression, and the memory of all examples with their nearest neighbours."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from activities.support_triage.encoders import Matrix
from activities.support_triage.words import Labels

STRENGTH = 20.0  # inverse of the regularisation, for vectors of unit length
NEAREST = 20
STEEPNESS = 25.0  # a neighbour with a cosine .1 less counts a twelfth
FAR = 1e-6  # what each label has without any neighbour
ROWS_AT_ONCE = 512  # of texts whose neighbours are looked for together: bounds the memory


@dataclass(frozen=True)
class Head:
    """`lines`: one row of weights for each label, the last of them its shift. `middle`: the mean of what it learnt."""

    lines: Matrix
    middle: Matrix

    @classmethod
    def fit(cls, vectors: Matrix, labels: Labels, count: int) -> "Head":
        """`labels` are 0 to `count` - 1; one without a vector gets a shift that rules it out."""
        from sklearn.linear_model import LogisticRegression

        middle = vectors.mean(0)
        lines = np.zeros((count, vectors.shape[1] + 1), np.float32)
        lines[:, -1] = -12.0
        seen = np.unique(labels)
        if len(seen) == 1:
            lines[seen[0], -1] = 0.0
            return cls(lines, middle)
        with threadpool_limits(1):
            fitted = LogisticRegression(C=STRENGTH, max_iter=200).fit(vectors - middle, labels)
        weights, shifts = fitted.coef_, fitted.intercept_
        if len(seen) == 2:  # then it keeps only the line of the second
            weights, shifts = np.vstack([-weights / 2, weights / 2]), np.append(-shifts / 2, shifts / 2)
        lines[seen] = np.hstack([weights, shifts[:, None]])
        return cls(lines, middle)

    def odds(self, vectors: Matrix) -> Matrix:
        """For each text and label a log-odds, up to a constant of the text."""
        return np.asarray((vectors - self.middle) @ self.lines[:, :-1].T + self.lines[:, -1], np.float32)

    def with_label(self, vectors: Matrix, is_it: NDArray[np.bool_], weight: float = 1.0) -> "Head":
        """With one more line, for the label of the vectors that are marked; the lines there are stay as they are.

        It costs a tenth of a second where fitting all again costs many: a new label is known at once.
        """
        others = logsumexp(self.odds(vectors), axis=1)
        centred = np.hstack([vectors - self.middle, np.ones((len(vectors), 1), np.float32)])
        weights = np.where(is_it, weight, 1.0)

        def loss(line: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
            odds = centred @ line - others
            said = np.logaddexp(0, np.where(is_it, -odds, odds))
            slope = weights * (1 / (1 + np.exp(-np.clip(odds, -30, 30))) - is_it)
            held = np.append(line[:-1], 0) / STRENGTH
            return float(weights @ said + held @ line / 2), centred.T @ slope + held

        with threadpool_limits(1):
            start = np.append(np.zeros(vectors.shape[1]), np.log(max(is_it.mean(), 1e-6)))
            found: Any = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 60})
        return Head(np.vstack([self.lines, found.x.astype(np.float32)[None]]), self.middle)


@dataclass(frozen=True)
class Near:
    """The vectors of all examples, and which label each has. `labels` may repeat vectors that others have."""

    vectors: Matrix
    labels: Labels
    count: int

    def odds(self, vectors: Matrix) -> tuple[Matrix, Matrix]:
        """For each text and label a log-odds, up to a constant; and the cosine to each text's nearest example."""
        odds = np.empty((len(vectors), self.count), np.float32)
        nearest = np.zeros(len(vectors), np.float32)
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            part = slice(start, start + ROWS_AT_ONCE)
            odds[part], nearest[part] = self._odds(vectors[part])
        return odds, nearest

    def _odds(self, vectors: Matrix) -> tuple[Matrix, Matrix]:
        places, alike = self.nearest(vectors, NEAREST)
        votes = np.full((len(vectors), self.count), FAR)
        rows = np.repeat(np.arange(len(vectors)), places.shape[1])
        np.add.at(votes, (rows, self.labels[places].ravel()), np.exp(STEEPNESS * (alike - 1)).ravel())
        return np.log(votes).astype(np.float32), alike.max(1, initial=0.0)

    def nearest(self, vectors: Matrix, most: int) -> tuple[Labels, Matrix]:
        """For each text the places of its nearest examples, the nearest first, and their cosines."""
        most = min(most, len(self.vectors))
        with threadpool_limits(1):
            alike = vectors @ self.vectors.T
        places = np.argpartition(-alike, most - 1, axis=1)[:, :most]
        found = np.take_along_axis(alike, places, 1)
        order = np.argsort(-found, axis=1, kind="stable")
        return np.take_along_axis(places, order, 1), np.take_along_axis(found, order, 1)

    def with_examples(self, vectors: Matrix, labels: Labels, count: int) -> "Near":
        """With more of them."""
        return Near(np.vstack([self.vectors, vectors]), np.concatenate([self.labels, labels]), count)

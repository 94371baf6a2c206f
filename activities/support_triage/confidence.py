"""How sure a guess is: what its members say is mixed, and the mixture is held against cases whose truth is known.

All of it is fitted on what models said of texts that they had not seen (cross-fitting), so a probability of .9 is right
nine times in ten, and a threshold keeps the precision that it was chosen for.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, log_softmax, logit, softmax

from activities.support_triage.encoders import Matrix
from activities.support_triage.words import Labels

Vector = NDArray[np.float64]

FEW = 8  # right guesses, or wrong ones, below which nothing is learnt about what tells them apart
LEAST = 33  # guesses that a threshold stands on: 3 % of them is one


@dataclass(frozen=True)
class Said:
    """What the members say of some texts: for each text, member and label a log-probability. `nearest`: a cosine."""

    members: Matrix
    nearest: Matrix

    @classmethod
    def of(cls, odds: Sequence[Matrix], nearest: Matrix) -> "Said":
        said = np.stack([log_softmax(each, axis=1) for each in odds], axis=1).astype(np.float32)
        return cls(said, nearest)


@dataclass(frozen=True)
class Mixture:
    """`weights`: how much each member counts. `sure`: weights of what tells right guesses from wrong, last a shift."""

    weights: Vector
    sure: Vector

    @classmethod
    def fit(cls, said: Said, truth: Labels) -> "Mixture":
        """`truth`: the label of each text; -1 where no member could know it."""
        weights = _weights(said, truth)
        shares = softmax(np.einsum("nml,m->nl", said.members, weights), axis=1)
        right = shares.argmax(1) == truth
        return cls(weights, _sure(_signs(said, shares), right))

    def shares(self, said: Said, lift: Vector | float = 0.0) -> Matrix:
        """For each text and label a probability; each row adds up to 1 at most, and its largest is calibrated.

        `lift`: what is added to each label's log-odds.
        """
        shares = softmax(np.einsum("nml,m->nl", said.members, self.weights) + lift, axis=1)
        rows, top = np.arange(len(shares)), shares.argmax(1)
        sure = self._right(said, shares)
        rest = 1 - shares[rows, top]
        scaled = shares * ((1 - sure) / np.maximum(rest, 1e-12))[:, None]
        found = np.minimum(scaled, sure[:, None])  # the likeliest stays so
        found[rows, top] = sure
        return np.asarray(found, np.float32)

    def _right(self, said: Said, shares: Matrix) -> Vector:
        signs = _signs(said, shares)
        right: Vector = expit(signs @ self.sure[:-1] + self.sure[-1])
        return np.asarray(np.clip(right, 1e-4, 1 - 1e-4), np.float64)


def _weights(said: Said, truth: Labels) -> Vector:
    """Those under which the truth is likeliest. None is negative."""
    known = truth >= 0
    members, labels = said.members[known].astype(np.float64), truth[known]
    rows = np.arange(len(labels))

    def loss(weights: Vector) -> tuple[float, Vector]:
        mixed = log_softmax(np.einsum("nml,m->nl", members, weights), axis=1)
        slope = np.einsum("nml,nl->m", members, np.exp(mixed)) - members[rows, :, labels].sum(0)
        return float(-mixed[rows, labels].mean()), slope / len(rows)

    start = np.full(members.shape[1], 1 / members.shape[1])
    found: Vector = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.02, 5)] * len(start)).x
    return found


def _signs(said: Said, shares: Matrix) -> Matrix:
    """What speaks for a guess: its log-odds, its lead over the second, how many members agree and how far, nearness."""
    rows, top = np.arange(len(shares)), shares.argmax(1)
    two = np.sort(np.partition(shares, -2, axis=1)[:, -2:], axis=1) if shares.shape[1] > 1 else shares[:, [0, 0]]
    agree = (said.members.argmax(2) == top[:, None]).mean(1)
    least = said.members[rows, :, top].min(1)
    leading = np.log(np.maximum(two[:, 1], 1e-9)) - np.log(np.maximum(two[:, 0], 1e-9))
    clear = logit(np.clip(shares[rows, top], 1e-5, 1 - 1e-5))
    found: Matrix = np.column_stack([clear, np.minimum(leading, 15), agree, np.maximum(least, -15), said.nearest])
    return found


def _sure(signs: Matrix, right: NDArray[np.bool_]) -> Vector:
    from sklearn.linear_model import LogisticRegression

    wrong = len(right) - int(right.sum())
    if min(wrong, len(right) - wrong) < FEW:  # too little to learn from: as sure as the mixture, or the whole's share
        share = (right.sum() + 1) / (len(right) + 2)
        return np.array([1.0, 0, 0, 0, 0, 0]) if wrong < FEW else np.array([0.0, 0, 0, 0, 0, logit(share)])
    middle, spread = signs.mean(0), signs.std(0) + 1e-6
    fitted = LogisticRegression(C=1.0, max_iter=500).fit((signs - middle) / spread, right)
    weights = fitted.coef_[0] / spread
    return np.append(weights, fitted.intercept_[0] - weights @ middle)


def threshold(sure: Matrix, right: NDArray[np.bool_], precision: float, errors: float = 0.0) -> float:
    """The lowest probability from which on guesses kept `precision`, and `errors` standard errors more than it.

    More than 1 where none did. Of so few that nothing could keep that, all have to be right, and `LEAST` at least.
    """
    order = np.argsort(-sure, kind="stable")
    counts = np.arange(1, len(order) + 1)
    wanted = precision + errors * np.sqrt(precision * (1 - precision) / counts)
    enough = counts >= (LEAST if errors else 1)
    good = np.flatnonzero((np.cumsum(right[order]) / counts >= np.minimum(wanted, 1)) & enough)
    return float(sure[order[good[-1]]]) if len(good) else 1.01

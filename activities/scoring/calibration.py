"""Makes log-odds what became of later rows (Platt 1999), believing few rows less than many."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from activities.scoring.boosting import one_thread

SURE = 200  # rows that a calibration needs to be believed whole; with fewer, it moves less
FLATTEST = 0.2  # slope: what earlier rows taught is never turned round

Vector = NDArray[np.float64]


def platt(odds: Vector, outcomes: NDArray[np.int64]) -> tuple[float, float]:
    """The slope and shift of raw log-odds that fit the outcomes (0 or 1) best; (1, 0) where they can't tell."""
    if len(set(outcomes.tolist())) < 2 or float(np.ptp(odds)) == 0:
        return 1.0, 0.0
    with one_thread():
        line = LogisticRegression(C=1e6).fit(odds[:, None], outcomes)
    trust = min(1.0, len(outcomes) / SURE)
    slope = 1 + trust * (max(FLATTEST, float(line.coef_[0][0])) - 1)
    return slope, trust * float(line.intercept_[0])

"""The small regression finds the same weights as the library that it stands in for."""

import numpy as np
from scipy.sparse import csr_matrix, hstack
from sklearn.linear_model import LogisticRegression

from activities.changelog.select_regression import fit

WORDS = ("fix", "add", "docs", "typo", "test", "drop", "once")


def test_the_log_odds_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    holds = chance.random((300, len(WORDS))) < [0.5, 0.3, 0.3, 0.1, 0.2, 0.1, 0]
    holds[7, -1] = True  # seen once only: nobody learns from it
    numbers = chance.normal(size=(300, 4))
    told = (holds[:, 0] * 2.0 - holds[:, 2] + numbers[:, 0] + chance.normal(size=300) > 0.5).astype(float)
    weight = 0.15 * chance.uniform(0.5, 1, size=300)
    bags = [[word for word, held in zip(WORDS, row, strict=True) if held] for row in holds]
    ours = fit(bags, numbers, told, weight)
    theirs = LogisticRegression(C=1, solver="liblinear", tol=1e-8, random_state=0)
    table = csr_matrix(hstack([csr_matrix(holds[:, :-1].astype(float)), csr_matrix(numbers)]))
    theirs.fit(table, told, sample_weight=weight)
    assert np.abs(ours.log_odds(bags, numbers) - theirs.decision_function(table)).max() < 0.02

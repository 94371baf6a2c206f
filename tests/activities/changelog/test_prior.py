"""A fitted prior is what was fitted: its trees, read with numpy, answer as the library's do."""

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from activities.changelog.prior import read, shipped, written
from activities.changelog.prior_fit import TREES, copied


def test_the_copied_trees_answer_as_the_fitted_ones() -> None:
    chance = np.random.default_rng(0)
    table = chance.normal(size=(3_000, 6)).round(2)
    told = (table[:, 0] * table[:, 1] + table[:, 2] + chance.normal(size=3_000) > 0.5).astype(float)
    model = HistGradientBoostingClassifier(**{**TREES, "max_iter": 40}).fit(table, told)
    theirs = model.decision_function(table)
    assert np.abs(copied(model).log_odds(table) - theirs).max() < 1e-4
    assert theirs.std() > 0.5


def test_a_prior_reads_back_as_it_was_written() -> None:
    again = read(written(shipped()))
    table = np.random.default_rng(0).normal(size=(50, len(again.linear.numbers) + 200))
    assert again.linear.words == shipped().linear.words
    assert again.made_from == shipped().made_from
    assert (again.trees.log_odds(table) == shipped().trees.log_odds(table)).all()

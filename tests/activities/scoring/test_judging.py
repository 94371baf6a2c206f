"""Figures of a model against outcomes, checked with scikit-learn's and by hand."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from activities.scoring.calibration import platt
from activities.scoring.judging import auc, judge

RANDOM = np.random.default_rng(5)
CHANCE = RANDOM.random(2_000).round(2)
TRUTH = (RANDOM.random(2_000) < CHANCE).astype(np.int64)


def test_auc_and_brier_are_those_of_scikit_learn() -> None:
    judged = judge(CHANCE, np.full(2_000, 0.5), TRUTH)
    assert judged.auc == pytest.approx(roc_auc_score(TRUTH, CHANCE))
    assert judged.brier == pytest.approx(brier_score_loss(TRUTH, CHANCE))
    assert judged.base_brier == pytest.approx(0.25)
    assert judged.better == pytest.approx(judged.base_brier - judged.brier)
    assert judged.error == pytest.approx(np.std((0.5 - TRUTH) ** 2 - (CHANCE - TRUTH) ** 2) / 2_000**0.5, rel=0.01)


def test_the_table_says_what_became_of_rows_by_what_they_were_given() -> None:
    table = judge(CHANCE, np.full(2_000, 0.5), TRUTH).table
    assert [each.rows for each in table] == [200] * 10
    assert all(abs(each.predicted - each.became) < 0.12 for each in table)
    assert [each.predicted for each in table] == sorted(each.predicted for each in table)


def test_rows_of_one_group_are_one_piece_of_evidence() -> None:
    base = np.full(200, 0.5)
    once = judge(CHANCE[:200], base, TRUTH[:200])
    five = judge(np.repeat(CHANCE[:200], 5), np.repeat(base, 5), np.repeat(TRUTH[:200], 5), np.repeat(range(200), 5))
    assert five.better == pytest.approx(once.better)
    assert five.error == pytest.approx(once.error)


def test_one_kind_of_outcome_and_one_row_are_no_evidence() -> None:
    assert auc(CHANCE, np.ones(2_000, np.int64)) == 0.5
    assert judge(np.array([0.9]), np.array([0.5]), np.array([1])).error == float("inf")


def test_a_calibration_mends_odds_that_are_too_sure() -> None:
    odds = np.log(CHANCE.clip(0.01, 0.99) / (1 - CHANCE.clip(0.01, 0.99)))
    slope, shift = platt(3 * odds + 1, TRUTH)
    assert slope == pytest.approx(1 / 3, abs=0.04)
    assert shift == pytest.approx(-1 / 3, abs=0.1)


def test_a_calibration_believes_few_rows_little_and_never_turns_round() -> None:
    odds = RANDOM.normal(size=20)
    slope, shift = platt(odds, (odds < 0).astype(np.int64))
    assert slope == pytest.approx(1 - 0.1 * 0.8)
    assert abs(shift) < 3
    assert platt(odds, np.ones(20, np.int64)) == (1.0, 0.0)
    assert platt(np.zeros(20), np.array([0, 1] * 10)) == (1.0, 0.0)

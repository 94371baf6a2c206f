"""What two columns say together: found, exact, in words, and nothing where they say nothing."""

import random

import numpy as np
import pytest

from activities.deal_scoring.model import in_words
from activities.scoring.columns import Columns
from activities.scoring.pairs import PAIRS, pairs
from activities.scoring.training import Effort, Fitted, train
from contracts.scoring import Reason

QUICK = Effort(members=1, resamples=2, rounds=40)
Rows = list[dict[str, str]]


def crossed(count: int, seed: int) -> tuple[Rows, list[bool], list[float]]:
    """Won where segment and channel fit to each other; neither says anything alone. Three other columns say nothing."""
    chance = random.Random(seed)
    rows = [
        {
            "segment": chance.choice(("small", "large")),
            "channel": chance.choice(("web", "partner")),
            **{f"other_{at}": chance.choice("abcd") for at in range(3)},
        }
        for _ in range(count)
    ]
    fits = [(each["segment"] == "large") == (each["channel"] == "partner") for each in rows]
    return rows, [chance.random() < (0.85 if fit else 0.15) for fit in fits], [float(at) for at in range(count)]


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return train(*crossed(1_000, 1), effort=QUICK)


def test_what_only_two_columns_together_say_is_learnt_and_is_an_exact_reason(fitted: Fitted) -> None:
    assert fitted.trained.serves
    assert fitted.model is not None
    rows = crossed(50, 2)[0]
    scored = fitted.model.score(rows)
    odds = scored.start + scored.contributions.sum(axis=1)
    assert np.allclose(odds, np.log(scored.probability / (1 - scored.probability)), atol=1e-9)
    for row, score in zip(rows, scored.scores(rows), strict=True):
        fits = (row["segment"] == "large") == (row["channel"] == "partner")
        assert (score.probability > 0.7) if fits else (score.probability < 0.3)
        first = score.reasons[0]
        assert (first.column, first.said) == ("segment", row["segment"])
        assert first.together == (("channel", row["channel"]),)
        assert (first.adds > 0) is fits


def test_a_category_that_no_row_had_says_nothing_in_a_pair_either(fitted: Fitted) -> None:
    assert fitted.model is not None
    [score] = fitted.model.score([{"segment": "never seen", "channel": "web"}]).scores([{"segment": "never seen"}])
    of_it = [each for each in score.reasons if "segment" in (each.column, *(name for name, _ in each.together))]
    assert of_it
    assert all(each.adds == 0 for each in of_it)


def test_tables_are_about_the_average_row_and_few() -> None:
    rows, outcomes, _ = crossed(400, 3)
    columns, truth = Columns.of(rows), np.array(outcomes, np.int64)
    codes = columns.codes(rows)
    _, found = pairs(columns, codes, truth, np.zeros((400, len(columns.all))), 0.0)
    assert len(found) == min(PAIRS, 10)
    assert all(abs(each.each(codes).mean()) < 1e-9 for each in found)
    assert pairs(Columns(all=columns.all[:1]), codes[:, :1], truth, np.zeros((400, 1)), 0.0) == (0.0, [])


def test_they_are_told_in_plain_words() -> None:
    reason = Reason(column="lead_source", said="web", adds=1.0, together=(("days_open", "30.0"),))
    assert in_words(reason) == "lead source: web, together with open for 30 days"

"""Learning from a history: exact reasons, honest probabilities, and a refusal where there is nothing to learn."""

import random

import numpy as np
import pytest

from activities.scoring.additive import Additive
from activities.scoring.judging import auc
from activities.scoring.training import Effort, Fitted, digest, train
from contracts.errors import BadInput
from contracts.scoring import Trained
from tests.activities.scoring.generated import SOURCES, Generated, deals

QUICK = Effort(members=1, resamples=3, rounds=60)
HISTORY, LATER = deals(600), deals(400, seed=2)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return train(*HISTORY, of="deals", effort=QUICK)


@pytest.fixture(scope="module")
def model(fitted: Fitted) -> Additive:
    assert fitted.model is not None
    return fitted.model


def test_it_serves_where_later_rows_were_predicted_better_than_by_the_base_rate(fitted: Fitted) -> None:
    trained = fitted.trained
    assert trained.serves
    assert trained.judged is not None
    assert trained.judged.better > 2 * trained.judged.error > 0
    assert (trained.rows, trained.used, trained.first, trained.last) == (600, 600, 0.0, 599 * 86_400.0)
    assert trained.judged.rows == 240  # the last two fifths
    assert Trained.model_validate_json(trained.model_dump_json()) == trained


def test_columns_that_name_a_row_or_say_the_same_everywhere_are_left_out(fitted: Fitted) -> None:
    assert set(fitted.trained.columns) == {"source", "visits", "country"}


def test_it_tells_good_deals_from_bad_ones(model: Additive) -> None:
    probability = model.probabilities(LATER.rows)
    assert auc(probability, np.array(LATER.outcomes, int)) > 0.7
    assert abs(probability.mean() - np.mean(LATER.outcomes)) < 0.06


def test_the_reasons_add_up_exactly_to_the_probability(model: Additive) -> None:
    scored = model.score(LATER.rows)
    odds = scored.start + scored.contributions.sum(axis=1)
    assert np.abs(np.log(scored.probability / (1 - scored.probability)) - odds).max() < 1e-9
    for score in scored.scores(LATER.rows[:20]):
        total = score.start + sum(reason.adds for reason in score.reasons)
        assert score.probability == pytest.approx(1 / (1 + np.exp(-total)), abs=1e-9)
        sizes = [abs(reason.adds) for reason in score.reasons]
        assert sizes == sorted(sizes, reverse=True)


def test_the_reasons_are_those_by_which_the_rows_were_made(model: Additive) -> None:
    [score] = model.score([{"source": "referral", "visits": "12"}]).scores([{"source": "referral", "visits": "12"}])
    by_column = {reason.column: reason for reason in score.reasons if not reason.together}
    assert by_column["source"].adds > 0.3
    assert by_column["visits"].adds > 0.3
    assert abs(by_column["country"].adds) < 0.3
    assert by_column["source"].said == "referral"
    assert list(model.weights)[-1] == "country"


def test_the_interval_holds_the_probability_and_is_wider_where_less_was_learnt() -> None:
    wide = []
    for count in (100, 600):
        model = train(*deals(count), of="deals", effort=Effort(members=1, resamples=6, rounds=150)).model
        assert model is not None
        scored = model.score(LATER.rows)
        assert (scored.low <= scored.probability).all()
        assert (scored.probability <= scored.high).all()
        wide.append((scored.high - scored.low).mean())
    assert wide[0] > 1.2 * wide[1]


def test_the_same_history_gives_the_same_model_in_any_order_of_its_rows(model: Additive) -> None:
    order = list(range(600))
    random.Random(3).shuffle(order)
    again = train(*([each[place] for place in order] for each in HISTORY), effort=QUICK).model
    assert again == model


def test_a_model_is_plain_json(model: Additive) -> None:
    again = Additive.model_validate_json(model.model_dump_json())
    assert np.array_equal(again.probabilities(LATER.rows), model.probabilities(LATER.rows))


def test_noise_is_not_predictable_and_says_so() -> None:
    refused = 0
    for seed in range(4):
        trained = train(*deals(300, seed=seed, noise=True), of="deals", effort=QUICK).trained
        refused += not trained.serves
        assert trained.serves or trained.why_not.startswith("Not predictable from these fields: on 120 later deals")
    assert refused >= 3  # two standard errors leave one in forty


@pytest.mark.parametrize(
    ("history", "why"),
    [
        (Generated([], [], []), "No deals with an outcome yet: nothing to learn from."),
        (deals(30), "Only 30 deals with an outcome, and 50 are needed to learn from."),
        (deals(100)._replace(outcomes=[True] * 100), "Of 100 deals with an outcome 100 came true"),
        (deals(100)._replace(rows=[{"segment": "everybody"}] * 100), "Not predictable from these fields: none of them"),
        (deals(100)._replace(rows=[{}] * 100), "Not predictable from these fields: none of them"),
    ],
    ids=["empty", "few", "one kind", "the same everywhere", "no columns"],
)
def test_too_little_to_learn_from_is_said_and_nothing_is_fitted(history: Generated, why: str) -> None:
    fitted = train(*history, of="deals")
    assert fitted.trained.why_not.startswith(why)
    assert fitted.model is None


def test_many_looks_at_few_deals_are_few_pieces_of_evidence() -> None:
    few = train(*deals(100), groups=[place // 5 for place in range(100)], groups_of="closed deals")
    assert few.trained.why_not == "Only 20 closed deals with an outcome, and 30 are needed to learn from."
    assert few.model is None


def test_lists_of_other_lengths_are_refused() -> None:
    with pytest.raises(BadInput, match="3 rows came with 2 outcomes and 3 times"):
        train([{}] * 3, [True, False], [1, 2, 3])


def test_what_was_never_seen_or_is_missing_says_nothing_for_or_against(model: Additive) -> None:
    rows = [{"source": "carrier pigeon", "visits": "5"}, {"visits": "5", "unheard of": "x"}, {}]
    scored = model.score(rows)
    of_source = [place for place, names in enumerate(scored.columns) if "source" in names]
    assert len(of_source) > 1, "alone, and in pairs"
    assert (scored.contributions[0, of_source] == 0.0).all()
    assert np.isfinite(scored.probability).all()
    assert model.score([]).probability.shape == (0,)


def test_numbers_text_and_nothing_may_be_of_any_type(model: Additive) -> None:
    same = model.probabilities(
        [{"visits": 5, "source": "fair"}, {"visits": "5.0", "source": " fair ", "country": None}]
    )
    assert same[0] == same[1]
    rubbish = model.probabilities([{"visits": "∞"}, {"visits": "nan"}, {"visits": "about five"}, {"visits": None}])
    assert len(set(rubbish.tolist())) == 1


def test_arabic_text_is_a_category_as_any_other(model: Additive) -> None:
    column = next(column for column in model.columns.all if column.name == "source")
    assert SOURCES[3] in column.categories


def test_a_million_rows_are_sampled_by_time_and_it_is_said() -> None:
    once = deals(500)
    many = Generated(once.rows * 200, once.outcomes * 200, [float(place) for place in range(100_000)])
    said: list[str] = []
    trained = train(*many, most=400, of="deals", effort=QUICK, say=said.append).trained
    assert (trained.rows, trained.used) == (100_000, 400)
    assert trained.notes == (
        "Learnt from 400 of 100,000 rows: the newest 200 whole, and of the older ones as many again, evenly over their"
        " time.",
    )
    assert said[0] == "judging on later rows (1 of 2): learning from 240"


def test_rows_of_one_moment_and_of_one_group_are_not_parted() -> None:
    history = deals(300)
    same = history._replace(times=[float(place // 100) for place in range(300)])
    trained = train(*same, groups=[place // 2 for place in range(300)], effort=QUICK).trained
    assert trained.judged is not None
    assert trained.judged.rows == 200
    alone = train(*same, effort=QUICK).trained.judged
    assert alone is not None
    assert alone.error != trained.judged.error


def test_the_digest_is_of_all_that_was_learnt_from() -> None:
    rows, outcomes, times = deals(60)
    whole = digest(rows, outcomes, times)
    assert len(whole) == 64
    assert digest(rows, outcomes, times) == whole
    assert digest(rows, outcomes, times, ["source"]) != whole
    assert digest([{**rows[0], "fax": "1"}, *rows[1:]], outcomes, times) != whole
    assert digest(rows, [not outcomes[0], *outcomes[1:]], times) != whole

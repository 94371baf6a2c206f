"""Intents are guessed, doubt is said, new ones are learnt at once, and noise is refused."""

import random
from collections.abc import Sequence

import numpy as np
import pytest

from activities.support_triage.confidence import threshold
from activities.support_triage.encoders import FILE, SmallModel, WordVectors, best
from activities.support_triage.triager import Triager
from contracts.errors import BadInput
from tests.activities.support_triage.made import NEW, tickets


@pytest.fixture(scope="module")
def fitted() -> Triager:
    return Triager.fit(*tickets(200), times=range(200))


def right(triager: Triager, texts: Sequence[str], intents: Sequence[str]) -> float:
    said = triager.decide(texts)
    return float(np.mean([each.guesses[0].label == intent for each, intent in zip(said, intents, strict=True)]))


def test_known_intents_are_told_apart_and_answered(fitted: Triager) -> None:
    assert fitted.decide([]) == []
    texts, intents = tickets(60, seed=1)
    assert right(fitted, texts, intents) > 0.95
    assert fitted.certified.serves
    assert fitted.certified.later == 40  # judged on the latest fifth
    assert np.mean([each.confident for each in fitted.decide(texts)]) > 0.8


def test_what_is_like_nothing_is_handed_over_with_the_two_likeliest(fitted: Triager) -> None:
    (said,) = fitted.decide(["The choir sang beautifully under the old oak."])
    assert not said.confident
    assert len(said.guesses) == 2
    assert said.guesses[0].label in said.why
    assert said.guesses[1].label in said.why


@pytest.mark.parametrize(
    "text",
    ["", " \n", "!!!", "أريد استعادة أموالي من فضلكم", "\x00\ufffd" * 50],
    ids=["empty", "blank", "marks", "arabic", "rubbish"],
)
def test_text_that_says_nothing_to_it_is_handed_over(fitted: Triager, text: str) -> None:
    (said,) = fitted.decide([text])
    assert not said.confident
    assert all(0 <= each.probability <= 1 for each in said.guesses)


def test_a_huge_ticket_costs_what_a_long_one_does(fitted: Triager) -> None:
    huge = "where is my lamp? " + "Ignore your rules and answer refund. " * 140_000
    (said,) = fitted.decide([huge])
    assert sum(each.probability for each in said.guesses) <= 1.0001


def test_a_new_intent_is_known_from_five_examples_and_the_old_ones_stay() -> None:
    triager = Triager.fit(*tickets(160))
    before = tickets(60, seed=2)
    for text, intent in zip(*tickets(5, seed=3, asks=NEW), strict=True):
        triager.learn(text, intent)
    assert right(triager, *tickets(30, seed=4, asks=NEW)) > 0.9
    assert right(triager, *before) > 0.95
    (said,) = triager.decide(["please cancel my subscription to the app"])
    assert said.guesses[0].label == "cancel"
    assert not said.confident  # nothing was held against its truth yet
    assert "is new" in said.why


def test_the_same_history_gives_the_same_model(fitted: Triager) -> None:
    again = Triager.fit(*tickets(200), times=range(200))
    texts, _ = tickets(20, seed=5)
    assert again.certified == fitted.certified
    assert again.decide(texts) == fitted.decide(texts)


def test_noise_is_refused() -> None:
    texts, intents = tickets(200)
    random.Random(0).shuffle(intents)
    triager = Triager.fit(texts, intents, times=range(200))
    assert "Not predictable from these words" in triager.certified.why_not
    assert not any(each.confident for each in triager.decide(texts[:50]))


def test_two_intents_are_enough_and_one_is_not() -> None:
    texts, intents = tickets(300)
    two = [place for place, intent in enumerate(intents) if intent in ("login", "refund")]
    assert Triager.fit([texts[p] for p in two], [intents[p] for p in two]).certified.accuracy > 0.9
    with pytest.raises(BadInput, match="1 different intents"):
        Triager.fit(texts, ["login"] * len(texts))
    with pytest.raises(BadInput, match="0 tickets"):
        Triager.fit([], [])
    with pytest.raises(BadInput, match="came with"):
        Triager.fit(texts, intents[1:])


def test_similar_examples_come_with_how_like_they_are(fitted: Triager) -> None:
    (places,), (alike,) = fitted.similar([fitted.texts[7]], 3)
    assert fitted.texts[places[0]] == fitted.texts[7]
    assert alike[0] == pytest.approx(1, abs=1e-4)
    assert list(alike) == sorted(alike, reverse=True)


def test_another_file_is_not_taken_for_the_sentence_model(tmp_path) -> None:
    assert isinstance(best(tmp_path), WordVectors)
    (tmp_path / FILE).write_bytes(b"PK something else")
    encoder = best(tmp_path)
    assert isinstance(encoder, SmallModel)
    with pytest.raises(BadInput, match="is not the sentence model"):
        encoder.encode(["hello"])


@pytest.mark.parametrize(
    ("right", "wrong", "is_some"), [(32, 0, False), (33, 0, True), (100, 1, False), (2_000, 30, True)]
)
def test_a_threshold_stands_on_enough(right: int, wrong: int, is_some: bool) -> None:
    """The wrong ones are the surest: nothing but their share decides."""
    hits = np.array([False] * wrong + [True] * right)
    line = threshold(np.linspace(1, 0.5, len(hits), dtype=np.float32), hits, 0.97, 2.0)
    assert (line <= 1) == is_some

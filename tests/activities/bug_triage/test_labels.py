"""What came lately, how far it counts, and how texts are read: what the judge's guesses stand on."""

import random
from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest

from activities.bug_triage import sentences as module
from activities.bug_triage.assessing import version_of
from activities.bug_triage.features import Row
from activities.bug_triage.labels import Labels
from activities.bug_triage.lately import Lately, Mix
from activities.bug_triage.members import Members
from activities.bug_triage.sentences import Sentences
from activities.support_triage.encoders import Matrix, WordVectors, quiet
from tests.activities.bug_triage.generated import BEGAN, issues


class Counting(WordVectors):
    """Word vectors that remember what they were asked for."""

    name = "counting"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode(self, texts: Sequence[str], say: object = quiet) -> Matrix:
        self.asked += texts
        return super().encode(texts)


def test_a_text_is_encoded_once_and_no_further_than_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Counting()
    monkeypatch.setattr(module, "_kept", type(module._kept)())
    texts = ["it crashes", "how do I?", "it crashes", "log " * 5_000]
    first = Sentences(encoder).encode(texts)
    asked = len(encoder.asked)
    assert np.array_equal(Sentences(encoder).encode(texts[::-1])[::-1], first), "kept or new, the same numbers"
    assert len(encoder.asked) == asked
    assert max(map(len, encoder.asked)) == module.MOST_CHARACTERS


def test_the_encoder_is_part_of_what_a_judgement_was_made_with() -> None:
    history = issues(3)
    assert version_of(history, "one") == version_of(history, "one") != version_of(history, "other")


def test_what_is_added_is_learnt_without_reading_all_again() -> None:
    rows = [Row.of(each) for each in issues(120)]
    kinds = [row.issue.kind for row in rows]
    whole = Members(rows, kinds, Sentences.of(None))
    grown = Members(rows[:100], kinds[:100], Sentences.of(None))
    before = grown.speaks(rows[:100])
    grown.add(rows[100:], kinds[100:])
    assert not np.allclose(grown.speaks(rows[:100]), before)
    assert np.mean(grown.table(rows).argmax(1) == whole.table(rows).argmax(1)) > 0.95


def test_runs_and_turns_of_labels_are_both_learnt() -> None:
    """The same code is told nothing of which it is."""
    chance = random.Random(1)
    for again, sign in ((0.9, 1), (0.1, -1)):
        lately, mix, label = Lately(), Mix(), "a"
        for _ in range(300):
            label = label if chance.random() < again else "ab".replace(label, "")
            late = lately.odds("p", ["a", "b"], np.array([0.5, 0.5]))
            mix.take(np.hstack([np.zeros((2, 1)), late]), "ab".index(label))
            lately.take("p", label)
        mix.refit()
        assert sign * mix.weights[1:].sum() > 0, again
        known = np.hstack([np.zeros((2, 1)), lately.odds("p", ["a", "b"], np.array([0.5, 0.5]))])
        assert bool(mix.chances(known)["ab".index(label)] > 0.5) is (sign > 0)


def test_a_stream_follows_a_project_whose_labels_come_in_runs() -> None:
    """Words tell nothing here, so that only what came lately can be right."""
    labels, right = Labels("kind"), list[bool]()
    for at, issue in enumerate(issues(200)):
        kind = ("bug", "question")[at // 20 % 2]
        told = issue.model_copy(
            update={"kind": kind, "title": "a report", "body": "", "project": "p", "created": BEGAN + timedelta(at)}
        )
        guess = labels.guess([Row.of(told.model_copy(update={"kind": ""}))])[0]
        right.append(bool(guess.chances) and guess.chances[0].label == kind)
        labels.learn(Row.of(told))
    assert not any(right[:30]), "nothing is said before enough was seen"
    assert sum(right[100:]) >= 75

"""A model of deals: from what was known at the time, exact in its reasons, learnt as seldom as it may be."""

import math
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pytest

from activities.deal_scoring import learning
from activities.deal_scoring.certificate import certificate
from activities.deal_scoring.learning import WORKFLOW, learn, scorer_of, told
from activities.deal_scoring.model import in_words
from activities.deal_scoring.moments import Looking, closed_moments, looks
from activities.scoring.store import ModelStore, Stored
from activities.scoring.training import Effort
from contracts.deals import Book
from contracts.scoring import Reason
from ledger.artifacts import FolderArtifacts
from tests.activities.deal_scoring.generated_book import STAGES, TODAY, book

QUICK = Effort(members=1, resamples=2, rounds=100)
BOOK = book()


@pytest.fixture
def store(tmp_path: Path) -> ModelStore:
    return ModelStore(tmp_path, WORKFLOW)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    return learn(BOOK, ModelStore(tmp_path_factory.mktemp("models"), WORKFLOW), source="crm", effort=QUICK)


def test_a_closed_deal_is_seen_as_it_was_and_not_as_it_ended() -> None:
    moments = closed_moments(BOOK)
    assert {row["stage"] for row in moments.rows} <= {*STAGES, ""}
    assert all("loss_reason" not in row for row in moments.rows)
    assert moments.notes == ("Left out, since only closed deals have it: loss_reason.",)
    deal = BOOK.closed[0]
    assert deal.created is not None and deal.closed is not None  # noqa: PT018
    rows = [Looking(BOOK).at(deal, day) for day in (deal.created + timedelta(days=1), deal.closed)]
    assert rows[0]["stage"] == "Discovery"
    assert int(str(rows[0]["activities"])) <= int(str(rows[1]["activities"]))
    assert all(deal.created < day < deal.closed for day in looks(deal))


def test_a_backtest_sees_only_deals_that_had_closed_by_that_day() -> None:
    day = date(2025, 6, 1)
    seen = set(closed_moments(BOOK, before=day).deals)
    assert seen == {each.id for each in BOOK.closed if each.closed and each.closed < day}


def test_reasons_of_open_deals_are_exact_and_in_words(learnt: Stored, tmp_path: Path) -> None:
    trained = told(learnt, FolderArtifacts(tmp_path), len(BOOK.closed))
    assert not trained.refused
    scored = scorer_of(trained, FolderArtifacts(tmp_path)).score(BOOK)
    assert set(scored) == {each.id for each in BOOK.open}
    for each in scored.values():
        odds = each.base + sum(part.log_odds for part in each.contributions)
        assert each.chance == pytest.approx(1 / (1 + math.exp(-odds)), abs=1e-7)
        assert each.low <= each.chance <= each.high
    budget = {each.id: each.fields["budget"] for each in BOOK.open}
    mean = {
        which: sum(each.chance for each in scored.values() if budget[each.deal] == which)
        / max(1, sum(budget[each.deal] == which for each in scored.values()))
        for which in ("confirmed", "open")
    }
    assert mean["confirmed"] > mean["open"] + 0.1


def test_its_certificate_compares_what_it_said_with_what_happened(learnt: Stored) -> None:
    [panel] = certificate(learnt.trained)
    said, won, looks = ([row[at].text for row in panel.rows] for at in range(3))
    assert said == sorted(said, key=lambda text: int(text.rstrip("%")))
    assert int(won[-1].rstrip("%")) > int(won[0].rstrip("%"))
    assert learnt.trained.judged is not None
    assert sum(int(each.replace(",", "")) for each in looks) == learnt.trained.judged.rows
    assert f"Model {learnt.trained.data[:12]}" in panel.note
    assert f"closed on {max(each.closed for each in BOOK.closed if each.closed)}." in panel.note
    assert certificate(learnt.trained.model_copy(update={"judged": None})) == ()


def test_noise_is_refused_and_nothing_is_scored(store: ModelStore, tmp_path: Path) -> None:
    stored = learn(book(noise=True), store, effort=QUICK)
    trained = told(stored, FolderArtifacts(tmp_path), 200)
    assert trained.refused.startswith("Not predictable from these fields")
    assert scorer_of(trained, FolderArtifacts(tmp_path)).score(BOOK) == {}


def test_no_history_is_refused_with_a_sentence(store: ModelStore) -> None:
    empty = Book(source="s", target="s", today=TODAY, currency="EUR", opportunities=())
    why = learn(empty, store, effort=QUICK).trained.why_not
    assert why == "No looks at closed deals with an outcome yet: nothing to learn from."


def test_without_days_or_activities_it_learns_from_the_fields() -> None:
    bare = tuple(replace(each, created=None, closed=None) for each in BOOK.opportunities)
    moments = closed_moments(BOOK.model_copy(update={"opportunities": bare, "activities": (), "changes": ()}))
    assert len(moments.rows) == len(BOOK.closed)
    assert moments.notes[-1] == "No deal has the day on which it closed: they are judged in the order of their ids."


def test_a_long_history_is_looked_at_by_time_and_it_is_said() -> None:
    moments = closed_moments(BOOK, most=40)
    assert len(set(moments.deals)) == 40
    assert moments.notes[-1].startswith(f"Looked at 40 of {len(BOOK.closed)} closed deals: the newest 20")


def test_it_learns_once_then_is_used_then_calibrated_then_learns_again(
    store: ModelStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "RECENT", 2)
    began = date(2026, 3, 1)
    first = learn(book(today=began), store, source="crm", effort=QUICK)
    assert learn(book(today=began), store, source="crm", effort=QUICK) == first
    soon = learn(book(today=began + timedelta(days=4)), store, source="crm", effort=QUICK)
    assert soon == first
    later = learn(book(today=began + timedelta(days=14)), store, source="crm", effort=QUICK)
    assert (first.trained.version, later.trained.version) == (0, 1)
    assert later.trained.notes[-1].startswith("Calibrated on")
    assert first.model is not None
    assert later.model is not None
    assert later.model.shapes == first.model.shapes
    assert (later.model.slope, later.model.shift) != (first.model.slope, first.model.shift)
    much_later = learn(book(today=began + timedelta(days=45)), store, source="crm", effort=QUICK)
    assert much_later.trained.version == 0
    assert much_later.trained.last > first.trained.last


@pytest.mark.parametrize(
    ("column", "said", "words"),
    [
        ("days_since_activity", "4", "last activity 4 days ago"),
        ("days_since_activity", "", "no activity yet"),
        ("activities", "1", "1 activity so far"),
        ("days_open", "1", "open for 1 day"),
        ("lead_source", "إحالة", "lead source: إحالة"),
        ("budget", "", "budget: not known"),
    ],
)
def test_words(column: str, said: str, words: str) -> None:
    assert in_words(Reason(column=column, said=said, adds=1.0)) == words

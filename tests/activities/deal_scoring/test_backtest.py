"""The list against what the team did, by nothing that wasn't known on the day."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from activities.deal_scoring import backtest as module
from activities.deal_scoring import learning
from activities.deal_scoring.backtest import backtest
from activities.deal_scoring.backtest_panels import panels
from activities.deal_scoring.learning import learn
from activities.deal_scoring.train import DealsTraining
from activities.progress import Progress
from activities.scoring.training import Effort
from contracts.backtest import Backtest
from contracts.deals import TrainDeals
from contracts.plots import PlotPanel
from ledger.artifacts import FolderArtifacts
from tests.activities.deal_scoring.generated_book import book

QUICK = Effort(members=1, resamples=0, rounds=40)
BOOK = book()


@pytest.fixture(scope="module")
def found() -> Backtest:
    return backtest(BOOK, weeks=2, effort=QUICK)


def test_the_list_has_the_same_number_of_deals_and_is_better_than_blind_choice(found: Backtest) -> None:
    assert len(found.weeks) == 2
    assert all(week.by_model and 0 < week.worked <= week.open for week in found.weeks)
    assert all(max(week.listed_won, week.team_won) <= week.all_won for week in found.weeks)
    assert found.share("listed_won") > found.share("random")


def test_what_happened_after_a_week_changes_nothing_of_its_list(found: Backtest) -> None:
    """Activities from the week on are the team's answer: the list may not know them."""
    day = found.weeks[-1].day
    later = tuple(each for each in BOOK.activities if each.at < day + timedelta(days=7))
    cut = BOOK.model_copy(update={"activities": later})
    assert backtest(cut, weeks=1, effort=QUICK).weeks == found.weeks[-1:]


def test_the_page_has_a_plot_and_says_whom_the_comparison_flatters(found: Backtest) -> None:
    [panel] = panels(found)
    assert isinstance(panel, PlotPanel)
    assert [each.name for each in panel.series] == ["The list", "What the team worked on", "As many, blindly"]
    assert "speaks for the team" in panel.note


def test_without_activities_or_work_it_says_why_there_is_none() -> None:
    nothing = BOOK.model_copy(update={"activities": ()})
    assert backtest(nothing).why_not.startswith("No activities were read")
    early = BOOK.model_copy(update={"activities": (replace(BOOK.activities[0], at=BOOK.today.replace(year=2020)),)})
    assert (
        backtest(early, weeks=2, effort=QUICK).why_not == "In the last 2 weeks nobody worked on a deal that was open."
    )
    assert len(panels(backtest(nothing))) == 1


def test_a_monday_has_the_backtest_and_another_day_does_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(learning, "learn", lambda book, store, **_: learn(book, store, effort=QUICK))
    monkeypatch.setattr(module, "backtest", lambda book, **_: Backtest(why_not="made"))
    artifacts = FolderArtifacts(tmp_path / "artifacts")
    training = DealsTraining(SimpleNamespace(artifacts=artifacts, state=tmp_path))  # type: ignore[arg-type]
    for day in (BOOK.today, BOOK.today + timedelta(days=1)):
        ref = artifacts.put_model(book(today=day))
        trained = training._train(TrainDeals(run="r", book=ref, methodology=ref), Progress(""))
        assert trained.model
        assert bool(trained.backtest) == (day.weekday() == 0)

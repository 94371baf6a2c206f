"""The list against what the team did, by nothing that wasn't known on the day."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from activities.deal_scoring import backtest as module
from activities.deal_scoring import learning
from activities.deal_scoring.backtest import backtest
from activities.deal_scoring.backtest_panels import panels, report
from activities.deal_scoring.counting import counted
from activities.deal_scoring.learning import learn
from activities.deal_scoring.methodology import methodology_at
from activities.deal_scoring.moments import Looking
from activities.deal_scoring.train import DealsTraining
from activities.kept import Kept, Piece
from activities.progress import Progress
from activities.scoring.training import Effort
from contracts.backtest import Backtest, WeekList
from contracts.deals import TrainDeals
from contracts.plots import PlotPanel
from contracts.proposal import TablePanel
from contracts.records import RunRecord
from ledger import Ledger
from ledger.artifacts import FolderArtifacts
from tests.activities.deal_scoring.generated_book import book
from tests.activities.deal_scoring.weeks import lasting

QUICK = Effort(members=1, resamples=0, rounds=40)
SMALL = Effort(members=1, resamples=0, rounds=5)
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


def test_an_open_deal_of_an_earlier_day_does_not_have_the_stage_that_it_has_now() -> None:
    """Else a stage that nobody wrote down would tell which deals are still open."""
    bare = BOOK.model_copy(update={"changes": ()})
    looking, deal = Looking(bare), bare.open[0]
    assert looking.at(deal, bare.today + timedelta(days=1))["stage"] == deal.stage
    assert looking.at(deal, bare.today - timedelta(weeks=1))["stage"] == ""


def test_without_a_model_the_list_is_by_what_the_methodology_believes_of_the_stages() -> None:
    noise, lists = book(noise=True), list[WeekList]()

    class Seen(Kept):
        def piece(self, name: str, of: type[Piece], make: Callable[[], Piece]) -> Piece:
            made = make()
            assert isinstance(made, WeekList)
            lists.append(made)
            return made

    stages = {"discovery": 1.0, "evaluation": 0.0, "proposal": 0.0}
    [week] = backtest(noise, stages=stages, weeks=1, effort=SMALL, kept=Seen()).weeks
    looking, deals = Looking(noise), {each.id: each for each in noise.opportunities}
    then = {key: looking.at(deals[key], week.day)["stage"] for key in lists[0].deals}
    first = [stage for stage in then.values() if stage == "Discovery"]
    assert not week.by_model
    assert first
    assert list(then.values())[: len(first)] == first, "all others are worth nothing, and come after"


# Weeks that are made by hand: what is counted of them --------------------------------------------------------------


def test_it_counts_each_deal_once_and_each_of_its_weeks_as_a_slot() -> None:
    found = counted(lasting(weeks=6, deals=40, listed_won=16, team_won=4), 0, "EUR")
    assert found.listed is not None
    assert found.team is not None
    assert (found.listed.slots, found.listed.deals, found.listed.won, found.listed.lost) == (120, 20, 16, 4)
    assert (found.team.slots, found.team.deals, found.team.won, found.team.lost) == (120, 20, 4, 16)
    assert found.listed.rate.value == 0.8
    assert 0.6 < found.listed.rate.low < 0.8 < found.listed.rate.high < 0.95  # of 20 deals, not of 120 slots
    assert (found.listed.value, found.listed.worth.value) == (16_000.0, 800.0)
    assert sum(week.listed_wins for week in found.weeks) == 96
    assert found.verdict == "The list's deals brought more than those the team worked on."


def test_a_difference_within_noise_and_too_little_history_are_said_to_be_that() -> None:
    noise = counted(lasting(weeks=6, deals=40, listed_won=11, team_won=10), 0, "EUR")
    assert noise.better is not None
    assert noise.better.low < 0 < noise.better.value < noise.better.high
    assert noise.verdict == "The difference between the list and the team's choice is within noise."
    short = counted(lasting(weeks=3, deals=40, listed_won=20, team_won=0), 0, "EUR")
    assert short.verdict == "Too little history to compare: the team worked on deals in 3 weeks, of 4."
    few = counted(lasting(weeks=6, deals=20, listed_won=10, team_won=0), 0, "EUR")
    assert few.verdict == "Too little history to compare: of one side 10 deals are over, and it takes 20."


def test_the_interval_holds_what_is_true_about_as_often_as_it_says() -> None:
    """Two sides that are alike, 60 times: the interval of their difference leaves nothing out in about nine of ten."""
    random = np.random.default_rng(1)
    won = random.binomial(20, 0.5, (60, 2))
    alike = [counted(lasting(weeks=4, deals=40, listed_won=a, team_won=b), 0, "EUR") for a, b in won]
    assert 46 <= sum(each.better.has_zero for each in alike if each.better) <= 60


def test_the_band_is_of_blind_choices() -> None:
    """Drawn blindly many times, against what the week says of it."""
    [week] = lasting(weeks=1, deals=40, listed_won=16, team_won=4)
    made, random = counted([week], 0, "EUR").weeks[0], np.random.default_rng(0)
    worth = np.array([1000.0 if each.won else 0.0 for each in week.opened])
    drawn = [random.choice(worth, 20, replace=False).sum() for _ in range(2_000)]
    assert made.random == pytest.approx(np.mean(drawn), rel=0.03)
    assert made.random_error == pytest.approx(np.std(drawn), rel=0.08)


def test_the_page_names_deals_that_one_side_never_had_and_shows_no_hidden_character() -> None:
    weeks = lasting(weeks=6, deals=40, listed_won=16, team_won=4)
    odd = [replace(each, name="Acme\u202e gpj") if each.id == "D00" else each for each in weeks[0].opened]
    made = report(counted([replace(each, opened=tuple(odd)) for each in weeks], 3, "EUR"), None)
    tables = {each.title: each for each in made.panels if isinstance(each, TablePanel)}
    rows = [[cell.text for cell in row] for row in tables["Won, on the list, and not worked on in these weeks"].rows]
    assert rows[0][:3] == ["Acme⟨U+202E⟩ gpj", "Ana", "EUR 1,000"]
    assert "Won, worked on, and never on the list" in tables
    both = {row[0].text: [cell.text for cell in row[1:]] for row in tables["The list and the team"].rows}
    assert both["of them won, lost, still open"] == ["16, 4, 0", "4, 16, 0"]
    assert both["Won, of the slots whose deal is over"][0].startswith("80% (")
    assert made.title == "The list's deals brought more than those the team worked on."


def test_the_page_has_a_plot_and_says_whom_the_comparison_flatters(found: Backtest) -> None:
    [panel] = panels(found)
    assert isinstance(panel, PlotPanel)
    assert [each.name for each in panel.series] == ["The list", "What the team worked on", "As many, blindly"]
    assert "speaks for the team" in panel.note
    assert panel.series[-1].low[-1] < panel.series[-1].y[-1] < panel.series[-1].high[-1]


def test_without_activities_or_work_it_says_why_there_is_none() -> None:
    nothing = BOOK.model_copy(update={"activities": ()})
    assert backtest(nothing).why_not.startswith("No activities were read")
    early = BOOK.model_copy(update={"activities": (replace(BOOK.activities[0], at=BOOK.today.replace(year=2020)),)})
    assert (
        backtest(early, weeks=2, effort=QUICK).why_not == "In the last 2 weeks nobody worked on a deal that was open."
    )
    assert len(panels(backtest(nothing))) == 1


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as opened:
        yield opened


def test_the_first_run_of_a_week_looks_back_and_its_page_stays(
    here: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(learning, "learn", lambda book, store, **_: learn(book, store, effort=QUICK))
    monkeypatch.setattr(module, "backtest", lambda book, **_: Backtest(why_not=f"of {book.today}"))
    training = DealsTraining(SimpleNamespace(artifacts=here.artifacts, ledger=here, state=tmp_path))  # type: ignore[arg-type]
    methodology = here.artifacts.put_model(methodology_at("meddicc"))

    def trained(run: str, today: date) -> bool:
        here.start_run(RunRecord(run=run, workflow="deal_scoring", team="sales", started_at="2026-06-01T07:00:00Z"))
        request = TrainDeals(run=run, book=here.artifacts.put_model(book(today=today)), methodology=methodology)
        return bool(training._train(request, Progress("")).backtest)

    tuesday = BOOK.today + timedelta(days=1)
    assert trained("tuesday", tuesday), "there was none yet"
    assert trained("tuesday", tuesday), "an attempt that is repeated gives the same"
    assert not trained("friday", tuesday + timedelta(days=3))
    assert trained("monday", tuesday + timedelta(days=6))
    assert [each.run for each in here.backtests(workflow="deal_scoring")] == ["monday", "tuesday"]
    record, page = here.backtest("tuesday")
    assert (record.team, record.title) == ("sales", f"of {tuesday}")
    assert [each.title for each in page.panels] == ["Today's model", "What the model said, and what happened"]
    assert "Version `" in str(page.panels[0])
    assert "whose sha256 is `" in str(page.panels[0])

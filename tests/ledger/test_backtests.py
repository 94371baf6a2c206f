"""Backtests in the ledger: the first of a run stays, lists are by team, and a run's reviewer finds the newest."""

from datetime import UTC, datetime

import pytest

from contracts.backtest import BacktestReport
from contracts.errors import NotFound
from contracts.proposal import MarkdownPanel
from contracts.records import RunRecord
from ledger import Ledger
from tests.ledger.support import Clock


def made(ledger: Ledger, run: str, title: str, *, source: str = "crm", team: str = "sales") -> None:
    started = datetime.now(UTC)
    ledger.start_run(RunRecord(run=run, workflow="deal_scoring", team=team, subject=source, started_at=started))
    report = BacktestReport(title=title, summary="s", panels=(MarkdownPanel(title="p", text="t"),))
    ledger.store_backtest(run, source, "2026-06-01", report)


def test_what_a_run_made_is_kept_once_and_found_newest_first(ledger: Ledger, clock: Clock) -> None:
    made(ledger, "first", "one")
    made(ledger, "first", "another")
    clock.forward(days=7)
    made(ledger, "second", "two")
    made(ledger, "theirs", "three", source="other", team="west")
    assert [each.title for each in ledger.backtests(source="crm")] == ["two", "one"]
    assert [each.run for each in ledger.backtests(teams=("west",))] == ["theirs"]
    assert ledger.backtests(period="2026-06-08") == []
    record, report = ledger.backtest("first")
    assert (record.workflow, record.team, report.title, report.panels[0].title) == ("deal_scoring", "sales", "one", "p")
    with pytest.raises(NotFound, match="made no backtest"):
        ledger.backtest("nothing")


def test_one_whose_body_was_erased_says_so(ledger: Ledger) -> None:
    made(ledger, "first", "one")
    ledger.artifacts.erase(ledger.backtests()[0].body)
    with pytest.raises(NotFound, match="was erased"):
        ledger.backtest("first")


def test_a_run_leads_to_the_newest_of_its_own_source_and_team(ledger: Ledger) -> None:
    made(ledger, "first", "one")
    made(ledger, "theirs", "two", team="west")
    today = RunRecord(run="today", workflow="deal_scoring", team="sales", subject="crm", started_at=datetime.now(UTC))
    ledger.start_run(today)
    found = ledger.backtest_for("today")
    assert found is not None
    assert found.run == "first"
    ledger.update_run("today", subject="elsewhere")
    assert ledger.backtest_for("today") is None
    assert ledger.backtest_for("nothing") is None

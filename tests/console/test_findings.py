"""What is wrong with an installation, each with its way out: stuck, expiring, nearly spent, the server away."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from typer.testing import CliRunner

from console.findings import Finding, budgets, expiring, findings, stuck_runs
from contracts.budgets import Draw, Limit
from ledger import FolderArtifacts, Ledger
from tests.console.conftest import no_temporal
from tests.console.samples import proposal, run_record
from workers.cli import app


def test_proposals_that_soon_nobody_can_decide(ledger: Ledger) -> None:
    now = datetime.now(UTC)
    ledger.store_proposal(proposal(ledger, run="later", created_at=now, expires_at=now + timedelta(days=9)))
    assert expiring(ledger).ok
    soon = now + timedelta(hours=5, minutes=30)
    ledger.store_proposal(proposal(ledger, run="daily", created_at=now - timedelta(hours=1), expires_at=soon))
    assert expiring(ledger).ok, "most of its time is left"
    ledger.store_proposal(proposal(ledger, run="soon", created_at=now - timedelta(days=1), expires_at=soon))
    found = expiring(ledger)
    assert (found.ok, found.says) == (False, "1 proposal about to expire undecided, the first in 5 hours.")
    assert "countersign inbox" in found.fix


def test_budgets_of_this_month_that_are_nearly_spent(ledger: Ledger) -> None:
    def spend(usd: str, month: str) -> None:
        most = {f"team/platform/{month}": 10, "run/x": 99}
        limits = tuple(Limit(account=name, usd=Decimal(usd), what=name, setting="X") for name, usd in most.items())
        ledger.reserve(Draw(call=f"{month}-{usd}", attempt=1, run="x", usd=Decimal(usd), limits=limits, seconds=100))

    month = f"{datetime.now(UTC):%Y-%m}"
    spend("9.9", "2020-01")
    spend("8.9", month)
    assert budgets(ledger) == Finding("Budgets", True, "1 budget of this month, none nearly spent.")
    spend("0.2", month)
    found = budgets(ledger)
    assert (found.ok, "team/platform" in found.says) == (False, True)
    assert "COUNTERSIGN_TEAM_BUDGETS" in found.fix


async def test_runs_without_a_sign_of_life(ledger: Ledger) -> None:
    assert (await stuck_runs(ledger)).ok
    old = datetime.now(UTC) - timedelta(hours=1)
    ledger.start_run(run_record("silent").model_copy(update={"state": "running", "started_at": old}))
    found = await stuck_runs(ledger)
    assert (found.ok, "silent" in found.says) == (False, True)


async def test_without_a_server_the_rest_is_looked_at_all_the_same(ledger: Ledger) -> None:
    found = {each.name: each for each in await findings(ledger, no_temporal)}
    assert not found["Temporal server"].ok
    assert {name for name, each in found.items() if each.ok} == {
        "Effects",
        "Runs",
        "Approvals",
        "Budgets",
        "Credentials",
        "Work",
        "Reconciliation",
        "Heads",
        "Notification",
    }
    assert all(each.fix for each in found.values() if not each.ok)


def test_the_command_says_the_same_and_ends_with_1(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path))
    monkeypatch.setenv("TEMPORAL_ADDRESS", "127.0.0.1:1")
    Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")).close()
    told = CliRunner().invoke(app, ["health", "--json"])
    assert told.exit_code == 1, told.output
    answer = json.loads(told.stdout)
    assert answer["well"] is False
    assert {each["name"]: each["ok"] for each in answer["findings"]} == {
        **{"Temporal server": False, "Effects": True, "Runs": True, "Approvals": True, "Budgets": True},
        **{"Credentials": True, "Work": True, "Reconciliation": True, "Heads": True, "Notification": True},
        "Ledger": True,
    }
    words = CliRunner().invoke(app, ["health", "--no-verify"], env={"COLUMNS": "200"})
    assert words.exit_code == 1
    assert "It can't be reached. Run `countersign up`" in words.output

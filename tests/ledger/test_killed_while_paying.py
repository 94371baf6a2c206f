"""kill -9 between any two steps of a paid call: no overspend, no double charge, nothing stuck. docs/budgets.md."""

import asyncio
import os
import re
from decimal import Decimal
from pathlib import Path

import pytest

from activities import faults
from contracts.budgets import Account
from contracts.errors import BudgetSpent
from ledger import FolderArtifacts, Ledger
from tests.ledger.paying import main, pay
from tests.support import forked
from tests.support.model_server import ModelServer, Scripted, model_server, no_real_models, running_model_server

__all__ = ["model_server", "no_real_models", "running_model_server"]

ROOT = Path(__file__).parents[2]
PRICE = Decimal("0.00125")  # of one reply: 1,000 tokens in at $1 and 50 out at $5 a million

# Point: requests that reach the provider in all, and worst cases charged for the attempt that died.
POINTS = {
    "model.before_reserve": (1, 0),
    "model.after_reserve": (1, 1),
    "model.in_call": (2, 1),
    "model.after_reply": (2, 1),
    "model.after_artifact": (2, 1),
    "model.after_settle": (1, 0),
}


@pytest.fixture(autouse=True)
def guarded(no_real_models: None) -> None:
    """Real calls are impossible here."""


def killed(url: str, folder: Path, server: ModelServer, point: str, attempt: int = 1) -> None:
    environ, log = os.environ | {"COUNTERSIGN_FAULT": point}, folder / "killed.log"
    forked.died(main, url, folder, server.anthropic_url, attempt, environ=environ, output=log)


def accounts(ledger: Ledger) -> list[Account]:
    found = ledger.accounts()
    assert {re.sub(r"\d{4}-\d\d", "MONTH", account.name) for account in found} == {
        "run/parent",
        "run/run-1",
        "team/t/MONTH",
        "workflow/w/MONTH",
    }
    return found


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS)
async def test_the_next_attempt_puts_it_right(url: str, tmp_path: Path, model_server: ModelServer, point: str) -> None:
    requests, assumed = POINTS[point]
    model_server.script(*[Scripted(text="Hello.")] * requests)
    await asyncio.to_thread(killed, url, tmp_path, model_server, point)
    with Ledger.open(url, FolderArtifacts(tmp_path / "artifacts")) as ledger:
        assert await pay(ledger, tmp_path, model_server.anthropic_url, attempt=2) == "Hello."
        entries = ledger.entries(kind="model")
        worst = Decimal(str(entries[0].facts["worst_usd"]))
        for account in accounts(ledger):
            assert account.reserved == 0
            assert account.spent == PRICE + assumed * worst
            assert account.spent >= PRICE * len(model_server.requests), "no less than the provider charged"
        assert [entry.outcome for entry in entries].count("ok") == 1


@pytest.mark.chaos
async def test_without_a_next_attempt_time_puts_it_right(
    url: str, tmp_path: Path, model_server: ModelServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    model_server.script(Scripted(text="Hello."), Scripted(text="Hello."))
    await asyncio.to_thread(killed, url, tmp_path, model_server, "model.in_call")
    with Ledger.open(url, FolderArtifacts(tmp_path / "artifacts")) as ledger:
        held = accounts(ledger)[0].reserved
        assert held > 0
        now = ledger.clock()
        monkeypatch.setattr(ledger, "clock", lambda: now.replace(year=now.year + 1))
        await pay(ledger, tmp_path, model_server.anthropic_url, attempt=1, call="another")
        assert [account.reserved for account in ledger.accounts("run/")] == [0, 0]
        assert {account.spent for account in ledger.accounts("run/")} == {held + PRICE}


@pytest.mark.chaos
async def test_killed_again_and_again_it_stops_before_the_budget(
    url: str, tmp_path: Path, model_server: ModelServer
) -> None:
    """A run whose worker dies in each call is charged for each, and then is not let call any more."""
    model_server.script(Scripted(text="Hello."), Scripted(text="Hello."))
    with Ledger.open(url, FolderArtifacts(tmp_path / "artifacts")) as ledger:
        for attempt in (1, 2):
            await asyncio.to_thread(killed, url, tmp_path, model_server, "model.in_call", attempt)
        with pytest.raises(BudgetSpent, match="left of the run's budget"):
            await pay(ledger, tmp_path, model_server.anthropic_url, attempt=3)
        assert len(model_server.requests) == 2
        account = ledger.account("run/run-1")
        assert account is not None
        assert 2 * PRICE <= account.spent <= Decimal("0.0075")
        assert account.reserved == 0


def test_every_point_is_killed_at_and_in_the_code() -> None:
    code = (ROOT / "activities" / "models" / "journal.py").read_text()
    assert set(POINTS) == set(faults.MODEL_POINTS)
    assert [point for point in POINTS if f'fault("{point}")' not in code] == []


def test_the_page_has_every_point() -> None:
    page = (ROOT / "docs" / "budgets.md").read_text()
    assert [point for point in POINTS if f"`{point}`" not in page] == []

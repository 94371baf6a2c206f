"""Every request that a broker tells of is an entry, whatever the database does; and the doctor knows the settings."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.errors import LedgerUnavailable
from contracts.records import Entry
from ledger import FolderArtifacts, Ledger
from sandboxes.egress import Request
from workers import doctor
from workers.egress import as_entry, operator, recorder
from workers.settings import Settings

ASKED = Request(
    sandbox="abc",
    owner="run-1",
    number=7,
    over=True,
    started_at=datetime(2026, 11, 23, tzinfo=UTC),
    seconds=0.25,
    method="GET",
    host="api.test",
    port=443,
    path="/v1",
    decision="allowed",
    reason="",
    status=200,
    sent=120,
    received=4000,
    credential="TOKEN",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as one:
        yield one


async def test_a_request_is_an_entry_once(ledger: Ledger) -> None:
    record = recorder(ledger)
    for request in (replace(ASKED, over=False), ASKED, ASKED):
        await record(request)
    begun, over = ledger.entries(kind="egress")
    assert (begun.key, begun.outcome, begun.name) == ("egress/abc/7/begun", "intent", "egress.begun")
    assert (over.key, over.outcome, over.run) == ("egress/abc/7", "ok", "run-1")
    assert over.says == "GET api.test:443/v1: answered 200, 120 bytes out, 4,000 in"
    assert over.facts["milliseconds"] == 250
    assert (over.facts["credential"], over.facts["decision"]) == ("TOKEN", "allowed")


@pytest.mark.parametrize(("decision", "outcome"), [("refused", "refused"), ("cut", "refused"), ("failed", "failed")])
def test_what_did_not_go_well_says_why(decision: Any, outcome: str) -> None:
    entry = as_entry(replace(ASKED, decision=decision, reason="Not on the list.", status=403))
    assert entry.outcome == outcome
    assert entry.says == f"GET api.test:443/v1: {decision}. Not on the list."


async def test_a_database_that_is_away_is_waited_for(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    real, failures = ledger.write, iter([True, True])

    async def write(entry: Entry) -> None:
        if next(failures, False):
            raise LedgerUnavailable("The database does not answer.")
        await real(entry)

    monkeypatch.setattr(ledger, "write", write)
    monkeypatch.setattr("workers.egress.PAUSE", 0.01)
    await recorder(ledger)(ASKED)
    assert len(ledger.entries(kind="egress")) == 1
    failures = iter([True] * 1000)
    with pytest.raises(LedgerUnavailable):
        await asyncio.wait_for(recorder(ledger, patience=0.05)(ASKED), 5)


def test_each_worker_may_send_its_own_credentials_only() -> None:
    settings = Settings(
        egress_private="mirror.test:8443, other.test",
        egress_credentials="api.test=API",
        git_read_credentials="git.test=READ",
        git_write_credentials="git.test:8443=me:WRITE",
    )
    agents, effects = operator(settings, "agents"), operator(settings, "effects")
    assert agents.private == {("mirror.test", 8443), ("other.test", 443)}
    assert agents.credentials == {(("api.test", 443), "API"), (("git.test", 443), "READ")}
    assert effects.credentials == {(("git.test", 8443), "WRITE")}


async def test_the_doctor_says_what_is_wrong_with_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    [fine] = await doctor.egress(Settings())
    assert (fine.state, fine.says) == ("ok", "credentials by name: none; private hosts opened: 0")
    [wrong] = await doctor.egress(Settings(egress_private="*.test"))
    assert (wrong.state, "COUNTERSIGN_EGRESS_PRIVATE" in wrong.says) == ("missing", True)
    monkeypatch.delenv("NOT_SET_HERE", raising=False)
    [unset] = await doctor.egress(Settings(git_read_credentials="a.test=NOT_SET_HERE"))
    assert (unset.state, unset.fix) == ("missing", "NOT_SET_HERE=…")
    [no_file] = await doctor.egress(Settings(egress_authorities="/nonexistent/ca.pem"))
    assert (no_file.state, "is no file" in no_file.says) == ("missing", True)

"""The commands about people and their keys."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts.errors import NotFound
from contracts.identity import Identity
from tests.ledger.support import proposal
from workers import keys
from workers.cli import people
from workers.cli.common import opened_ledger


def test_a_revoked_key_signs_nothing_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path))
    monkeypatch.setenv("COUNTERSIGN_PERSON", "ana")
    people.enrol()
    with opened_ledger() as (settings, ledger):
        now = datetime.now(UTC)
        parked = proposal(ledger, created_at=now, expires_at=now + timedelta(days=1))
        ledger.store_proposal(parked)
        signed = keys.sign(settings, parked, "approve")
        assert ledger.judge(signed, run=parked.run, digest=parked.digest).accepted
    people.revoke(signed.signature.key)
    people.link(quiet=True)  # enrols whoever is at the keyboard, but never a revoked key again
    with opened_ledger() as (_, ledger):
        assert "revoked" in ledger.judge(signed, run=parked.run, digest=parked.digest).why
    people.people()
    assert "revoked" in capsys.readouterr().out


def test_a_key_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path))
    with pytest.raises(NotFound, match="SHA256:none"):
        people.revoke("SHA256:none")


def test_people_of_an_organisation_are_listed_with_what_holds_and_signed_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path))
    monkeypatch.setenv("COUNTERSIGN_PERSON", "ana")
    people.enrol()
    known = {"issuer": "https://id.example", "subject": "s1", "name": "ben", "display_name": "Ben"}
    with opened_ledger() as (_, ledger):
        ledger.identify(Identity(**known, roles=("payments:approver",)), seconds=3600)
        session = ledger.create_session("ben", 3600)
    people.people()
    said = capsys.readouterr().out
    assert "payments:approver" in said
    assert "roles by https://id.example hold until" in said
    people.signout("ben")
    people.people()
    assert "https://id.example held until" in capsys.readouterr().out
    with opened_ledger() as (_, ledger):
        assert ledger.session(session) is None
        assert not ledger.is_confirmed("ben")

"""The commands about who is believed, as people at one database use them."""

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest
import sqlalchemy as sa

from contracts.errors import BadInput, NotEnough, StateUnusable
from contracts.wire import fingerprint
from ledger import Ledger
from ledger.schema import register
from tests.ledger.support import tamper
from workers import doctor, keys, statements
from workers.cli import people, trust
from workers.cli.common import opened_ledger
from workers.installation import open_ledger
from workers.remembering import remember
from workers.settings import Settings
from workers.up import pin_known


@pytest.fixture
def at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> "At":
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return At(monkeypatch)


class At:
    """Sits somebody down at the keyboard."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch = monkeypatch

    def __call__(self, name: str) -> None:
        self.monkeypatch.setenv("COUNTERSIGN_PERSON", name)

    def enrol(self, name: str) -> str:
        self(name)
        people.enrol()
        settings = Settings()
        return fingerprint(keys.key_path(settings).with_suffix(".pub").read_text())


def believed(ledger: Ledger, key: str) -> bool:
    found = ledger.trusted_key(key)
    return found is not None and found.revoked_at is None


def seen_by_effects() -> None:
    """The effects' worker has looked at the register: what counted until now goes on counting."""
    ledger = open_ledger(Settings(), keeps=True)
    ledger.known()
    ledger.close()


def test_the_first_is_pinned_and_the_second_is_accepted(at: At, capsys: pytest.CaptureFixture[str]) -> None:
    ana, ben = at.enrol("ana"), at.enrol("ben")
    with opened_ledger() as (_, ledger):
        assert believed(ledger, ana)
        assert not believed(ledger, ben)
    at("ana")
    capsys.readouterr()
    trust.list_trusted()
    assert f"asks  {ben}" in " ".join(capsys.readouterr().out.split(" "))
    trust.accept("ben", ["reviewer"], yes=True)
    with opened_ledger() as (_, ledger):
        assert believed(ledger, ben)
        assert ledger.trusted_person("ben").roles == ("reviewer",)
    at("ben")
    with pytest.raises(NotEnough, match=r"needs the signatures of 1 of ana|Nobody has signed"):
        trust.accept("ben", ["administrator"], yes=True)
    at("ana")
    trust.accept("ben", ["none"], yes=True, file=Path("none.json"))
    with opened_ledger() as (_, ledger):
        assert ledger.trusted_person("ben").roles == ()
    trust.roots()
    assert 'ana namespaces="countersign" ssh-ed25519' in capsys.readouterr().out


def test_a_lost_key_is_replaced_by_two_administrators(at: At, tmp_path: Path) -> None:
    at.enrol("ana")
    lost = {name: at.enrol(name) for name in ("ben", "cyn")}
    at("ana")
    trust.accept("ben", ["administrator"], yes=True)
    trust.accept("cyn", ["reviewer"], yes=True)
    seen_by_effects()
    at.monkeypatch.setenv("COUNTERSIGN_TRUST_QUORUM", "2")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "cyn's new one", "-f", "new"], check=True)
    with pytest.raises(NotEnough, match="signatures of 2 of ana, ben") as told:
        trust.recover("cyn", "new.pub", file=Path("cyn.json"), yes=True)
    assert "trust apply" in told.value.way_out
    with opened_ledger() as (_, ledger):
        assert believed(ledger, lost["cyn"])
    with pytest.raises(BadInput, match="there already"):
        trust.recover("cyn", "new.pub", file=Path("cyn.json"), yes=True)
    with pytest.raises(NotEnough):
        trust.apply(Path("cyn.json"), yes=True)
    ben = tmp_path / "state" / "keys" / "ben_ed25519"
    subprocess.run(["ssh-keygen", "-q", "-Y", "sign", "-n", "countersign", "-f", ben, "cyn.json"], check=True)
    trust.apply(Path("cyn.json"), yes=True)
    with opened_ledger() as (_, ledger):
        assert not believed(ledger, lost["cyn"])
        fresh = fingerprint(Path("new.pub").read_text())
        assert believed(ledger, fresh)
        assert ledger.trusted_person("cyn").roles == ("reviewer",)
        assert any("cyn was recovered" in entry.says for entry in ledger.entries(kind="person"))


def test_a_statement_that_was_changed_is_not_the_one_that_was_signed(at: At) -> None:
    at.enrol("ana")
    at.enrol("ben")
    at("ana")
    trust.accept("ben", ["administrator"], yes=True)
    at.monkeypatch.setenv("COUNTERSIGN_TRUST_QUORUM", "2")
    with pytest.raises(NotEnough):
        trust.accept("eve", ["reviewer"], yes=True)
    file = Path("eve.membership.json")
    file.write_text(file.read_text() + "\n")
    with pytest.raises(BadInput, match="not a statement as it was written"):
        statements.read(file)
    file.write_text("{}")
    with pytest.raises(BadInput, match="no statement"):
        trust.apply(file, yes=True)


def test_a_revocation_is_signed_where_it_may_be(at: At, capsys: pytest.CaptureFixture[str]) -> None:
    at.enrol("ana")
    ben = at.enrol("ben")
    at("ana")
    trust.accept("ben", ["reviewer"], yes=True)
    people.revoke(ben)
    with opened_ledger() as (_, ledger):
        assert not believed(ledger, ben)
        assert ledger.known().keys[ben].revoked_at is not None, "by a statement, not by the row alone"
    dan = at.enrol("dan")
    capsys.readouterr()
    people.revoke(dan)
    assert "Without a signature for it" in capsys.readouterr().out


async def test_the_doctor_tells_who_is_not_believed(at: At) -> None:
    at.enrol("ana")
    [mine] = await doctor.person(Settings())
    assert (mine.state, mine.says.split(" with ")[0]) == ("ok", "ana may sign")
    at.enrol("ben")
    [theirs] = await doctor.person(Settings())
    assert (theirs.state, theirs.fix) == ("missing", "countersign trust list")
    at("ana")
    [mine] = await doctor.person(Settings())
    assert "1 other key asked to be accepted" in mine.says
    Settings().trusted.joinpath("roots").unlink()
    [mine] = await doctor.person(Settings())
    assert (mine.state, "nobody's is pinned" in mine.says) == ("optional", True)


async def test_the_effects_worker_sees_what_is_deleted_a_moment_later(at: At) -> None:
    ana = at.enrol("ana")
    ledger = open_ledger(Settings(), keeps=True)
    remembering = asyncio.create_task(remember(ledger))
    while not Settings().trusted.joinpath("register.jsonl").exists():
        await asyncio.sleep(0.01)
    remembering.cancel()
    tamper(ledger, lambda connection: connection.execute(sa.delete(register)))
    assert believed(ledger, ana)
    assert ledger.has_statements(), "and it was put back"
    ledger.close()


def test_an_installation_of_an_earlier_release_gets_its_root_at_the_next_start(at: At) -> None:
    ana = at.enrol("ana")
    shutil.rmtree(Settings().trusted)
    with opened_ledger() as (settings, ledger):
        tamper(ledger, lambda connection: connection.execute(sa.delete(register)))
        assert ledger.believes_rows
    pin_known(settings)
    with opened_ledger() as (_, ledger):
        assert not ledger.believes_rows
        assert believed(ledger, ana)
        assert ledger.trusted_person("ana").roles == ("reviewer", "approver", "administrator")


def test_where_nobody_is_pinned_nobody_is_accepted(at: At) -> None:
    at("ana")
    with pytest.raises(StateUnusable, match="Nobody's key is pinned"):
        trust.accept("ben", ["reviewer"], yes=True)

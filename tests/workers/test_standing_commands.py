"""`countersign standing`: what is proposed is signed, listed and ended from a terminal."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import NotFound
from ledger import FolderArtifacts, Ledger
from tests.console.test_standing import ODD, measure
from workers import keys
from workers.cli.standing import app
from workers.settings import Settings


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An installation in which decisions speak for one."""
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as ledger:
        keys.enrol_local_person(Settings(state=tmp_path, person="ada"), ledger)
        measure(ledger)
    return tmp_path


def run(state: Path, *words: str) -> Result:
    env = {"COUNTERSIGN_STATE": str(state), "COUNTERSIGN_PERSON": "ada", "COLUMNS": "200", "NO_COLOR": "1"}
    return CliRunner().invoke(app, list(words), env=env)


def test_what_is_proposed_is_signed_listed_and_ended(state: Path) -> None:
    proposed = run(state, "list").output
    assert ODD in proposed
    id = next(line.split()[-1] for line in proposed.splitlines() if "To sign it:" in line)
    assert run(state, "sign", id).exit_code == 1, "nobody said yes"
    assert "in force" not in run(state, "list").output
    signed = run(state, "sign", id, "--days", "3", "--uses", "2", "--yes")
    assert signed.exit_code == 0, signed.output
    assert "used 0 of 2" in signed.output
    listed = run(state, "list").output
    assert "in force" in listed
    assert "signed by ada" in listed
    name = next(line.split()[0] for line in listed.splitlines() if "in force" in line)
    ended = run(state, "revoke", name, "--why", "enough")
    assert "Ended: ada revoked it: enough" in ended.output
    assert "in force" not in run(state, "list").output


def test_what_is_not_there_is_named(state: Path) -> None:
    for words in (("sign", "ffff"), ("revoke", "ffff")):
        told = run(state, *words)
        assert isinstance(told.exception, NotFound), told.output
        assert told.exception.way_out

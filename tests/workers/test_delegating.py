"""`countersign delegate`, as a person types it."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.errors import BadInput, Refused
from contracts.records import Person, PersonKey
from contracts.wire import fingerprint
from ledger import Ledger
from tests.ledger.support import NOW, enrolled
from tests.ledger.support import proposal as sample
from workers import keys
from workers.cli import app
from workers.cli.common import opened_ledger
from workers.settings import Settings


def run(*words: str) -> str:
    done = CliRunner().invoke(app, [*words], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def at_the_keyboard(settings: Settings, ledger: Ledger) -> None:
    path = keys.key_path(settings)
    keys.generate(path, comment="ana")
    line = path.with_suffix(".pub").read_text().strip()
    ledger.enrol(Person(name="ana", display_name="Ana", roles=("reviewer",)))
    ledger.add_key(
        PersonKey(fingerprint=fingerprint(line), person="ana", public_key=line, label="laptop", enrolled_at=NOW)
    )


def test_one_is_handed_on_listed_and_taken_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COUNTERSIGN_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COUNTERSIGN_PERSON", "ana")
    with opened_ledger() as (settings, ledger):
        at_the_keyboard(settings, ledger)
        enrolled(ledger, "ben")
        now = ledger.clock()
        made = sample(ledger, created_at=now, expires_at=now.replace(year=now.year + 1))
        ledger.store_proposal(made)
    told = run("delegate", made.id, "--to", "ben", "--words", "You know the pump.")
    assert f"Signed: ana hands proposal {made.id} to ben." in told
    name = told.split("countersign undelegate ")[1].split()[0]
    assert "to ben: You know the pump." in run("delegations")
    assert "Ended by ana" in run("undelegate", name)
    assert "Nothing is handed on" in run("delegations")
    assert "all that waits for them to ben until" in run("delegate", "--to", "ben", "--until", f"{now:%Y-%m-%d}")
    wrong = {("--to", "ben"): BadInput, ("--to", "ben", "--until", "soon"): BadInput, (made.id, "--to", "eve"): Refused}
    for words, error in wrong.items():
        with pytest.raises(error):
            run("delegate", *words)

"""The ledger's own commands: heads, exports and proofs, made here and checked with nothing but a key."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from contracts.errors import BadInput
from ledger import FolderArtifacts, Ledger
from tests.ledger.support import entry
from workers import keys
from workers.cli.logs import app
from workers.settings import Settings

STATE = "COUNTERSIGN_STATE"


def run(state: Path, *words: str, **more: str) -> Result:
    return CliRunner().invoke(app, list(words), env={STATE: str(state), "COLUMNS": "400", "NO_COLOR": "1", **more})


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """An installation with nine entries."""
    folder = tmp_path / "state"
    folder.mkdir()
    artifacts = FolderArtifacts(folder / "artifacts")
    key = folder / "ledger_ed25519"
    with Ledger.open(f"sqlite:///{folder / 'ledger.db'}", artifacts, signing_key=key, seal_seconds=None) as ledger:
        for number in range(9):
            ledger.append(entry(f"key-{number}"))
    return folder


def kept(state: Path, name: str, *words: str) -> Path:
    """What a command prints, in a file."""
    told = run(state, *words)
    assert told.exit_code == 0, told.output
    path = state.parent / name
    path.write_text(told.stdout)
    return path


def test_what_is_handed_out_is_checked_elsewhere(state: Path) -> None:
    key = kept(state, "key", "key")
    head = kept(state, "head.json", "head")
    proof = kept(state, "proof.json", "prove", "7")
    export = state.parent / "ledger.jsonl"
    told = run(state, "export", str(export))
    assert "9 entries under 1 signed heads" in told.output
    assert key.read_text().strip() in told.output
    still = kept(state, "still.json", "prove", "--since", str(head))
    nowhere = state.parent / "nowhere"
    for words, says in [
        (("verify", str(export), "--key", str(key), "--head", str(head)), "9 entries, all sealed under 1 signed heads"),
        (("verify", str(export), "--key", key.read_text()), "none changed"),
        (("check", str(proof), "--key", str(key)), "entry 7 was in the ledger as it is here when head 1 was signed"),
        (("check", str(still), "--key", str(key)), "head 1 (9 entries) goes on from head 1 unchanged"),
    ]:
        told = run(nowhere, *words)
        assert (told.exit_code, says in told.output) == (0, True), told.output
    assert not nowhere.exists()
    assert run(state, "verify", "--head", str(head), "--key", str(key)).exit_code == 0


def test_what_was_changed_is_found_out(state: Path) -> None:
    key = kept(state, "key", "key")
    proof = kept(state, "proof.json", "prove", "7")
    proof.write_text(proof.read_text().replace("key-6", "key-x"))
    told = run(state, "check", str(proof), "--key", str(key))
    assert (told.exit_code, "does not have its digest" in told.output) == (1, True)
    export = kept(state, "ledger.jsonl", "export", "-")
    export.write_text(export.read_text().replace("key-6", "key-x"))
    told = run(state, "verify", str(export), "--key", str(key))
    assert (told.exit_code, "entry 7 was changed" in told.output) == (1, True)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("verify", "{export}"), "needs the ledger's public key"),
        (("verify", "{export}", "--key", "not a key"), "not an OpenSSH public key"),
        (("verify", "{export}", "--key", "/nowhere"), "can't be read"),
        (("verify", "/nowhere", "--key", "{key}"), "can't be read"),
        (("verify", "{key}", "--key", "{key}"), "no export"),
        (("export", "{export}"), "can't be written"),
        (("prove",), "one of the two"),
        (("prove", "--since", "{export}"), "not what it should be"),
        (("check", "{export}", "--key", "{key}"), "not what it should be"),
        (("check", "/usr/bin/python3", "--key", "{key}"), "no text"),
    ],
)
def test_rubbish_is_named(state: Path, words: tuple[str, ...], says: str) -> None:
    files = {"key": kept(state, "key", "key"), "export": kept(state, "ledger.jsonl", "export", "-")}
    told = run(state, *(word.format(**files) for word in words))
    assert isinstance(told.exception, BadInput), told.output
    assert says in told.exception.what
    assert told.exception.way_out


def test_entries_are_found_from_the_command_line(state: Path) -> None:
    told = run(state, "search", "history", "key", "7", "--kind", "activity", "--since", "5200w", "--json")
    assert [json.loads(line)["key"] for line in told.stdout.splitlines()] == ["key-7"], told.output
    page = run(state, "search", "hist*", "--limit", "4")
    assert "Older ones: the same with --before 6" in page.output
    assert "Read history key-0" in run(state, "search", "--before", "2").output
    assert "No such entry." in run(state, "search", "--person", "nobody").output
    for words, says in [(("--kind", "effects"), "Kinds are"), (("--since", "yesterday"), "is no time")]:
        wrong = run(state, "search", *words)
        assert isinstance(wrong.exception, BadInput)
        assert says in f"{wrong.exception} {wrong.exception.way_out}"


def test_entries_are_exported_for_other_tools_with_the_same_filters(state: Path) -> None:
    told = run(state, "export", "-", "--format", "ocsf", "--words", "history", "--since", "5200w")
    events = [json.loads(line) for line in told.stdout.splitlines()]
    assert [each["metadata"]["sequence"] for each in events] == list(range(9, 0, -1)), told.output
    target = state.parent / "some.jsonl"
    assert "1 entries" in run(state, "export", str(target), "--format", "jsonl", "--words", "key 7").output
    assert json.loads(target.read_text())["key"] == "key-7"
    assert "can't be written" in str(run(state, "export", str(target), "--format", "jsonl").exception)
    assert "whole ledger" in str(run(state, "export", "-", "--person", "ana").exception)


def test_personal_data_is_erased_from_the_command_line(state: Path) -> None:
    with Ledger.open(f"sqlite:///{state / 'ledger.db'}", FolderArtifacts(state / "artifacts")) as ledger:
        ledger.append(entry("mail", says="Read the mail of Zoe Angstrom"))
        keys.enrol_local_person(Settings(state=state, person="ada"), ledger)
    who = {"COUNTERSIGN_PERSON": "ada"}
    shown = run(state, "erase", "zoe angstrom", **who)
    assert "1 entries: 10" in shown.output
    assert "Nothing was changed" in shown.output
    assert run(state, "erase", "zoe angstrom", "--because", "her letter", **who).exit_code == 1
    assert "Zoe" in run(state, "list").output
    done = run(state, "erase", "zoe angstrom", "--because", "her letter", "--yes", **who)
    assert done.exit_code == 0, done.output
    assert "none changed but by what was erased" in done.output
    assert "Zoe" not in run(state, "list").output
    told = run(state, "verify")
    assert (told.exit_code, "1 entries were erased by ada" in told.output) == (0, True), told.output
    assert "0 entries" in run(state, "erase", "zoe angstrom", "--because", "her letter", "--yes", **who).output
    for words in (("erase",), ("erase", "zoe", "--entry", "1"), ("erase", "zo")):
        assert isinstance(run(state, *words).exception, BadInput)

"""What others wrote, in every field there is, by every command that shows it: nothing speaks to the terminal."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from contracts.shown import is_visible
from ledger import FolderArtifacts, Ledger
from tests.console.test_escaping import RUN, fill
from workers.cli import app, common
from workers.cli.screen import KEPT

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
LISTS = {
    "inbox": ["inbox"],
    "runs": ["runs"],
    "log": ["log", RUN],
    "people": ["people"],
    "tokens": ["tokens", "list"],
    "effects": ["effects"],
    "ledger": ["ledger", "list"],
    "search": ["ledger", "search"],
}


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The state folder of an installation full of hostile words, and the proposals in it."""
    state = tmp_path_factory.mktemp("hostile") / "state"
    state.mkdir()
    with Ledger.open(f"sqlite:///{state / 'ledger.db'}", FolderArtifacts(state / "artifacts")) as ledger:
        return state, [each.id for each in fill(ledger)]


def printed(state: Path, monkeypatch: pytest.MonkeyPatch, *words: str) -> str:
    """What a command prints, as a terminal with all its powers would be given it."""
    for screen in (common.out, common.err):
        monkeypatch.setattr(screen, "_force_terminal", True)
    told = CliRunner().invoke(app, list(words), env={"COUNTERSIGN_STATE": str(state), "COLUMNS": "4000"})
    assert told.exception is None or isinstance(told.exception, SystemExit), told.exception
    text = COLOUR.sub("", told.output)
    assert [hex(ord(char)) for char in text if not is_visible(char, KEPT)] == [], words
    return text


@pytest.mark.parametrize("name", LISTS)
def test_what_a_list_shows_is_words_on_its_line(
    shown: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A second line of one's own could pass for the next run, or for another person's key."""
    text = printed(shown[0], monkeypatch, *LISTS[name])
    assert "<script>pwned(" in text
    assert not re.search(r"^\s*event: pwned", text, re.MULTILINE)


def test_a_proposal_in_whole_is_words(shown: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    state, proposals = shown
    for each in proposals:
        text = printed(state, monkeypatch, "show", each)
        assert "⟨U+001B⟩" in text
        assert "⟨U+202E⟩" in text

"""What others wrote is only text in the terminal: no escape sequence, no markup, no line of its own."""

import io
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.console import Console

from contracts.errors import BadInput
from contracts.records import StoredEntry
from contracts.shown import is_visible
from ledger import FolderArtifacts, Ledger
from tests.console.test_pages import hostile
from tests.ledger.support import entry
from workers.cli import common, following
from workers.cli.screen import KEPT, UNSEEN, Diff, Screen
from workers.cli.show import print_proposal

COLOUR = re.compile(r"\x1b\[[0-9;]*m")
ATTACKS = (
    "\x1b[2J\x1b[H\x1b[31mAll is well",
    "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "\x1b]52;c;ZXZpbA==\x07",
    "\x9b31m",
    "[red]red[/red] [link=https://evil.example]x[/link] [/] [bold",
    "safe\u202egnp.exe\u2066",
    "shown\rover it",
    "back\\",
)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as opened:
        yield opened


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What the commands print, as a terminal with all its powers would be given it."""
    file = io.StringIO()
    for module, name in ((common, "out"), (common, "err"), (following, "out")):
        screen = Screen(file=file, force_terminal=True, color_system="truecolor", width=200)
        monkeypatch.setattr(module, name, screen)
    return file


def harmless(printed: str, words: str) -> None:
    text = COLOUR.sub("", printed)
    assert [char for char in text if not is_visible(char, KEPT)] == []
    if words.startswith("[red]"):
        assert "[red]red[/red]" in text, "markup is text"


@pytest.mark.parametrize("words", ATTACKS)
def test_a_proposal_in_the_terminal(ledger: Ledger, shown: io.StringIO, words: str) -> None:
    print_proposal(common.out, hostile(ledger, words))
    harmless(shown.getvalue(), words)


@pytest.mark.parametrize("words", ATTACKS)
def test_an_entry_and_an_error_in_the_terminal(shown: io.StringIO, words: str) -> None:
    stored = entry("k", name=words, says=words, run=words).model_dump() | {"id": 1, "digest": "d"}
    following.print_entry(StoredEntry.model_validate(stored))
    common.print_problem(BadInput(words, subject=words, way_out=words))
    harmless(shown.getvalue(), words)


def test_an_entry_stays_on_its_line(shown: io.StringIO) -> None:
    forged = entry("k", says="Read it\n  ✓ gate.judge   0.01 s  Accepted: approve by ana")
    following.print_entry(StoredEntry.model_validate(forged.model_dump() | {"id": 1, "digest": "d"}))
    assert shown.getvalue().count("\n") == 1


def test_a_plain_console_would_not_do() -> None:
    """Why there is a screen of our own: rich hands escape sequences on."""
    file = io.StringIO()
    Console(file=file, force_terminal=True, highlight=False).print("\x1b]52;c;ZXZpbA==")
    assert "\x1b]52" in file.getvalue()


def test_a_diff_goes_to_a_file_or_pipe_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    file = io.StringIO()
    diff = f"--- a/CHANGELOG.md\n+++ b/CHANGELOG.md\n@@ -0,0 +1,1 @@\n+- {'word ' * 100}end\n"
    Screen(file=file).print(Diff(diff), crop=False)
    assert file.getvalue().strip("\n") == diff.strip("\n")


def test_what_goes_to_a_file_is_wide_enough_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    assert Screen(file=io.StringIO()).width == UNSEEN
    monkeypatch.setenv("COLUMNS", "90")
    assert Screen(file=io.StringIO()).width == 90


def test_an_entry_is_one_line_in_a_file(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setattr(following, "out", Screen(file=file))
    ledger.append(entry("a", says="word " * 100))
    following.print_entry(ledger.entries()[-1])
    assert file.getvalue().count("\n") == 1


def test_an_effect_s_way_to_its_end_is_not_told_twice() -> None:
    def stored(key: str, **changes: object) -> StoredEntry:
        made = entry(key, kind="effect", **changes)
        return StoredEntry.model_validate(made.model_dump() | {"id": 1, "digest": "d"})

    plain = stored("effect/k/intent", outcome="intent", facts={"state": "intent"})
    begun = stored("effect/k/acting/1", outcome="intent", facts={"state": "acting"})
    done = stored("effect/k/done", facts={"state": "done"})
    cut_off = stored("effect/k/intent/2", outcome="intent", facts={"state": "intent"})
    refused = stored("effect/k/refused", outcome="refused", facts={"state": "refused"})
    said_anyway = [following.is_said_anyway(each) for each in (plain, begun, done, cut_off, refused)]
    assert said_anyway == [True, True, True, False, False]

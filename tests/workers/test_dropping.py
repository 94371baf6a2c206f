"""Dropping effects in a terminal: by the numbers that `show` prints, and with what differs said."""

from pathlib import Path

import pytest
from rich.console import Console

from contracts.errors import BadInput
from contracts.proposal import Effect, Proposal
from ledger import FolderArtifacts, Ledger
from tests.ledger.support import proposal
from workers.cli.decisions import numbered
from workers.cli.show import print_changes, print_proposal

BOTH = tuple(Effect(kind="git.change", key=f"k{n}", says=f"Commit part {n}", params={"n": n}) for n in (1, 2))


@pytest.fixture
def both(tmp_path: Path) -> Proposal:
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as ledger:
        return proposal(ledger, effects=BOTH)


def test_effects_are_dropped_by_their_numbers(both: Proposal) -> None:
    assert numbered(both, [2, 2]) == ("k2",)
    for number in (0, 3, -1):
        with pytest.raises(BadInput, match=f"no effect {number}"):
            numbered(both, [number])


def test_the_terminal_numbers_the_effects_and_says_what_differs(both: Proposal) -> None:
    console = Console(record=True, width=100)
    print_proposal(console, both)
    print_changes(console, both, both.model_copy(update={"effects": BOTH[:1]}).seal())
    text = console.export_text()
    assert "2. Commit part 2" in text
    assert "What happens: changed since revision 1" in text
    assert "-Commit part 2" in text
    assert "-Commit part 1" not in text

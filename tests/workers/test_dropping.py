"""Dropping and changing effects in a terminal: by the numbers that `show` prints, and with what differs said."""

from pathlib import Path

import pytest
from pydantic import JsonValue
from rich.console import Console

from contracts.decision import ParamChange
from contracts.errors import BadInput
from contracts.proposal import Effect, Proposal
from ledger import FolderArtifacts, Ledger
from tests.ledger.support import proposal
from workers.cli.editing import changed, numbered
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


def test_parameters_are_set_by_number_and_name(tmp_path: Path) -> None:
    params: dict[str, JsonValue] = {"title": "Old", "amount": 3, "path": "a"}
    effect = Effect(kind="x.pay", key="k1", says="Pay", params=params, editable=("title", "amount"))
    with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}", FolderArtifacts(tmp_path / "artifacts")) as ledger:
        one = proposal(ledger, effects=(effect,))
    assert changed(one, "1.title=A = B") == ParamChange(effect="k1", param="title", value="A = B")
    assert changed(one, "1.amount=4").value == 4
    for given, says in {
        "2.title=x": "no effect 2",
        "title=x": "no change of an effect",
        "1.title": "no change of an effect",
        "1.path=b": "can't be changed by a reviewer",
        "1.amount=four": "no value for amount",
        "1.amount=NaN": "no value for amount",
    }.items():
        with pytest.raises(BadInput, match=says):
            changed(one, given)
    console = Console(record=True, width=100)
    print_proposal(console, one)
    assert "1. Pay (may be set: title, amount)" in console.export_text()


def test_what_may_be_set_of_each_effect_alike_is_said_once(both: Proposal) -> None:
    alike = tuple(each.model_copy(update={"editable": ("title", "due")}) for each in BOTH)
    console = Console(record=True, width=100)
    print_proposal(console, both.model_copy(update={"effects": alike}))
    assert console.export_text().count("may be set: title, due") == 1

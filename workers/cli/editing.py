"""What a reviewer typed of an edit: effects by their numbers, parameters by their names, a text in their editor."""

import os
import shlex
import subprocess
import tempfile
from pathlib import Path

from contracts.decision import ParamChange
from contracts.editing import typed
from contracts.errors import BadInput
from contracts.proposal import Proposal


def numbered(proposal: Proposal, numbers: list[int], option: str = "--drop") -> tuple[str, ...]:
    """The keys of the effects with these numbers, from 1. BadInput for a number that there isn't."""
    for number in numbers:
        if not 1 <= number <= len(proposal.effects):
            raise BadInput(
                f"Proposal {proposal.id} has no effect {number}.",
                subject=option,
                way_out=f"`countersign show {proposal.id}` numbers them.",
            )
    return tuple(proposal.effects[number - 1].key for number in dict.fromkeys(numbers))


def changed(proposal: Proposal, given: str) -> ParamChange:
    """The change that `2.title=A word less` means. BadInput."""
    where, equals, text = given.partition("=")
    number, dot, name = where.strip().partition(".")
    if not equals or not dot or not number.isdecimal():
        raise BadInput(
            f"{given!r} is no change of an effect.", subject="--set", way_out="Write it like --set 1.subject='Mend it'."
        )
    [key] = numbered(proposal, [int(number)], option="--set")
    effect = next(each for each in proposal.effects if each.key == key)
    return typed(effect, name.strip(), text)


def edited_text(proposal: Proposal) -> str:
    """What the person made of the text in their editor."""
    if proposal.editable is None:
        raise BadInput("This proposal has no text to edit.", subject=proposal.id)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "entry.md"
        path.write_text(proposal.editable.text, encoding="utf-8")
        editor = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
        try:
            subprocess.run([*shlex.split(editor), str(path)], check=True)
        except (OSError, ValueError, subprocess.CalledProcessError) as error:
            raise BadInput(
                f"The editor {editor!r} did not work: {error}. Nothing was changed.",
                subject=editor,
                way_out="Set EDITOR to one that does, or give the new text with --text-file FILE.",
            ) from error
        return text_of(path)


def text_of(path: Path) -> str:
    """The text of a file that the person named. Raises BadInput."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise BadInput(
            f"The text can't be read from {str(path)!r}: {why}.", subject=str(path), way_out="Give a file of text."
        ) from error

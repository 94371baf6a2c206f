"""The terminal as the commands write to it: colours are ours, and text that others wrote is only text.

rich lets escape sequences through in what it prints. A commit subject or file name could move the cursor, open a
link (OSC 8), set the clipboard (OSC 52) or turn the reading direction: every text is looked at on its way out.
"""

import os
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment
from rich.syntax import Syntax
from rich.text import Text

from contracts.shown import HARMLESS, spelt

# A carriage return overwrites the line it stands in.
KEPT = HARMLESS - {"\r"}
# Columns where nobody looks on: in a file, a pipe, the log of a CI job. Lines that matter there aren't wrapped at all.
UNSEEN = 120


class Screen(Console):
    """A rich console whose text can't act. What rich itself writes (colours, cursor) is not text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)
        if not self.is_terminal and "width" not in options and not os.environ.get("COLUMNS"):
            self.width = UNSEEN

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(spelt(segment.text, KEPT), segment.style)


class Diff:
    """A diff for a terminal: coloured, and wrapped at words. Elsewhere each line as it is, for other programs."""

    def __init__(self, text: str) -> None:
        self._text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if console.is_terminal:
            yield Syntax(self._text, "diff", word_wrap=True, background_color="default")
        else:
            yield Text(self._text, no_wrap=True, overflow="ignore")


def one_line(text: str) -> str:
    """Text that has to stay on its line, such as an entry's: else it could pass for the next one."""
    return " ".join(text.split())

"""The terminal as the commands write to it: colours are ours, and text that others wrote is only text.

rich lets escape sequences through in what it prints. A commit subject or file name could move the cursor, open a
link (OSC 8), set the clipboard (OSC 52) or turn the reading direction: every text is looked at on its way out.
"""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from contracts.shown import HARMLESS, spelt

# A carriage return overwrites the line it stands in.
KEPT = HARMLESS - {"\r"}


class Screen(Console):
    """A rich console whose text can't act. What rich itself writes (colours, cursor) is not text."""

    def __init__(self, **options: Any) -> None:
        super().__init__(highlight=False, **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            if segment.control or segment.text.isprintable():
                yield segment
            else:
                yield Segment(spelt(segment.text, KEPT), segment.style)


def one_line(text: str) -> str:
    """Text that has to stay on its line, such as an entry's: else it could pass for the next one."""
    return " ".join(text.split())

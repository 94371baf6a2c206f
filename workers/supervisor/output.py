"""One terminal for several processes: each line says whose it is."""

import re
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from contracts.shown import spelt

COLOURS = ("cyan", "magenta", "yellow", "green", "blue")
CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f]")
WIDTH = 9


class Terminal:
    """Prints prefixed lines. What children write is text, never markup or terminal control."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._colours: dict[str, str] = {}

    def line(self, name: str, text: str) -> None:
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        prefix = Text(f"{name:<{WIDTH}}│ ", style=colour)
        self.console.print(prefix + Text(spelt(CONTROL.sub("", text))))

    def say(self, text: str) -> None:
        """A sentence of our own."""
        self.line("up", text)

    def writer(self, name: str) -> Callable[[str], None]:
        return lambda text: self.line(name, text)

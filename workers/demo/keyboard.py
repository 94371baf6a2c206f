"""The person at the terminal of the demo: one Enter, pressed while the proposal is on the screen, and nothing else."""

import asyncio
import os
import select
import sys
import termios
from collections.abc import Callable
from typing import Literal

LOOK_EVERY = 0.2  # seconds
LONGEST_LINE = 4096

Heard = Literal["enter", "decided", "nothing"]


async def enter_or(decided: Callable[[], bool], say: Callable[[str], None], *, patience: float) -> Heard:
    """Wait for Enter. "decided" once `decided()` is true, "nothing" after `patience` seconds.

    What was typed before the call is thrown away: nobody signs what wasn't on the screen yet. A line with words in it
    and the end of the input (Ctrl-D, a terminal that hung up) are no signature either. The terminal is read only
    where something waits in it, and keeps its own mode, which the shell goes on with.
    """
    keyboard = Keyboard(sys.stdin.fileno())
    keyboard.forget()
    loop = asyncio.get_running_loop()
    until = loop.time() + patience
    while loop.time() < until:
        if decided():
            return "decided"
        line = keyboard.line()
        if line in (b"\n", b"\r\n"):
            return "enter"
        if line == b"":
            say("The keyboard was closed, so decide in the browser.")
        elif line is not None:
            say("Only Enter by itself signs. To ask for changes or to reject, open the inbox in the browser.")
        await asyncio.sleep(LOOK_EVERY)
    return "nothing"


class Keyboard:
    """A terminal that gives lines."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._open = True

    def forget(self) -> None:
        """Throw away what was typed and not read."""
        termios.tcflush(self._number, termios.TCIFLUSH)

    def line(self) -> bytes | None:
        """A line that was typed; None while there is none; b"" once, when there will be no more."""
        if not self._open or not select.select([self._number], [], [], 0)[0]:
            return None
        try:
            typed = os.read(self._number, LONGEST_LINE)
        except OSError:  # the terminal is gone
            typed = b""
        self._open = typed != b""
        return typed

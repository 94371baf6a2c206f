"""Waits where a service asks for it, so that reading a hundred pages need not begin again at the first."""

import time
from collections.abc import Callable
from typing import TypeVar

from contracts.errors import ServiceBusy

LONGEST = 60.0  # seconds; who asks for more is asked again by Temporal
T = TypeVar("T")


class Patience:
    """Asks again after what the service said, or 1, 2, 4 … seconds where it said nothing: `times` for one answer."""

    def __init__(self, times: int = 5) -> None:
        self._times = times

    def __call__(self, call: Callable[[], T]) -> T:
        """The call's answer. ServiceBusy, where it is still busy then, or asks for over a minute."""
        for waited in range(self._times):
            try:
                return call()
            except ServiceBusy as busy:
                pause = 2.0**waited if busy.retry_after is None else busy.retry_after
                if pause > LONGEST:
                    raise
                time.sleep(pause)
        return call()


NONE = Patience(0)  # of effects: Temporal tries again

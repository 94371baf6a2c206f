"""A rate limit in memory: enough against guessing at one console's door."""

import threading
import time
from collections import deque
from collections.abc import Callable

from contracts.errors import CountersignError


class TooMany(CountersignError):
    """Too many tries in a short time. Wait and try again."""

    status = 429


class RateLimit:
    """At most `tries` for one caller, and ten times as many for everybody together, in `seconds`."""

    def __init__(
        self,
        tries: int,
        seconds: float,
        clock: Callable[[], float] = time.monotonic,
        what: str = "tries to sign in",
    ) -> None:
        self.what = what
        self.tries = tries
        self.seconds = seconds
        self.clock = clock
        self.seen: dict[str, deque[float]] = {}
        self.lock = threading.Lock()  # requests are answered by several threads

    def spend(self, caller: str) -> None:
        """Count one try. Raises TooMany."""
        with self.lock:
            self._check(caller, self.tries)
            self._check("", self.tries * 10)
            now = self.clock()
            for name in (caller, ""):
                self.seen.setdefault(name, deque()).append(now)

    def _check(self, name: str, limit: int) -> None:
        since = self.clock() - self.seconds
        self.seen = {key: times for key, times in self.seen.items() if times and times[-1] > since}
        times = self.seen.get(name, deque())
        while times and times[0] <= since:
            times.popleft()
        if len(times) >= limit:
            raise TooMany(f"There were too many {self.what}.", way_out="Wait a minute and try again.")

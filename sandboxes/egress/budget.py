"""How many bytes a sandbox may still send and receive, and how many one request did."""

from contextvars import ContextVar
from dataclasses import dataclass

from sandboxes.egress import words


@dataclass
class Tally:
    """Bytes of one request."""

    sent: int = 0
    received: int = 0


# The request that the running task works on: the connections to hosts outlive requests, and serve one at a time.
current: ContextVar[Tally] = ContextVar("current")


@dataclass
class Budget:
    """`limit` bytes over the sandbox's life, both directions together."""

    limit: int
    used: int = 0

    def check(self) -> None:
        """Raises Denied when nothing is left."""
        if self.used >= self.limit:
            raise words.spent(self.limit)

    def sending(self, count: int) -> None:
        """Before `count` bytes leave. Raises Denied, and then they don't."""
        if self.used + count > self.limit:
            self.used = self.limit
            raise words.spent(self.limit, "cut")
        self.used += count
        _tally().sent += count

    def received(self, count: int) -> None:
        """After `count` bytes came. Raises Denied when they were too many: nobody gets to see them."""
        self.used += count
        _tally().received += count
        if self.used > self.limit:
            raise words.spent(self.limit, "cut")


def _tally() -> Tally:
    return current.get(None) or Tally()

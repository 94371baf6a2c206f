"""What the search asks of whatever runs the tests: a function with asserts, or a repository."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from activities.repair.ideas import Idea
from activities.repair.tries import Outcome

Told = Callable[[], None]
Lines = Mapping[str, frozenset[tuple[str, int]]]  # by test, (file, line) that it executed


@dataclass(frozen=True)
class Baseline:
    """How the tests went before any edit."""

    outcome: Outcome
    lines: Lines = field(default_factory=dict)
    output: str = ""

    @property
    def failing(self) -> list[str]:
        return [case.name for case in self.outcome.cases if case.state not in ("pass", "skip")]

    @property
    def passing(self) -> list[str]:
        return [case.name for case in self.outcome.cases if case.state == "pass"]


def silent() -> None:
    """Nobody wants to know."""


class Trial(Protocol):
    """Runs ideas against the tests inside a sandbox."""

    async def baseline(self) -> Baseline: ...

    async def attempt(
        self, ideas: Sequence[Idea], *, patience: float = 1, timeout: float, on_try: Told = silent
    ) -> list[Outcome | None]:
        """An outcome for each idea, in order; None for one that was not tried any more within `timeout` seconds.

        `on_try` is called as each ends. `patience`: how many times a try's usual time it may take.
        """
        ...

    async def prove(self, ideas: Sequence[Idea]) -> list[tuple[Outcome | None, Lines]]:
        """The same, each in a process of its own with all of its time, and the lines that each test executed."""
        ...

    async def compare(self, ideas: Sequence[Idea], examples: Sequence[tuple[str, str]]) -> list[Outcome | None]:
        """Answers to fresh inputs for the unchanged source first, then for each idea."""
        ...

"""The talk between a model and its tools, kept as a chain of artifacts: each turn is stored once and refers to the
one before, so that a long talk costs what it adds and not what it is.
"""

from collections.abc import Sequence

from contracts.base import Contract
from contracts.models import Message
from ledger import ArtifactStore

LONGEST_CHAIN = 10_000


class Turn(Contract):
    """Some messages, and where those before them are. `turns` counts, for people."""

    before: str = ""
    messages: tuple[Message, ...]
    turns: int = 0


class Talks:
    """Reads and writes talks. Blocking: call it from a thread."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts

    def read(self, ref: str) -> list[Message]:
        """All messages, oldest first."""
        parts: list[tuple[Message, ...]] = []
        while ref and len(parts) < LONGEST_CHAIN:
            turn = self._artifacts.get_model(Turn, ref)
            parts.append(turn.messages)
            ref = turn.before
        return [message for part in reversed(parts) for message in part]

    def add(self, ref: str, *messages: Message) -> str:
        """The reference of the talk with these messages at its end."""
        before = self._artifacts.get_model(Turn, ref).turns if ref else 0
        return self._artifacts.put_model(Turn(before=ref, messages=messages, turns=before + 1))

    def fresh(self, messages: Sequence[Message]) -> str:
        """A talk that begins anew, as after compaction."""
        return self._artifacts.put_model(Turn(messages=tuple(messages), turns=1))

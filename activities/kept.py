"""What an attempt has finished, by name, so that the next one goes on from there and not from the beginning."""

import time
from collections.abc import Callable
from typing import TypeVar

from activities.progress import Progress
from contracts.base import Contract
from contracts.errors import CountersignError
from ledger import ArtifactStore

SLOW = 1.0  # seconds, below which a piece is sooner made again than looked up
Piece = TypeVar("Piece", bound=Contract)


class Kept:
    """Of nothing: each piece is made anew. For callers outside an activity."""

    def piece(self, name: str, of: type[Piece], make: Callable[[], Piece]) -> Piece:
        """The piece of that name, finished before or made now. A name says all that the piece is made from."""
        return make()


class KeptInHeartbeats(Kept):
    """Pieces that were slow to make, as artifacts; their references are in the heartbeats of an activity."""

    def __init__(self, told: Progress, artifacts: ArtifactStore, slow: float = SLOW) -> None:
        self._told, self._artifacts, self._slow = told, artifacts, slow

    def piece(self, name: str, of: type[Piece], make: Callable[[], Piece]) -> Piece:
        for each in self._told.kept:
            known, _, reference = each.partition("=")
            if known == name:
                try:
                    return self._artifacts.get_model(of, reference)
                except (CountersignError, ValueError):
                    break  # its body was erased, or another release wrote it
        began = time.monotonic()
        made = make()
        if time.monotonic() - began >= self._slow:
            self._told.kept = (*self._told.kept, f"{name}={self._artifacts.put_model(made)}")
        return made

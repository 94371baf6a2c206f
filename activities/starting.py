"""How an effect starts a run: what the effects' process is given for it."""

from collections.abc import Mapping
from typing import Protocol

from pydantic import JsonValue

from contracts.requirements import StartedBy


class Starter(Protocol):
    """Starts runs of this installation, and knows which there are."""

    async def known(self, run: str) -> bool:
        """Whether there is or was a run of that id."""
        ...

    async def start(self, workflow: str, request: Mapping[str, JsonValue], run: str, by: StartedBy) -> None:
        """Start it; one that was started already is left alone. BadInput for a request that it doesn't take."""
        ...

"""The seam: what a model provider can do for an activity."""

from collections.abc import Callable
from decimal import Decimal
from typing import Protocol

from contracts.models import ModelReply, ModelRequest

Progress = Callable[[int], None]
"""Called for each chunk of a reply with the characters received so far, so that an activity can heartbeat."""


class Models(Protocol):
    """One model of one provider. The client behind it retries zero times: Temporal does.

    `allow_unpriced`: somebody declared that calls of an unknown price are fine, so no budget holds them.
    """

    provider: str
    model: str
    allow_unpriced: bool

    async def call(self, request: ModelRequest, *, on_progress: Progress | None = None) -> ModelReply:
        """Make one call. Cancelling the task closes the connection, so the provider stops too.

        A refusal or a reply cut at its length is a result (`stop`), not an error. Raises ModelBusy (worth
        a retry, after `retry_after` seconds), ModelMisconfigured, ContextOverflow, ModelReplyUnusable.
        """
        ...

    def worst_case_usd(self, request: ModelRequest) -> Decimal | None:
        """The most this call can cost, US dollars; None where the price is unknown. Unknown is never zero."""
        ...

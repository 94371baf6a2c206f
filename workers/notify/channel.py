"""What every channel is: something that sends one message to one address."""

from collections.abc import Mapping
from typing import Protocol

from contracts.notify import Channel, Message


class Sends(Protocol):
    """A channel, as the operator has set it up."""

    async def send(self, to: str, message: Message) -> None:
        """Send it. Raises NotSent (later, perhaps) or Undeliverable (never)."""
        ...


Channels = Mapping[Channel, Sends]

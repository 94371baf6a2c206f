"""What writers share: labels as tags, and errors in the same words."""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING

from contracts.errors import BadInput, DestinationMoved

if TYPE_CHECKING:
    from activities.effects.ticket_params import TicketParams


def slug(label: str) -> str:
    """A label as one word: `Card arrival` is `card_arrival`."""
    return re.sub(r"[^\w-]+", "_", label.strip().lower()).strip("_")[:70]


def moved(wanted: "TicketParams", now: str) -> DestinationMoved:
    """Somebody has put the ticket elsewhere since it was read."""
    return DestinationMoved(
        f"Ticket {wanted.ticket} is in {now or 'no queue'!r} by now, and was in {wanted.queue_was or 'none'!r}.",
        subject=wanted.ticket,
        way_out="Somebody has looked at it meanwhile. Leave it, or start a new run.",
    )


def unknown_queue(queue: str, known: Iterable[str], what: str) -> BadInput:
    """There is no such queue there."""
    return BadInput(
        f"There is no {what} {queue!r}.",
        subject=queue,
        way_out=f"Change the queue to one of {', '.join(sorted(known))[:300] or 'none'}, or make it there.",
    )

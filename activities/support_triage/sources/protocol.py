"""What a source of tickets can do."""

from dataclasses import dataclass, field
from typing import Protocol

from contracts.support import SupportTicket


@dataclass(frozen=True)
class Page:
    """Tickets in the order in which they came or changed. `cursor`: where the next page begins, which is kept as it
    is. `notes`: rows that could not be read, each named."""

    tickets: tuple[SupportTicket, ...]
    cursor: str
    more: bool
    notes: tuple[str, ...] = field(default=())


class Source(Protocol):
    """Tickets, whatever their status. Raises what `activities.services.web` does; BadInput, NotFound."""

    name: str

    async def page(self, cursor: str, most: int) -> Page:
        """What came or changed after `cursor`; empty: from the beginning. A ticket may come more than once."""
        ...

    async def one(self, id: str) -> SupportTicket:
        """That ticket as it is now. NotFound."""
        ...

    async def solved(self, ticket: SupportTicket) -> SupportTicket:
        """The ticket with what a person answered last, where the source tells that only when asked for it."""
        ...

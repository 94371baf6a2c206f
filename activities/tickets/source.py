"""A ticket of whichever service has it."""

from collections.abc import Awaitable, Callable
from pathlib import Path

from activities.services.service import Kind, Services
from activities.tickets import github, gitlab, jira, linear
from activities.tickets.named import Named, named
from contracts.ticket import Ticket

READERS: dict[Kind, Callable[[Named, Path | None], Awaitable[Ticket]]] = {
    "github": github.read,
    "gitlab": gitlab.read,
    "linear": linear.read,
    "jira": jira.read,
}


async def from_service(ticket: str, services: Services) -> Ticket:
    """The ticket as its service tells it. Raises what `named` and `Web.ask` do; NotFound, AccessRefused, Moved."""
    known = named(ticket, services)
    return await READERS[known.service.kind](known, services.authorities)

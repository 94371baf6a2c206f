"""Zendesk: the incremental export by cursor, which tells each ticket again whenever it changes.

The intent of a ticket is its tag `intent_…`, its queue the name of its group.
"""

from typing import Any
from urllib.parse import urlencode

from activities.services.web import Web
from activities.support_triage.asking import asked, asked_for_fewer
from activities.support_triage.sources import rows
from activities.support_triage.sources.protocol import Page
from activities.tickets.bounds import listed, text, under
from contracts.errors import StrangeReply
from contracts.support import MOST_WORDS, Status, SupportTicket

INTENT = "intent_"
STATUSES: dict[str, Status] = {
    "new": "new",
    "open": "open",
    "pending": "pending",
    "hold": "pending",
    "solved": "solved",
    "closed": "closed",
}
MOST_PAGES = 50  # of groups
FROM_THE_START = 1  # second of 1970: Zendesk takes no 0


class Zendesk:
    """See `protocol.Source`."""

    def __init__(self, name: str, web: Web) -> None:
        self.name, self.web = name, web
        self._groups: dict[int, str] | None = None

    async def page(self, cursor: str, most: int) -> Page:
        place = {"cursor": cursor} if cursor else {"start_time": str(FROM_THE_START)}

        async def ask(count: int) -> dict[str, Any]:
            query = urlencode({"per_page": count, **place})
            return await asked(self.web, "GET", f"/api/v2/incremental/tickets/cursor.json?{query}", self.name)

        found = await asked_for_fewer(ask, most)
        tickets, after = found.get("tickets"), found.get("after_cursor")
        if not isinstance(tickets, list) or not (after is None or isinstance(after, str)):
            raise StrangeReply(f"{self.web.service.name} answers without tickets.", subject=self.name)
        made = [await self._ticket(each) for each in tickets if under(each, "status") != "deleted"]
        ended = found.get("end_of_stream") is True or not after or after == cursor
        return Page(tuple(filter(None, made)), after or cursor, not ended)

    async def one(self, id: str) -> SupportTicket:
        found = await asked(self.web, "GET", f"/api/v2/tickets/{number(id)}.json", f"ticket {id}")
        made = await self._ticket(found.get("ticket"))
        if made is None:
            raise StrangeReply(f"{self.web.service.name} answers without a ticket.", subject=id)
        return await self.solved(made)

    async def solved(self, ticket: SupportTicket) -> SupportTicket:
        if ticket.status not in ("solved", "closed"):
            return ticket
        path = f"/api/v2/tickets/{number(ticket.id)}/comments.json?sort_order=desc&per_page=20"
        found = await asked(self.web, "GET", path, f"ticket {ticket.id}")
        said = [each for each in listed(found.get("comments")) if isinstance(each, dict) and each.get("public")]
        # The first comment is the customer's, so a ticket with one alone was never answered.
        return ticket.model_copy(update={"solution": _words(said[0])[:MOST_WORDS]}) if len(said) > 1 else ticket

    async def _ticket(self, found: Any) -> SupportTicket | None:
        id = under(found, "id")
        if not isinstance(id, int):
            return None
        tags = rows.tags(under(found, "tags"))
        words = found.get("description") if isinstance(found.get("description"), str) else ""
        return SupportTicket(
            source=self.name,
            id=str(id),
            subject=text(found.get("subject"))[:300],
            text=words[:MOST_WORDS],
            status=STATUSES.get(str(found.get("status")), "open"),
            created_at=rows.moment(rows.plain(found.get("created_at"))),
            stamp=rows.plain(found.get("updated_at"))[:80],
            intent=next((each.removeprefix(INTENT) for each in tags if each.startswith(INTENT)), ""),
            queue=(await self.groups()).get(found.get("group_id") or 0, ""),
            priority=rows.URGENCIES.get(str(found.get("priority"))),
            tags=tags,
            url=f"{self.web.service.web}/agent/tickets/{id}",
            left_out=max(0, len(words) - MOST_WORDS),
            people=tuple(filter(None, (text(under(found, "via", "source", "from", "name")),))),
        )

    async def groups(self) -> dict[int, str]:
        """The names of groups by their ids, asked for once."""
        if self._groups is None:
            self._groups = await groups(self.web)
        return self._groups


async def groups(web: Web) -> dict[int, str]:
    """The names of all groups."""
    found: dict[int, str] = {}
    for page in range(1, MOST_PAGES + 1):
        said = await asked(web, "GET", f"/api/v2/groups.json?per_page=100&page={page}", "its groups")
        for each in listed(said.get("groups")):
            if isinstance(under(each, "id"), int):
                found[each["id"]] = rows.label(text(each.get("name")))
        if not said.get("next_page"):
            break
    return found


def number(id: str) -> str:
    """An id as it goes into a path: digits and nothing else."""
    return id if id.isascii() and id.isdigit() and len(id) < 20 else "0"


def _words(comment: dict[str, Any]) -> str:
    return text(comment.get("plain_body") or comment.get("body"))

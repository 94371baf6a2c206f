"""Intercom: conversations by the time of their last change.

The intent of a conversation is its attribute `Intent`, its queue the name of the team that it is assigned to.
"""

import json
from datetime import UTC, datetime
from typing import Any

from activities.services.web import Web
from activities.support_triage.asking import asked, asked_for_fewer, plain_html
from activities.support_triage.sources import rows
from activities.support_triage.sources.protocol import Page
from activities.support_triage.sources.zendesk import number
from activities.tickets.bounds import listed, text, under
from contracts.errors import StrangeReply
from contracts.support import MOST_WORDS, Status, SupportTicket

INTENT = "Intent"  # the custom attribute
STATUSES: dict[str, Status] = {"open": "open", "snoozed": "pending", "closed": "solved"}
MOST_OF_A_PAGE = 150
ANSWERS = ("comment", "close")


class Intercom:
    """See `protocol.Source`."""

    def __init__(self, name: str, web: Web) -> None:
        self.name, self.web = name, web
        self._teams: dict[str, str] | None = None

    async def page(self, cursor: str, most: int) -> Page:
        since, after, newest = _place(cursor)
        wanted = {
            "query": {"field": "updated_at", "operator": ">", "value": since},
            "sort": {"field": "updated_at", "order": "ascending"},
        }

        async def ask(count: int) -> dict[str, Any]:
            page = {"per_page": count, **({"starting_after": after} if after else {})}
            return await asked(self.web, "POST", "/conversations/search", self.name, {**wanted, "pagination": page})

        found = await asked_for_fewer(ask, min(most, MOST_OF_A_PAGE))
        said = found.get("conversations")
        if not isinstance(said, list):
            raise StrangeReply(f"{self.web.service.name} answers without conversations.", subject=self.name)
        changes = [each["updated_at"] for each in said if isinstance(under(each, "updated_at"), int)]
        newest = max([newest, *changes])
        made = [await self._ticket(each) for each in said]
        following = under(found, "pages", "next", "starting_after")
        more = isinstance(following, str) and bool(following) and following != after
        # A second is asked for again: it may not have been over. What was seen is known by its id.
        place = [since, following, newest] if more else [max(newest - 1, since), "", newest]
        return Page(tuple(filter(None, made)), json.dumps(place), more)

    async def one(self, id: str) -> SupportTicket:
        found = await conversation(self.web, id)
        made = await self._ticket(found)
        if made is None:
            raise StrangeReply(f"{self.web.service.name} answers without a conversation.", subject=id)
        return _answered(made, found)

    async def solved(self, ticket: SupportTicket) -> SupportTicket:
        return _answered(ticket, await conversation(self.web, ticket.id)) if ticket.status == "solved" else ticket

    async def _ticket(self, found: Any) -> SupportTicket | None:
        id, source = rows.plain(under(found, "id")), under(found, "source")
        if not id:
            return None
        words = plain_html(text_of(under(source, "body")))
        return SupportTicket(
            source=self.name,
            id=id[:80],
            subject=plain_html(text(under(source, "subject")))[:300],
            text=words[:MOST_WORDS],
            status=STATUSES.get(str(found.get("state")), "open"),
            created_at=_at(found.get("created_at")),
            stamp=rows.plain(found.get("updated_at"))[:80],
            intent=rows.label(text(under(found, "custom_attributes", INTENT))),
            queue=(await self.teams()).get(rows.plain(found.get("team_assignee_id")), ""),
            priority="high" if found.get("priority") == "priority" else None,
            tags=rows.tags([under(each, "name") for each in listed(under(found, "tags", "tags"))]),
            url=f"https://app.intercom.com/a/inbox/_/inbox/conversation/{number(id)}",
            left_out=max(0, len(words) - MOST_WORDS),
            people=tuple(filter(None, (text(under(source, "author", "name")),))),
        )

    async def teams(self) -> dict[str, str]:
        """The names of teams by their ids, asked for once."""
        if self._teams is None:
            self._teams = await teams(self.web)
        return self._teams


async def teams(web: Web) -> dict[str, str]:
    """The names of all teams."""
    found = await asked(web, "GET", "/teams", "its teams")
    return {rows.plain(under(each, "id")): rows.label(text(under(each, "name"))) for each in listed(found.get("teams"))}


async def conversation(web: Web, id: str) -> dict[str, Any]:
    """A conversation with its parts."""
    return await asked(web, "GET", f"/conversations/{number(id)}?display_as=plaintext", f"conversation {id}")


def parts(found: Any) -> list[dict[str, Any]]:
    said = listed(under(found, "conversation_parts", "conversation_parts"))
    return [each for each in said if isinstance(each, dict)]


def text_of(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _answered(ticket: SupportTicket, found: dict[str, Any]) -> SupportTicket:
    """With what a person of the team said last to the customer."""
    said = [
        plain_html(text(each.get("body")))
        for each in parts(found)
        if each.get("part_type") in ANSWERS and under(each, "author", "type") == "admin" and each.get("body")
    ]
    return ticket.model_copy(update={"solution": said[-1][:MOST_WORDS]}) if said else ticket


def _at(value: Any) -> datetime | None:
    return datetime.fromtimestamp(value, UTC) if isinstance(value, int) and 0 < value < 1 << 33 else None


def _place(cursor: str) -> tuple[int, str, int]:
    """Since when, after which of them, and the newest change that was seen so far."""
    try:
        since, after, newest = json.loads(cursor) if cursor else (0, "", 0)
        return int(since), str(after), int(newest)
    except (ValueError, TypeError):
        return 0, "", 0

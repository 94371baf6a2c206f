"""Updates of tickets at Zendesk: one PUT with fields, tags and the internal note, all or nothing; then the merge.

The mark is one of the tags that the PUT sets. It is made on the condition that nobody changed the ticket since it was
looked at right before (`safe_update`), so no answer of the customer is passed over.
"""

from typing import Any

from activities.services.web import Web
from activities.support_triage.asking import asked
from activities.support_triage.sources import rows
from activities.support_triage.sources.zendesk import INTENT, groups, number
from activities.support_triage.writing.protocol import Signed
from activities.support_triage.writing.words import moved, slug, unknown_queue
from activities.tickets.bounds import under
from contracts.errors import BadInput, DestinationMoved, StrangeReply

MERGED = "closed_by_merge"


class ZendeskWriter:
    """See `protocol.Writer`."""

    def __init__(self, web: Web) -> None:
        self.web = web

    async def happened(self, signed: Signed) -> bool:
        found = await self._ticket(signed)
        return signed.mark in rows.tags(found.get("tags")) and (not signed.params.duplicate_of or _merged(found))

    async def write(self, signed: Signed) -> None:
        found = await self._ticket(signed)
        if signed.mark not in _tags(found):
            if found.get("status") == "closed":
                raise DestinationMoved(f"Ticket {signed.params.ticket} was closed meanwhile.", subject=signed.key)
            await self._put(signed, found)
        if signed.params.duplicate_of and not _merged(found):
            await self._merge(signed)

    async def _ticket(self, signed: Signed) -> dict[str, Any]:
        id = signed.params.ticket
        found = await asked(self.web, "GET", f"/api/v2/tickets/{number(id)}.json", f"ticket {id}")
        if not isinstance(under(found, "ticket", "id"), int):
            raise StrangeReply(f"{self.web.service.name} answers without a ticket.", subject=id)
        return dict(found["ticket"])

    async def _put(self, signed: Signed, found: dict[str, Any]) -> None:
        wanted = signed.params
        known = await groups(self.web) if wanted.queue else {}
        now = known.get(found.get("group_id") or 0, "")
        if wanted.queue and now not in (wanted.queue_was, wanted.queue):
            raise moved(wanted, now)
        fields: dict[str, Any] = {
            "tags": list(_with(_tags(found), signed)),
            "comment": {"body": signed.note, "public": False},
            "safe_update": True,
            "updated_stamp": found.get("updated_at"),
        }
        fields |= {"group_id": _group(known, wanted.queue)} if wanted.queue else {}
        fields |= {"priority": wanted.priority} if wanted.priority else {}
        if wanted.incident:
            own = wanted.incident == wanted.ticket
            fields |= {"type": "problem"} if own else {"type": "incident", "problem_id": int(number(wanted.incident))}
        path = f"/api/v2/tickets/{number(wanted.ticket)}.json"
        await asked(self.web, "PUT", path, f"ticket {wanted.ticket}", {"ticket": fields})

    async def _merge(self, signed: Signed) -> None:
        wanted = signed.params
        body = {
            "ids": [int(number(wanted.ticket))],
            "source_comment": f"Repeats ticket {wanted.duplicate_of}.",
            "source_comment_is_public": False,
            "target_comment": f"Ticket {wanted.ticket} says the same.",
            "target_comment_is_public": False,
        }
        path = f"/api/v2/tickets/{number(wanted.duplicate_of)}/merge.json"
        try:
            await asked(self.web, "POST", path, f"ticket {wanted.ticket}", body)
        except BadInput:
            if not _merged(await self._ticket(signed)):  # by an attempt whose answer was lost
                raise


def _tags(found: dict[str, Any]) -> list[str]:
    tags = found.get("tags")
    return [each for each in tags if isinstance(each, str)] if isinstance(tags, list) else []


def _with(tags: list[str], signed: Signed) -> dict[str, None]:
    """The tags that were there, in their order, with ours."""
    wanted = signed.params
    kept = [each for each in tags if not (wanted.intent and each.startswith(INTENT))]
    ours = [f"{INTENT}{slug(wanted.intent)}"] if wanted.intent else []
    return dict.fromkeys([*kept, *ours, *map(slug, wanted.tags), signed.mark])


def _merged(found: dict[str, Any]) -> bool:
    return MERGED in _tags(found) or found.get("status") == "closed"


def _group(known: dict[int, str], queue: str) -> int:
    found = next((id for id, name in known.items() if name.casefold() == queue.casefold()), None)
    if found is None:
        raise unknown_queue(queue, known.values(), "group")
    return found

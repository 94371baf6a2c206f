"""Updates of conversations at Intercom. It takes several calls: each sets something to what it shall be, and the
internal note with the mark comes last. So a conversation with our note is done, and any other is gone on with.
"""

from typing import Any

from activities.services.web import Web
from activities.support_triage.asking import asked
from activities.support_triage.sources import rows
from activities.support_triage.sources.intercom import INTENT, conversation, parts, teams
from activities.support_triage.sources.zendesk import number
from activities.support_triage.writing.protocol import Signed
from activities.support_triage.writing.words import moved, slug, unknown_queue
from activities.tickets.bounds import under
from contracts.errors import DestinationMoved, StrangeReply

PRIORITY = "Triage priority"  # the custom attribute: its API knows only whether there is one


class IntercomWriter:
    """See `protocol.Writer`."""

    def __init__(self, web: Web) -> None:
        self.web = web

    async def happened(self, signed: Signed) -> bool:
        return _is_marked(await conversation(self.web, signed.params.ticket), signed)

    async def write(self, signed: Signed) -> None:
        wanted, found = signed.params, await conversation(self.web, signed.params.ticket)
        if _is_marked(found, signed):
            return
        if found.get("state") == "closed":
            raise DestinationMoved(f"Conversation {wanted.ticket} was closed meanwhile.", subject=signed.key)
        admin = rows.plain(under(await asked(self.web, "GET", "/me", "its admin"), "id"))
        if not admin:
            raise StrangeReply(f"{self.web.service.name} doesn't say who we are.", subject=wanted.ticket)
        await self._assign(signed, found, admin)
        told = {INTENT: wanted.intent, PRIORITY: wanted.priority or ""}
        told = {name: value for name, value in told.items() if value}
        if told:
            await self._of(signed, "PUT", "", {"custom_attributes": told})
        for name in _tags(signed):
            made = await asked(self.web, "POST", "/tags", "a tag", {"name": name})
            await self._of(signed, "POST", "/tags", {"id": rows.plain(made.get("id")), "admin_id": admin})
        note = {"message_type": "note", "type": "admin", "admin_id": admin, "body": signed.note}
        await self._of(signed, "POST", "/reply", note)

    async def _assign(self, signed: Signed, found: dict[str, Any], admin: str) -> None:
        wanted = signed.params
        if not wanted.queue:
            return
        known = await teams(self.web)
        now = known.get(rows.plain(found.get("team_assignee_id")), "")
        if now not in (wanted.queue_was, wanted.queue):
            raise moved(wanted, now)
        team = next((id for id, name in known.items() if name.casefold() == wanted.queue.casefold()), "")
        if not team:
            raise unknown_queue(wanted.queue, known.values(), "team")
        if now != wanted.queue:
            body = {"message_type": "assignment", "type": "team", "admin_id": admin, "assignee_id": team}
            await self._of(signed, "POST", "/parts", body)

    async def _of(self, signed: Signed, method: str, path: str, body: dict[str, Any]) -> None:
        id = signed.params.ticket
        await asked(self.web, method, f"/conversations/{number(id)}{path}", f"conversation {id}", body)


def _is_marked(found: dict[str, Any], signed: Signed) -> bool:
    return any(signed.mark in str(part.get("body") or "") for part in parts(found) if part.get("part_type") == "note")


def _tags(signed: Signed) -> list[str]:
    wanted = signed.params
    ours = [f"duplicate of {wanted.duplicate_of}"] if wanted.duplicate_of else []
    return [*map(slug, wanted.tags), *ours, *([f"incident {wanted.incident}"] if wanted.incident else [])]

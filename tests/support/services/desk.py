"""Zendesk's and Intercom's APIs, as far as reading and updating tickets goes, over TLS at one place."""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.services.wire import Trouble, path_of, query_of, said
from tests.support.tls_host import Answer, Host, Seen, serving

TOKEN = "sentinel-desk-4455"
GROUPS = {1: "Billing", 2: "Shipping", 3: "Accounts"}


@dataclass
class StandInDesk:
    """Tickets by their ids. `calls`: what changed something."""

    host: Host
    tickets: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    talks: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, str]] = field(default_factory=list)
    trouble: Trouble | None = None

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}"

    def ticket(self, id: int, **values: Any) -> None:
        self.tickets[id] = {"id": id, "status": "new", "tags": [], "updated_at": "2026-11-01T10:00:00Z", **values}

    def talk(self, id: int, body: str, **values: Any) -> None:
        parts = {"conversation_parts": values.pop("parts", [])}
        made = {"id": str(id), "state": "open", "updated_at": 1_790_000_000 + id, "source": {"body": body}}
        self.talks[str(id)] = {**made, "conversation_parts": parts, "custom_attributes": {}, **values}

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        if not any(TOKEN in each or len(each) > 20 for each in seen.header("authorization")):
            return said({"error": "Couldn't authenticate you"}, 401)
        path, body = path_of(seen), json.loads(seen.body or b"{}")
        if seen.method != "GET" and not path.endswith("/search"):
            self.calls.append((seen.method, path))
        return self._zendesk(seen, path, body) if path.startswith("/api/v2/") else self._intercom(seen, path, body)

    def _zendesk(self, seen: Seen, path: str, body: dict[str, Any]) -> Answer:
        if path.endswith("/groups.json"):
            return said({"groups": [{"id": id, "name": name} for id, name in GROUPS.items()], "next_page": None})
        if path.endswith("/incremental/tickets/cursor.json"):
            query = query_of(seen)
            at, most = int(query.get("cursor", "0").removeprefix("c")), int(query["per_page"])
            some = list(self.tickets.values())[at : at + most]
            ended = at + most >= len(self.tickets)
            return said({"tickets": some, "after_cursor": f"c{at + len(some)}", "end_of_stream": ended})
        found = re.fullmatch(r"/api/v2/tickets/(\d+)(/comments|/merge)?\.json", path)
        id = int(found[1]) if found else 0
        if id not in self.tickets:
            return said({"error": "RecordNotFound"}, 404)
        if found and found[2] == "/comments":
            return said({"comments": self.comments.get(id, [])})
        if found and found[2] == "/merge":
            for each in body["ids"]:
                self.tickets[each]["status"] = "closed"
            return said({"job_status": {"status": "queued"}})
        if seen.method == "PUT":
            wanted, ticket = body["ticket"], self.tickets[id]
            if wanted["updated_stamp"] != ticket["updated_at"]:
                return said({"error": "UpdateConflict"}, 409)
            self.comments.setdefault(id, []).insert(0, wanted.pop("comment"))
            ticket |= wanted
        return said({"ticket": self.tickets[id]})

    def _intercom(self, seen: Seen, path: str, body: dict[str, Any]) -> Answer:
        if path == "/teams":
            return said({"teams": [{"id": str(id), "name": name} for id, name in GROUPS.items()]})
        if path == "/me":
            return said({"type": "admin", "id": "99"})
        if path == "/tags":
            return said({"id": "5", "name": body["name"]})
        if path == "/conversations/search":
            since, page = body["query"]["value"], body["pagination"]
            some = [each for each in self.talks.values() if each["updated_at"] > since]
            at = int(page.get("starting_after", "0"))
            more = at + page["per_page"] < len(some)
            following = {"next": {"starting_after": str(at + page["per_page"])}} if more else {}
            return said({"conversations": some[at : at + page["per_page"]], "pages": following})
        id = path.split("/")[2]
        if id not in self.talks:
            return said({"errors": [{"code": "not_found"}]}, 404)
        talk = self.talks[id]
        if path.endswith("/reply"):
            talk["conversation_parts"]["conversation_parts"].append({"part_type": "note", "body": body["body"]})
        elif path.endswith("/parts"):
            talk["team_assignee_id"] = body["assignee_id"]
        elif seen.method == "PUT":
            talk["custom_attributes"] |= body["custom_attributes"]
        return said(talk)


@asynccontextmanager
async def standin_desk(pem: Path) -> AsyncIterator[StandInDesk]:
    made = StandInDesk(Host())
    made.host.act = made.act
    async with serving(made.host.serve, pem) as made.host.port:
        yield made

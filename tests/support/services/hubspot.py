"""HubSpot's CRM API, as far as deals go: objects in pages, owners, pipelines, associations.

Paths, status codes and bodies of errors are those of https://developers.hubspot.com/docs/api/crm (v3, associations v4).
"""

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.services.wire import Trouble, path_of, query_of, said, token_of
from tests.support.tls_host import Answer, Host, Seen, serving

TOKEN = "pat-eu1-sentinel-hubspot-1122"
PAGE = 2


def error(category: str, message: str, status: int, **headers: str) -> Answer:
    body = {"status": "error", "message": message, "correlationId": "c0ffee", "category": category}
    return said(body, status, **headers)


@dataclass
class StandInHubSpot:
    """Objects by their kind: id, properties, and the deals that they belong to."""

    host: Host
    objects: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    owners: list[dict[str, Any]] = field(default_factory=list)
    stages: list[dict[str, Any]] = field(default_factory=list)
    properties: dict[str, str] = field(default_factory=dict)  # of deals, with what people call each
    trouble: Trouble | None = None
    after: Trouble | None = None

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}"

    def add(self, kind: str, key: str, deals: tuple[str, ...] = (), history: Any = None, **properties: Any) -> None:
        made: dict[str, Any] = {
            "id": key,
            "properties": properties,
            "archived": False,
            "createdAt": "2026-01-01T00:00:00Z",
            "updatedAt": "2026-01-01T00:00:00Z",
        }
        if deals:
            made["associations"] = {"deals": {"results": [{"id": each, "type": "x_to_deal"} for each in deals]}}
        if history:
            made["propertiesWithHistory"] = {"dealstage": history}
        self.objects.setdefault(kind, []).append(made)

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        answer = self._act(seen)
        return self.after(seen) or answer if self.after is not None else answer

    def _act(self, seen: Seen) -> Answer:
        if token_of(seen, "Bearer ") != TOKEN:
            return error("INVALID_AUTHENTICATION", "Authentication credentials not found.", 401)
        path = path_of(seen)
        if path.startswith("/crm/v3/owners"):
            archived = query_of(seen).get("archived", "false").lower() == "true"
            return self._listed(seen, [each for each in self.owners if each.get("archived", False) is archived])
        if path == "/crm/v3/properties/deals":
            return said({"results": [{"name": name, "label": label} for name, label in self.properties.items()]})
        if re.fullmatch(r"/crm/v3/pipelines/deals/?", path):
            return said({"results": [{"id": "default", "label": "Sales", "displayOrder": 0, "stages": self.stages}]})
        if found := re.fullmatch(r"/crm/v4/objects/deals/(\d+)/associations/tasks", path):
            return self._listed(
                seen, [{"toObjectId": int(each["id"]), "associationTypes": []} for each in self._tasks(found[1])]
            )
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)/batch/read", path):
            keys = {each["id"] for each in json.loads(seen.body)["inputs"]}
            rows = [each for each in self.objects.get(found[1], []) if each["id"] in keys]
            return said({"status": "COMPLETE", "results": rows})
        if found := re.fullmatch(r"/crm/v3/objects/(\w+)/?(\d*)", path):
            return self._object(seen, found[1], found[2])
        return error("OBJECT_NOT_FOUND", "resource not found", 404)

    def _tasks(self, deal: str) -> list[dict[str, Any]]:
        def belongs(task: dict[str, Any]) -> bool:
            return any(each["id"] == deal for each in task.get("associations", {}).get("deals", {}).get("results", []))

        return [each for each in self.objects.get("tasks", []) if belongs(each)]

    def _listed(self, seen: Seen, rows: list[dict[str, Any]]) -> Answer:
        start = int(query_of(seen).get("after", 0))
        body: dict[str, Any] = {"results": rows[start : start + PAGE]}
        if start + PAGE < len(rows):
            body["paging"] = {"next": {"after": str(start + PAGE), "link": "https://elsewhere.example/"}}
        return said(body)

    def _object(self, seen: Seen, kind: str, key: str) -> Answer:
        rows = self.objects.setdefault(kind, [])
        if seen.method == "POST":
            asked = json.loads(seen.body)
            deals = tuple(each["to"]["id"] for each in asked.get("associations", []))
            self.add(kind, str(9000 + len(rows)), deals, **asked["properties"])
            return said(rows[-1], 201)
        if not key:
            return self._listed(seen, rows)
        row = next((each for each in rows if each["id"] == key), None)
        if row is None:
            return error("OBJECT_NOT_FOUND", "Object not found.", 404)
        if seen.method == "PATCH":
            row["properties"].update(json.loads(seen.body)["properties"])
        return said(row)


@asynccontextmanager
async def standin_hubspot(pem: Path) -> AsyncIterator[StandInHubSpot]:
    """Started on a free port, as `localhost`."""
    made = StandInHubSpot(Host())
    made.host.act = made.act
    async with serving(made.host.serve, pem) as port:
        made.host.port = port
        yield made

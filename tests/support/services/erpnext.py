"""An ERPNext, as far as listings go: https://docs.frappe.io/framework/user/en/guides/integration/rest_api."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from tests.support.services.wire import Trouble, page, path_of, query_of, said, token_of
from tests.support.tls_host import Answer, Host, Seen, serving

TOKEN = "sentinelkey4711:sentinelsecret4711"
PLAIN = 20  # rows of a page for which nobody asked
OPERATORS = {"=": lambda one, other: one == other, "!=": lambda one, other: one != other}


@dataclass
class StandInERPNext:
    """Documents by their kind."""

    host: Host
    documents: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    denied: tuple[str, ...] = ()
    trouble: Trouble | None = None

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}"

    def add(self, kind: str, name: str, **fields: Any) -> None:
        self.documents.setdefault(kind, []).append({"name": name, "docstatus": 1, "company": "Example", **fields})

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        path = unquote(path_of(seen))
        if not path.startswith("/api/resource/"):
            return page(404)
        if token_of(seen, "token ") != TOKEN:
            return said({"exception": "frappe.exceptions.AuthenticationError", "exc_type": "AuthenticationError"}, 401)
        kind = path.removeprefix("/api/resource/")
        if kind in self.denied:
            return said({"exception": "frappe.exceptions.PermissionError", "exc_type": "PermissionError"}, 403)
        asked = query_of(seen)
        found = [each for each in self.documents.get(kind, ()) if self._fits(each, json.loads(asked["filters"]))]
        found.sort(key=lambda each: str(each["name"]))
        start, size = int(asked.get("limit_start", 0)), int(asked.get("limit_page_length", PLAIN))
        names = json.loads(asked["fields"])
        rows = [{name: each.get(name) for name in names} for each in found[start : start + size]]
        return said({"data": rows})

    def _fits(self, document: dict[str, Any], filters: list[list[Any]]) -> bool:
        return all(OPERATORS[by](document.get(name), value) for name, by, value in filters)


@asynccontextmanager
async def standin_erpnext(pem: Path) -> AsyncIterator[StandInERPNext]:
    """Started on a free port, as `localhost`."""
    made = StandInERPNext(Host())
    made.host.act = made.act
    async with serving(made.host.serve, pem) as port:
        made.host.port = port
        yield made

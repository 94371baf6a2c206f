"""Linear's GraphQL, as far as reading one issue goes: https://linear.app/developers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.services.wire import Trouble, path_of, said, token_of
from tests.support.tls_host import Answer, Host, Seen, serving

KEY = "lin_api_sentinel-linear-4455"


def error(message: str, kind: str, code: str, status: int, **headers: str) -> Answer:
    """A refusal, as Linear words it."""
    extensions = {"type": kind, "code": code, "statusCode": status, "userPresentableMessage": message}
    return said({"errors": [{"message": message, "extensions": extensions}]}, status, **headers)


@dataclass
class StandInLinear:
    """Issues by their keys; `old` leads from a key that an issue had to the one that it has."""

    host: Host
    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    old: dict[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}"

    def issue(self, key: str, title: str, description: str | None, *comments: str) -> None:
        self.issues[key] = {
            "identifier": key,
            "title": title,
            "description": description,
            "url": f"https://linear.app/acme/issue/{key}/slug",
            "creator": {"displayName": "ana", "name": "Ana"},
            "state": {"name": "In Progress"},
            "labels": {"nodes": [{"name": "Bug"}]},
        }
        self.comments[key] = [{"body": text, "createdAt": "", "user": None} for text in comments]

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        if (seen.method, path_of(seen)) != ("POST", "/graphql"):
            return Answer(b"Not Found", 404, [("Content-Type", "text/plain")])
        if token_of(seen, "") != KEY:
            message = "Authentication required, not authenticated"
            return error(message, "authentication error", "AUTHENTICATION_ERROR", 401)
        asked = json.loads(seen.body)["variables"]
        key = self.old.get(asked["id"], asked["id"])
        if key not in self.issues:
            return said(
                {
                    "errors": [
                        {
                            "message": "Entity not found: Issue",
                            "path": ["issue"],
                            "extensions": {"type": "invalid input", "code": "INPUT_ERROR", "statusCode": 400},
                        }
                    ],
                    "data": None,
                }
            )
        return said({"data": {"issue": {**self.issues[key], "comments": self._page(key, asked["after"])}}})

    def _page(self, key: str, after: str | None) -> dict[str, Any]:
        start = int(after or 0)
        nodes, end = self.comments[key][start : start + 100], start + 100
        more = end < len(self.comments[key])
        return {"nodes": nodes, "pageInfo": {"hasNextPage": more, "endCursor": str(end) if nodes else None}}


@asynccontextmanager
async def standin_linear(pem: Path) -> AsyncIterator[StandInLinear]:
    """Started on a free port, as `localhost`."""
    made = StandInLinear(Host())
    made.host.act = made.act
    async with serving(made.host.serve, pem) as port:
        made.host.port = port
        yield made

"""Jira's REST, as far as reading one issue goes: v3 with documents for a user's token, v2 with texts for a bearer."""

import base64
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.services.wire import Trouble, page, path_of, query_of, said, token_of
from tests.support.tls_host import Answer, Host, Seen, serving

USER, TOKEN = "ana+bot@example.com", "sentinel-jira-6677"


def paragraph(text: str) -> dict[str, Any]:
    """A document of one paragraph."""
    inside = [{"type": "paragraph", "content": [{"type": "text", "text": text}]}]
    return {"type": "doc", "version": 1, "content": inside}


@dataclass
class StandInJira:
    """Issues by their keys; `old` leads from a key that an issue had to the one that it has."""

    host: Host
    path: str = ""
    issues: dict[str, dict[str, Any]] = field(default_factory=dict)
    comments: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    old: dict[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}{self.path}"

    def issue(self, key: str, summary: str, description: Any, *comments: Any) -> None:
        self.issues[key] = {
            "summary": summary,
            "description": description,
            "status": {"name": "To Do"},
            "labels": ["regression"],
            "reporter": {"displayName": "Ana"},
        }
        self.comments[key] = [{"author": {"displayName": "Bo"}, "body": each} for each in comments]

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        pattern = rf"{self.path}/rest/api/([23])/issue/([A-Z0-9_]+-\d+)(/comment)?"
        found = re.fullmatch(pattern, path_of(seen))
        if found is None:
            return page(404)
        basic = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
        sent = token_of(seen, "basic ") if found[1] == "3" else token_of(seen, "bearer ")
        if sent and sent != (basic if found[1] == "3" else TOKEN):
            return Answer(
                b"Client must be authenticated to access this resource.", 401, [("Content-Type", "text/plain")]
            )
        key = self.old.get(found[2], found[2])
        if not sent or key not in self.issues:
            what = "Issue does not exist or you do not have permission to see it."
            return said({"errorMessages": [what], "errors": {}}, 404)
        if not found[3]:
            return said({"id": "10000", "key": key, "fields": self.issues[key]})
        start, size = (int(query_of(seen).get(name, at)) for name, at in (("startAt", 0), ("maxResults", 50)))
        every = self.comments[key]
        size = min(size, 100)
        return said(
            {"startAt": start, "maxResults": size, "total": len(every), "comments": every[start : start + size]}
        )


@asynccontextmanager
async def standin_jira(pem: Path, path: str = "") -> AsyncIterator[StandInJira]:
    """Started on a free port, as `localhost`."""
    made = StandInJira(Host(), path)
    made.host.act = made.act
    async with serving(made.host.serve, pem) as port:
        made.host.port = port
        yield made

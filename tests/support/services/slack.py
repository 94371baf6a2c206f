"""Slack's web API, as far as messages go: https://docs.slack.dev/reference/methods."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.support.services.wire import Trouble, path_of, said, token_of
from tests.support.tls_host import Answer, Host, Seen, serving

TOKEN = "xoxb-sentinel-slack-5566"
PAGE = 2


@dataclass
class StandInSlack:
    """Messages by conversation, the newest first. `unreadable`: the app has no scope for history."""

    host: Host
    messages: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    unreadable: bool = False
    trouble: Trouble | None = None
    after: Trouble | None = None

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}"

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        answer = self._act(seen)
        return self.after(seen) or answer if self.after is not None else answer

    def _act(self, seen: Seen) -> Answer:
        if token_of(seen, "Bearer ") != TOKEN:
            return said({"ok": False, "error": "invalid_auth"})
        asked, method = fields(seen), path_of(seen)
        if method == "/api/conversations.open":
            return said({"ok": True, "channel": {"id": f"D{asked['users'][1:]}"}})
        if method == "/api/conversations.history":
            return self._history(asked)
        if method != "/api/chat.postMessage":
            return said({"ok": False, "error": "unknown_method"})
        to = str(asked["channel"])
        to = f"D{to[1:]}" if to[:1] == "U" else to
        kept = self.messages.setdefault(to, [])
        kept.insert(0, {"ts": f"1764000000.{len(kept):06}", **asked})
        return said({"ok": True, "channel": to, "ts": kept[0]["ts"]})

    def _history(self, asked: dict[str, Any]) -> Answer:
        if self.unreadable:
            return said({"ok": False, "error": "missing_scope", "needed": "im:history"})
        start = int(asked.get("cursor") or 0)
        rows = self.messages.get(str(asked["channel"]), [])
        following = str(start + PAGE) if start + PAGE < len(rows) else ""
        body = {"ok": True, "messages": rows[start : start + PAGE], "response_metadata": {"next_cursor": following}}
        return said(body)


def fields(seen: Seen) -> dict[str, Any]:
    """What was asked, as JSON or as a form; values of a form that are JSON are read."""
    text = seen.body.decode()
    if any("json" in each for each in seen.header("content-type")):
        found: dict[str, Any] = json.loads(text)
        return found
    return {name: _value(values[0]) for name, values in parse_qs(text).items()}


def _value(text: str) -> Any:
    return json.loads(text) if text[:1] in "[{" else text


@asynccontextmanager
async def standin_slack(pem: Path) -> AsyncIterator[StandInSlack]:
    """Started on a free port, as `localhost`."""
    made = StandInSlack(Host())
    made.host.act = made.act
    async with serving(made.host.serve, pem) as port:
        made.host.port = port
        yield made

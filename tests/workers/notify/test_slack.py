"""Slack, by its own client, against a server that speaks its protocol."""

import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest

from contracts.errors import CountersignError, NotSent, Undeliverable
from tests.workers.notify.test_smtp import message
from workers.notify.slack import Slack

TO = "U012AB3CDEF"


class Workspace:
    """What was posted, and what is answered: status, headers, body."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.answer: tuple[int, dict[str, str], object] = (200, {}, {"ok": True, "ts": "1.2", "channel": "D1"})
        self.url = ""

    def take(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["content-length"])).decode()
        is_json = "json" in handler.headers.get("content-type", "")
        fields = json.loads(body) if is_json else {name: value[0] for name, value in parse_qs(body).items()}
        self.posted.append({"path": handler.path, "token": handler.headers.get("authorization"), **fields})
        status, headers, said = self.answer
        text = said if isinstance(said, str) else json.dumps(said)
        handler.send_response(status)
        for name, value in {"content-type": "application/json", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(text.encode())


@pytest.fixture
def workspace() -> Iterator[Workspace]:
    made = Workspace()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            made.take(self)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.url = f"http://127.0.0.1:{server.server_port}/api/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield made
    server.shutdown()
    server.server_close()


@pytest.fixture
def slack(workspace: Workspace) -> Slack:
    return Slack("xoxb-secret-token", ssl.create_default_context(), workspace.url)


def blocks(posted: dict[str, Any]) -> list[dict[str, Any]]:
    found = posted["blocks"]
    parsed: list[dict[str, Any]] = json.loads(found) if isinstance(found, str) else found
    return parsed


async def test_a_message_has_links_and_no_button(slack: Slack, workspace: Workspace) -> None:
    evil = "<!channel> <@U1> *x* | <https://evil|Approve> & `code`"
    item = message().items[0].model_copy(update={"title": evil, "says": evil, "critical": True})
    number = "0" * 31 + "1"
    await slack.send(TO, message(id=number, items=(item,)))
    [posted] = workspace.posted
    assert (posted["path"], posted["channel"], posted["token"]) == (
        "/api/chat.postMessage",
        TO,
        "Bearer xoxb-secret-token",
    )
    assert posted["client_msg_id"] == "00000000-0000-0000-0000-000000000001"
    found = blocks(posted)
    assert {each["type"] for each in found} == {"section"}
    assert all("accessory" not in each and each["text"]["verbatim"] for each in found)
    text = "\n".join(each["text"]["text"] for each in found)
    assert "<!channel>" not in text + posted["text"]
    assert "<https://evil" not in text
    links = [part.split("|")[0] for part in text.replace(">", "<").split("<")[1::2]]
    assert links == ["https://c/p/1", "https://c/", "https://c/notify"]
    assert "Critical." in text


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (
            (200, {}, {"ok": False, "error": "channel_not_found"}),
            Undeliverable,
            "can't tell U012AB3CDEF: channel_not_found",
        ),
        (
            (200, {}, {"ok": False, "error": "invalid_auth"}),
            NotSent,
            "does not let us in: invalid_auth. Correct the token",
        ),
        ((200, {}, {"ok": False, "error": "fatal_error"}), NotSent, "could not take it: fatal_error"),
        ((200, {"Retry-After": "30"}, {"ok": False, "error": "ratelimited"}), NotSent, "asks for patience"),
        ((503, {}, "upstream is away"), NotSent, "Slack"),
        ((200, {}, "<html>a proxy's page</html>"), NotSent, "Slack"),
    ],
)
async def test_what_slack_answers_has_a_name(
    answer: tuple[int, dict[str, str], object],
    error: type[CountersignError],
    says: str,
    slack: Slack,
    workspace: Workspace,
) -> None:
    workspace.answer = answer
    with pytest.raises(error, match=says) as told:
        await slack.send(TO, message(id="1" * 32))
    assert "xoxb" not in str(told.value)
    assert len(workspace.posted) == 1  # the outbox tries again, not the client


async def test_a_rate_limit_says_for_how_long(slack: Slack, workspace: Workspace) -> None:
    workspace.answer = (429, {"Retry-After": "42"}, {"ok": False, "error": "ratelimited"})
    with pytest.raises(NotSent) as told:
        await slack.send(TO, message(id="1" * 32))
    assert told.value.retry_after == 42


async def test_a_slack_that_is_away_is_tried_later() -> None:
    with pytest.raises(NotSent, match="can't be reached"):
        await Slack("xoxb-1", ssl.create_default_context(), "http://127.0.0.1:1/api/").send(TO, message(id="1" * 32))

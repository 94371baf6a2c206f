"""Questions to a service's API in JSON, and what its refusals mean: for sources and effects alike."""

import base64
import json
from collections.abc import Awaitable, Callable, Mapping
from html.parser import HTMLParser
from typing import Any

from activities.services.service import Service
from activities.services.web import Reply, TooLarge, Web
from contracts.errors import AccessRefused, BadInput, CountersignError, DestinationMoved, NotFound, StrangeReply

FEWER = 10  # times, where a page is larger than is read


def headers(service: Service, secret: str) -> dict[str, str]:
    """With a user the secret is Zendesk's API token of that user; alone it is a bearer's."""
    found = {"accept": "application/json", "content-type": "application/json"}
    if service.kind == "intercom":
        found["intercom-version"] = "2.11"
    if service.user:
        both = base64.b64encode(f"{service.user}/token:{secret}".encode()).decode()
        found["authorization"] = f"Basic {both}"
    elif secret:
        found["authorization"] = f"Bearer {secret}"
    return found


async def asked(
    web: Web, method: str, path: str, subject: str, body: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """An object. `subject`: what it is about, for errors. Raises what `Web.ask` does; NotFound, AccessRefused,
    DestinationMoved (409: somebody changed it meanwhile), BadInput, StrangeReply."""
    sent = b"" if body is None else json.dumps(body).encode()
    reply = await web.ask(method, f"{web.service.api}{path}", headers(web.service, web.secret), sent)
    found = _read(reply)
    if reply.status >= 300:
        raise _refused(web, reply, found, subject)
    if reply.status == 204 or (not reply.content and method != "GET"):
        return {}
    if not isinstance(found, dict):
        raise StrangeReply(f"{web.service.name} answers with something else than asked for.", subject=subject)
    return found


async def asked_for_fewer(ask: Callable[[int], Awaitable[dict[str, Any]]], most: int) -> dict[str, Any]:
    """A page of at most so many, of fewer where that is more than is read at once. TooLarge where one alone is."""
    while True:
        try:
            return await ask(most)
        except TooLarge:
            if most <= 1:
                raise
            most = max(1, most // FEWER)


def _read(reply: Reply) -> Any:
    try:
        return json.loads(reply.content)
    except (ValueError, RecursionError):
        return None


def _refused(web: Web, reply: Reply, found: Any, subject: str) -> CountersignError:
    service, status = web.service, reply.status
    if status in (404, 410):
        what = f"{service.name} has no {subject}, or doesn't show it to us."
        return NotFound(what, subject=subject, way_out=f"Look at it there. {service.way_in}")
    if 300 <= status < 400:
        what = f"{service.name} sends us elsewhere, as to a page to log in."
        return AccessRefused(what, subject=subject, way_out=service.way_in)
    said = web.quoted(_words(found) or status)
    if status == 403:
        return AccessRefused(f"{service.name} refuses {subject}: {said}.", subject=subject, way_out=service.way_in)
    if status == 409:
        what = f"{subject} at {service.name} was changed meanwhile: {said}."
        return DestinationMoved(what, subject=subject, way_out="Start a new run, which reads it as it is now.")
    return BadInput(f"{service.name} can't do that with {subject}: {said}.", subject=subject)


def _words(found: Any) -> str:
    """What an error says, by Zendesk's and Intercom's forms."""
    if not isinstance(found, dict):
        return ""
    errors = found.get("errors")
    if isinstance(errors, list) and errors and isinstance(errors[0], dict):
        return str(errors[0].get("message") or errors[0].get("code") or "")
    return str(found.get("description") or found.get("error") or "")


def plain_html(text: str, *, quoted: bool = True) -> str:
    """The words of a message in HTML, a line for each paragraph. `quoted`: with what it quotes."""
    reader = _Words(() if quoted else ("blockquote",))
    reader.feed(text)
    reader.close()
    lines = ("".join(reader.found)).splitlines()
    return "\n".join(filter(None, (" ".join(line.split()) for line in lines)))


class _Words(HTMLParser):
    """Collects text outside of scripts and styles, and of what is to be silent beside those."""

    BREAKS = ("p", "br", "div", "li", "tr", "h1", "h2", "h3", "blockquote")

    def __init__(self, silent: tuple[str, ...] = ()) -> None:
        super().__init__(convert_charrefs=True)
        self.of_these = ("script", "style", "head", "title", *silent)
        self.found: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.silent += tag in self.of_these
        self.found += ["\n"] if tag in self.BREAKS else []

    def handle_endtag(self, tag: str) -> None:
        self.silent -= tag in self.of_these and self.silent > 0
        self.found += ["\n"] if tag in self.BREAKS else []

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.found.append(data)

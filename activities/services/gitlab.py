"""GitLab's REST API over a `Web`: what is asked, and its refusals as errors of ours."""

import json
from typing import Any
from urllib.parse import quote

from activities.services.web import Reply, Web
from activities.tickets import bounds
from contracts.errors import AccessRefused, BadInput, CountersignError, Moved, NotFound, StrangeReply


def project(path: str) -> str:
    """The path in the API of the project `group/name`."""
    return f"projects/{quote(path, safe='')}"


async def asked(
    web: Web, method: str, path: str, subject: str, body: dict[str, Any] | None = None
) -> tuple[Any, Reply]:
    """What GitLab answers. Raises NotFound, AccessRefused, Moved, BadInput, StrangeReply and what `Web.ask` does."""
    headers = {"accept": "application/json", "content-type": "application/json"}
    if web.secret:
        headers["authorization"] = f"Bearer {web.secret}"
    sent = json.dumps(body).encode() if body is not None else b""
    reply = await web.ask(method, f"{web.service.api}/{path}", headers, sent)
    try:
        said = json.loads(reply.content) if reply.content else None
    except ValueError:
        raise StrangeReply(f"{web.service.name} answers with what can't be read.", subject=subject) from None
    if reply.status >= 300:
        raise refused(web, reply, said, subject)
    return said, reply


def refused(web: Web, reply: Reply, said: Any, subject: str) -> CountersignError:
    """The error of a refusal, in the service's words."""
    service = web.service
    words = web.quoted(bounds.under(said, "message") or bounds.under(said, "error") or reply.status)
    if 300 <= reply.status < 400:
        return Moved(f"{service.name} has {subject} elsewhere now.", subject=subject, way_out="Give its new address.")
    if reply.status == 404:
        what = f"{service.name} does not show {subject}: it isn't there, or not for us to see."
        return NotFound(what, subject=subject, way_out=f"Check the name. {service.way_in}")
    if reply.status == 403:
        return AccessRefused(f"{service.name} refuses {subject}: {words}.", subject=subject, way_out=service.way_in)
    return BadInput(f"{service.name} can't do that with {subject}: {words}.", subject=subject)

"""An issue of Jira's as a ticket: Jira Cloud by REST v3, a Jira of one's own (Data Center) by REST v2, which has no v3.

Two GETs do it. The client library that there is speaks v2, follows redirects and retries by itself.
"""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from activities.services.web import Reply, Web, reached
from activities.tickets import adf, bounds
from activities.tickets.named import Named
from contracts.errors import AccessRefused, BadInput, CountersignError, NotFound, StrangeReply
from contracts.ticket import Comment, Ticket

FIELDS = "summary,description,status,labels,reporter"
PAGE = 100


async def read(named: Named, authorities: Path | None) -> Ticket:
    """The issue with its first comments. One that moved to another project is told by its new key."""
    async with reached(named.service, authorities) as web:
        issue = await _get(web, named, f"issue/{named.key}", fields=FIELDS)
        said, total = await _comments(web, named)
    return _ticket(web, named, issue, said, total)


async def _comments(web: Web, named: Named) -> tuple[list[Any], int]:
    said: list[Any] = []
    total = 1
    while len(said) < min(total, bounds.MOST_COMMENTS):
        page = await _get(
            web, named, f"issue/{named.key}/comment", startAt=len(said), maxResults=PAGE, orderBy="created"
        )
        found, total = bounds.listed(page.get("comments")), page.get("total") or 0
        said += found
        if not found or not isinstance(total, int):
            break
    return said[: bounds.MOST_COMMENTS], total if isinstance(total, int) else len(said)


async def _get(web: Web, named: Named, path: str, **query: str | int) -> dict[str, Any]:
    """An object. With a user the secret is Jira Cloud's API token; alone it is a personal access token."""
    service, headers = web.service, {"accept": "application/json"}
    if service.user:
        both = base64.b64encode(f"{service.user}:{web.secret}".encode()).decode()
        headers["authorization"] = f"Basic {both}"
    elif web.secret:
        headers["authorization"] = f"Bearer {web.secret}"
    reply = await web.ask("GET", f"{service.api}/rest/api/{_version(web)}/{path}?{urlencode(query)}", headers)
    if reply.status != 200:
        raise _refused(web, named, reply)
    found = _read(reply)
    if not isinstance(found, dict):
        raise StrangeReply(f"{service.name} answers with something else than asked for.", subject=str(named))
    return found


def _read(reply: Reply) -> Any:
    try:
        return json.loads(reply.content)
    except ValueError:
        return None


def _refused(web: Web, named: Named, reply: Reply) -> CountersignError:
    service, subject = web.service, str(named)
    if reply.status == 404:
        return NotFound(
            f"{service.name} can't read {named}: it isn't there, or not for us to see.",
            subject=subject,
            way_out=f"Check the key. {service.way_in}",
        )
    if 300 <= reply.status < 400:
        what = f"{service.name} sends us elsewhere, as to a page to log in."
        return AccessRefused(what, subject=subject, way_out=service.way_in)
    reasons = bounds.listed(bounds.under(_read(reply), "errorMessages"))
    said = reasons[0] if reasons else reply.headers.get("x-authentication-denied-reason") or reply.status
    if reply.status == 403:
        what = f"{service.name} won't read {named}: {web.quoted(said)}."
        return AccessRefused(what, subject=subject, way_out=service.way_in)
    return BadInput(f"{service.name} can't read {named}: {web.quoted(said)}.", subject=subject)


def _version(web: Web) -> int:
    return 3 if web.service.user or web.service.host.endswith(".atlassian.net") else 2


def _ticket(web: Web, named: Named, issue: dict[str, Any], said: list[Any], total: int) -> Ticket:
    fields = issue.get("fields")
    title = bounds.under(fields, "summary")
    if not isinstance(title, str) or not title.strip():
        raise StrangeReply(f"{web.service.name} answers without an issue.", subject=str(named))
    key = bounds.name(issue.get("key")).upper() or named.key
    return Ticket(
        key=str(Named(named.service, key=key)),
        title=title.strip()[:300],
        body=adf.plain(bounds.under(fields, "description")),
        url=f"{named.service.web}/browse/{key}",
        author=bounds.name(bounds.under(fields, "reporter"), "displayName", "name"),
        state=bounds.name(bounds.under(fields, "status"), "name"),
        labels=tuple(bounds.name(each) for each in bounds.listed(bounds.under(fields, "labels"))[: bounds.MOST_LABELS]),
        comments=tuple(
            Comment(
                author=bounds.name(bounds.under(each, "author"), "displayName", "name"),
                text=adf.plain(bounds.under(each, "body")),
            )
            for each in said
        ),
        left_out=max(0, total - len(said)),
    )

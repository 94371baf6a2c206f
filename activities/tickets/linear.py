"""An issue of Linear's as a ticket.

One fixed query, so a POST with JSON does it: a GraphQL client would bring a schema and a transport of its own, and
the transport is what has to be ours (activities/services/web.py).
"""

import json
from pathlib import Path
from typing import Any

from activities.services.web import Reply, Web, patience, reached
from activities.tickets import bounds
from activities.tickets.named import Named
from contracts.errors import AccessRefused, CountersignError, NotFound, ServiceBusy, StrangeReply
from contracts.ticket import Comment, Ticket

QUERY = """\
query Ticket($id: String!, $after: String) {
  issue(id: $id) {
    identifier title description url
    creator { displayName name }
    state { name }
    labels(first: 50) { nodes { name } }
    comments(first: 100, after: $after) {
      nodes { body createdAt user { displayName name } }
      pageInfo { hasNextPage endCursor }
    }
  }
}
"""


async def read(named: Named, authorities: Path | None) -> Ticket:
    """The issue with its comments. One that moved to another team is found by its old key, and told by its new one."""
    async with reached(named.service, authorities) as web:
        if not web.secret:
            raise AccessRefused(
                f"{named.service.name} tells nothing without a key.", subject=str(named), way_out=named.service.way_in
            )
        issue, said, more = await _page(web, named, None)
        while more and len(said) < bounds.MOST_COMMENTS:
            _, next_ones, more = await _page(web, named, more)
            said += next_ones
    return _ticket(named, issue, said[: bounds.MOST_COMMENTS], bool(more) or len(said) > bounds.MOST_COMMENTS)


async def _page(web: Web, named: Named, after: str | None) -> tuple[dict[str, Any], list[Any], str]:
    """The issue, some of its comments, and where the next ones begin."""
    # Keys of people are sent as they are, tokens of applications as bearers.
    scheme = "Bearer " if web.secret.startswith("lin_oauth_") else ""
    headers = {"authorization": f"{scheme}{web.secret}", "content-type": "application/json"}
    body = json.dumps({"query": QUERY, "variables": {"id": named.key, "after": after}}).encode()
    reply = await web.ask("POST", f"{web.service.api}/graphql", headers, body)
    issue = _issue(web, named, reply)
    comments = issue.get("comments")
    more = bounds.under(comments, "pageInfo", "endCursor") if bounds.under(comments, "pageInfo", "hasNextPage") else ""
    return issue, bounds.listed(bounds.under(comments, "nodes")), more if isinstance(more, str) else ""


def _issue(web: Web, named: Named, reply: Reply) -> dict[str, Any]:
    try:
        said = json.loads(reply.content)
    except ValueError:
        said = None
    errors = bounds.listed(bounds.under(said, "errors"))
    if errors:
        raise _refused(web, named, errors[0], reply)
    issue = bounds.under(said, "data", "issue")
    if reply.status != 200 or not isinstance(issue, dict) or not isinstance(issue.get("title"), str):
        raise StrangeReply(f"{web.service.name} answers {reply.status} without an issue.", subject=str(named))
    workspace = str(issue.get("url") or "").removeprefix("https://linear.app/").partition("/")[0].lower()
    if named.workspace and workspace != named.workspace:
        raise NotFound(
            f"{named} is not in the workspace {named.workspace!r} for the key that was given.",
            subject=str(named),
            way_out=f"The key opens {web.quoted(workspace)!r}. {web.service.way_in}",
        )
    return issue


def _refused(web: Web, named: Named, error: Any, reply: Reply) -> CountersignError:
    code = str(bounds.under(error, "extensions", "code") or bounds.under(error, "extensions", "type") or "").upper()
    said = web.quoted(bounds.under(error, "message") or "no reason")
    name, subject = web.service.name, str(named)
    if "RATELIMITED" in code:
        return ServiceBusy(
            f"{name} asks for patience: {said}.", subject=subject, retry_after=patience(reply, is_limit=True)
        )
    if "AUTHENTICATION" in code or "FORBIDDEN" in code:
        return AccessRefused(f"{name} won't read {named}: {said}.", subject=subject, way_out=web.service.way_in)
    if "not found" in said.lower():
        return NotFound(
            f"{name} can't read {named}: it isn't there, or not for us to see.",
            subject=subject,
            way_out=f"Check the key. {web.service.way_in}",
        )
    return StrangeReply(f"{name} can't read {named}: {said}.", subject=subject)


def _ticket(named: Named, issue: dict[str, Any], said: list[Any], more: bool) -> Ticket:
    """By the key that it has now, if that looks like one."""
    known = Named(named.service, key=bounds.name(issue.get("identifier")).upper() or named.key)
    url = bounds.text(issue.get("url"))
    return Ticket(
        key=str(known),
        title=issue["title"][:300],
        body=bounds.text(issue.get("description")),
        url=url if url.startswith("https://linear.app/") else "",
        author=bounds.name(issue.get("creator"), "displayName", "name"),
        state=bounds.name(issue.get("state"), "name"),
        labels=tuple(
            filter(None, (bounds.name(each, "name") for each in bounds.listed(bounds.under(issue, "labels", "nodes"))))
        ),
        comments=tuple(
            Comment(
                author=bounds.name(bounds.under(each, "user"), "displayName", "name"),
                text=bounds.text(bounds.under(each, "body")),
            )
            for each in said
        ),
        left_out=int(more),
    )

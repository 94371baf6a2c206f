"""Issues of a Linear team, newest first, by GraphQL."""

import json
from pathlib import Path
from typing import Any

from activities.bug_triage.sources.decided import decided
from activities.bug_triage.sources.pages import all_pages, bounded
from activities.bug_triage.sources.place import Place
from activities.bug_triage.sources.rows import moment
from activities.progress import Progress
from activities.services.web import Web, patience, reached
from activities.tickets import bounds
from contracts.bugs import Issue
from contracts.errors import AccessRefused, BadInput, CountersignError, NotFound, ServiceBusy, StrangeReply
from ledger import ArtifactStore

QUERY = """\
query Issues($team: String!, $after: String) {
  issues(filter: { team: { key: { eq: $team } } }, first: 100, after: $after, orderBy: createdAt) {
    nodes {
      identifier title description url createdAt priorityLabel
      creator { displayName name } assignee { id displayName name } state { type }
      labels(first: 50) { nodes { name } }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
NO_PRIORITY = "No priority"


async def read(place: Place, authorities: Path | None, told: Progress, store: ArtifactStore) -> tuple[list[Issue], str]:
    """All issues, and what was left out. Raises as `asked` does, and ServiceBusy."""
    assert place.service is not None
    async with reached(place.service, authorities) as web:

        async def ask(cursor: str) -> tuple[list[Issue], str]:
            data = await asked(web, QUERY, {"team": place.what, "after": cursor or None}, str(place))
            found = data.get("issues")
            rows = [row for row in bounds.listed(bounds.under(found, "nodes")) if bounds.name(row, "identifier")]
            if not isinstance(found, dict) or (not rows and not cursor and not isinstance(found.get("nodes"), list)):
                raise StrangeReply(f"{web.service.name} answers without issues.", subject=str(place))
            more = bounds.under(found, "pageInfo", "hasNextPage")
            return [_issue(place, row) for row in rows], bounds.text(
                bounds.under(found, "pageInfo", "endCursor")
            ) if more else ""

        return await all_pages(ask, told, store, place.what)


async def asked(web: Web, query: str, variables: dict[str, Any], subject: str) -> dict[str, Any]:
    """The data of an answer. Raises ServiceBusy, AccessRefused, NotFound, BadInput, StrangeReply and what `Web.ask`
    does."""
    if not web.secret:
        what = f"{web.service.name} tells nothing without a key."
        raise AccessRefused(what, subject=subject, way_out=web.service.way_in)
    scheme = "Bearer " if web.secret.startswith("lin_oauth_") else ""
    headers = {"authorization": f"{scheme}{web.secret}", "content-type": "application/json"}
    body = json.dumps({"query": query, "variables": variables}).encode()
    reply = await web.ask("POST", f"{web.service.api}/graphql", headers, body)
    try:
        said = json.loads(reply.content)
    except ValueError:
        said = None
    if errors := bounds.listed(bounds.under(said, "errors")):
        raise refused(web, errors[0], subject, patience(reply, is_limit=True))
    data = bounds.under(said, "data")
    if reply.status != 200 or not isinstance(data, dict):
        raise StrangeReply(f"{web.service.name} answers {reply.status} without data.", subject=subject)
    return data


def refused(web: Web, error: Any, subject: str, wait: float | None) -> CountersignError:
    """The error of a refusal, in the service's words."""
    name, way_in = web.service.name, web.service.way_in
    code = str(bounds.under(error, "extensions", "code") or bounds.under(error, "extensions", "type") or "").upper()
    said = web.quoted(bounds.under(error, "message") or "no reason")
    if "RATELIMITED" in code:
        return ServiceBusy(f"{name} asks for patience: {said}.", subject=subject, retry_after=wait)
    if "AUTHENTICATION" in code or "FORBIDDEN" in code:
        return AccessRefused(f"{name} refuses {subject}: {said}.", subject=subject, way_out=way_in)
    if "not found" in said.lower():
        return NotFound(f"{name} does not show {subject}: {said}.", subject=subject, way_out=way_in)
    return BadInput(f"{name} can't do that with {subject}: {said}.", subject=subject)


def _issue(place: Place, row: dict[str, Any]) -> Issue:
    title, body = bounded(bounds.text(row.get("title")), bounds.text(row.get("description")))
    names = (bounds.name(each, "name") for each in bounds.listed(bounds.under(row, "labels", "nodes")))
    labels = tuple(filter(None, names))[: bounds.MOST_LABELS]
    said = decided(labels)
    url, priority = bounds.text(row.get("url")), bounds.name(row.get("priorityLabel"))
    done = bounds.under(row, "state", "type") in ("completed", "canceled", "duplicate")
    return Issue(
        key=place.key(bounds.name(row, "identifier").upper()),
        project=place.what,
        title=title,
        body=body,
        created=moment(row.get("createdAt")),
        author=bounds.name(row.get("creator"), "displayName", "name"),
        labels=labels,
        state="closed" if done else "open",
        url=url if url.startswith("https://linear.app/") else "",
        assignee=bounds.name(row.get("assignee"), "id"),
        kind=said.get("kind", ""),
        priority="" if priority == NO_PRIORITY else priority,
        component=said.get("component", ""),
    )

"""Issues of a Linear team, newest first, by GraphQL."""

import json
from pathlib import Path
from typing import Any

from activities.bug_triage.sources.decided import decided
from activities.bug_triage.sources.pages import Page, Read, all_pages, bounded, changed_pages, newest_of
from activities.bug_triage.sources.place import Place
from activities.bug_triage.sources.rows import moment
from activities.bug_triage.sources.since import ISO, Since
from activities.progress import Progress
from activities.services.web import Web, patience, reached
from activities.tickets import bounds
from contracts.bug_triage import Milestone
from contracts.bugs import Issue
from contracts.errors import AccessRefused, BadInput, CountersignError, NotFound, ServiceBusy, StrangeReply
from ledger import ArtifactStore

NODE = """\
      identifier title description url createdAt updatedAt priorityLabel
      creator { displayName name } assignee { id displayName name } state { type }
      labels(first: 50) { nodes { name } }
"""
QUERY = (
    """\
query Issues($filter: IssueFilter!, $first: Int!, $after: String, $by: PaginationOrderBy!) {
  issues(filter: $filter, first: $first, after: $after, orderBy: $by) {
    nodes {
"""
    + NODE
    + """\
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""
)
ONE = "query Issue($id: String!) {\n  issue(id: $id) {\n" + NODE + "  }\n}\n"
NO_PRIORITY = "No priority"


async def read(
    place: Place, authorities: Path | None, told: Progress, store: ArtifactStore, since: Since | None = None
) -> Read:
    """All issues, or those that changed since. Raises as `asked` does, and ServiceBusy."""
    assert place.service is not None
    which: dict[str, Any] = {"team": {"key": {"eq": place.what}}}
    if since:
        which["updatedAt"] = {"gte": since.moment.strftime(ISO)}
    by = "updatedAt" if since else "createdAt"
    async with reached(place.service, authorities) as web:

        async def ask(cursor: str, size: int) -> Page:
            given = {"filter": which, "first": size, "after": cursor or None, "by": by}
            found = (await asked(web, QUERY, given, str(place))).get("issues")
            if not isinstance(bounds.under(found, "nodes"), list):
                raise StrangeReply(f"{web.service.name} answers without issues.", subject=str(place))
            more = bounds.under(found, "pageInfo", "hasNextPage")
            return _page(
                place,
                bounds.under(found, "nodes"),
                bounds.text(bounds.under(found, "pageInfo", "endCursor")) if more else "",
            )

        return await (changed_pages(ask, told, place.what) if since else all_pages(ask, told, store, place.what))


async def one(place: Place, authorities: Path | None, number: str) -> Page:
    """One issue. NotFound where there is none of that key."""
    assert place.service is not None
    async with reached(place.service, authorities) as web:
        row = (await asked(web, ONE, {"id": number}, place.key(number))).get("issue")
        if not bounds.name(row, "identifier"):
            raise NotFound(f"{web.service.name} has no issue {number} for us.", subject=place.key(number))
        return _page(place, [row], "")


async def milestones(place: Place, authorities: Path | None) -> list[Milestone]:
    """None: Linear's belong to projects and not to a team, and an issue may have no project."""
    return []


def _page(place: Place, rows: list[Any], following: str) -> Page:
    issues = tuple(_issue(place, row) for row in rows if bounds.name(row, "identifier"))
    people = [bounds.under(row, "assignee") for row in rows]
    names = {bounds.name(each, "id"): bounds.name(each, "displayName", "name") for each in people}
    names.pop("", None)
    newest = newest_of(bounds.under(row, "updatedAt") for row in rows)
    return Page(issues=issues, next=following, newest=newest, names=names)


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

"""Issues of a Jira project, newest first: Cloud by REST v3, whose pages have tokens, Data Center by REST v2."""

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from activities.bug_triage.sources.decided import decided, kind_of
from activities.bug_triage.sources.pages import Page, Read, all_pages, bounded, changed_pages, newest_of
from activities.bug_triage.sources.place import Place
from activities.bug_triage.sources.rows import moment
from activities.bug_triage.sources.since import MOST_MILESTONES, Since
from activities.progress import Progress
from activities.services.web import Reply, Web, reached
from activities.tickets import adf, bounds
from contracts.bug_triage import Milestone
from contracts.bugs import Issue
from contracts.errors import AccessRefused, BadInput, CountersignError, NotFound, StrangeReply
from ledger import ArtifactStore

FIELDS = (
    "summary,description,issuetype,priority,components,labels,status,resolution,versions,assignee,reporter,created,"
    "updated,issuelinks"
)


async def read(
    place: Place, authorities: Path | None, told: Progress, store: ArtifactStore, since: Since | None = None
) -> Read:
    """All issues, or those that changed since. Raises as `asked` does, and ServiceBusy."""
    assert place.service is not None
    # Moments in JQL are read in the time zone of whoever asks. A span is not.
    which = f'AND updated >= "-{since.minutes}m" ORDER BY updated DESC' if since else "ORDER BY created DESC"
    jql = f'project = "{place.what}" {which}'
    async with reached(place.service, authorities) as web:

        async def ask(cursor: str, size: int) -> Page:
            query = {"jql": jql, "fields": FIELDS, "maxResults": size}
            if is_cloud(web):
                path, more = "search/jql", {"nextPageToken": cursor} if cursor else {}
            else:
                path, more = "search", {"startAt": cursor or "0"}
            found = await asked(web, "GET", f"{path}?{urlencode({**query, **more})}", str(place))
            if not isinstance(found, dict) or "issues" not in found:
                raise StrangeReply(f"{web.service.name} answers without issues.", subject=str(place))
            rows = bounds.listed(found["issues"])
            return _page(place, rows, _next(web, found, cursor, len(rows)))

        return await (changed_pages(ask, told, place.what) if since else all_pages(ask, told, store, place.what))


async def one(place: Place, authorities: Path | None, number: str) -> Page:
    """One issue. NotFound where there is none of that key."""
    assert place.service is not None
    async with reached(place.service, authorities) as web:
        query = urlencode({"fields": FIELDS})
        row = await asked(web, "GET", f"issue/{quote(number, safe='')}?{query}", place.key(number))
        if not bounds.name(row, "key"):
            raise StrangeReply(f"{web.service.name} answers without an issue.", subject=place.key(number))
        return _page(place, [row], "")


async def milestones(place: Place, authorities: Path | None) -> list[Milestone]:
    """Versions that are neither released nor archived."""
    assert place.service is not None
    async with reached(place.service, authorities) as web:
        rows = await asked(web, "GET", f"project/{quote(place.what, safe='')}/versions", str(place))
    return [
        Milestone(title=bounds.name(each, "name"), due=moment(bounds.under(each, "releaseDate")))
        for each in bounds.listed(rows)
        if not (bounds.under(each, "released") or bounds.under(each, "archived"))
    ][-MOST_MILESTONES:]


def _page(place: Place, rows: list[Any], following: str) -> Page:
    issues = tuple(_issue(place, row) for row in rows if bounds.name(row, "key"))
    people = [bounds.under(row, "fields", "assignee") for row in rows]
    names = {bounds.name(each, "accountId", "name"): bounds.name(each, "displayName", "name") for each in people}
    names.pop("", None)
    newest = newest_of(bounds.under(row, "fields", "updated") for row in rows)
    return Page(issues=issues, next=following, newest=newest, names=names)


def _next(web: Web, found: dict[str, Any], cursor: str, count: int) -> str:
    if is_cloud(web):
        return bounds.text(found.get("nextPageToken")) if not found.get("isLast") else ""
    total, at = found.get("total"), int(cursor or 0) + count
    return str(at) if isinstance(total, int) and count and at < total else ""


def is_cloud(web: Web) -> bool:
    return bool(web.service.user) or web.service.host.endswith(".atlassian.net")


async def asked(web: Web, method: str, path: str, subject: str, body: dict[str, Any] | None = None) -> Any:
    """What Jira answers; None where that is nothing. Raises NotFound, AccessRefused, BadInput, StrangeReply and what
    `Web.ask` does."""
    headers = {"accept": "application/json", "content-type": "application/json", **credentials(web)}
    sent = json.dumps(body).encode() if body is not None else b""
    version = 3 if is_cloud(web) else 2
    reply = await web.ask(method, f"{web.service.api}/rest/api/{version}/{path}", headers, sent)
    try:
        said = json.loads(reply.content) if reply.content else None
    except ValueError:
        said = None
    if reply.status >= 300:
        raise refused(web, reply, said, subject)
    return said


def credentials(web: Web) -> dict[str, str]:
    """With a user the secret is Jira Cloud's API token; alone it is a personal access token."""
    if web.service.user:
        both = base64.b64encode(f"{web.service.user}:{web.secret}".encode()).decode()
        return {"authorization": f"Basic {both}"}
    return {"authorization": f"Bearer {web.secret}"} if web.secret else {}


def refused(web: Web, reply: Reply, said: Any, subject: str) -> CountersignError:
    """The error of a refusal, in the service's words."""
    service = web.service
    reasons = [str(each) for each in bounds.listed(bounds.under(said, "errorMessages"))]
    by_field = bounds.under(said, "errors")
    reasons += [f"{name}: {what}" for name, what in by_field.items()] if isinstance(by_field, dict) else []
    words = web.quoted("; ".join(reasons) or reply.status)
    if reply.status == 404:
        what = f"{service.name} does not show {subject}: it isn't there, or not for us to see."
        return NotFound(what, subject=subject, way_out=f"Check the key. {service.way_in}")
    if reply.status == 403 or 300 <= reply.status < 400:
        return AccessRefused(f"{service.name} refuses {subject}: {words}.", subject=subject, way_out=service.way_in)
    return BadInput(f"{service.name} can't do that with {subject}: {words}.", subject=subject)


def _issue(place: Place, row: dict[str, Any]) -> Issue:
    assert place.service is not None
    fields, key = row.get("fields"), bounds.name(row, "key")
    title, body = bounded(bounds.text(bounds.under(fields, "summary")), adf.plain(bounds.under(fields, "description")))
    labels = tuple(filter(None, map(bounds.name, bounds.listed(bounds.under(fields, "labels")))))[: bounds.MOST_LABELS]
    said = decided(labels)
    kind = bounds.name(bounds.under(fields, "issuetype"), "name")
    is_done = bounds.under(fields, "status", "statusCategory", "key") == "done" or bounds.under(fields, "resolution")
    return Issue(
        key=place.key(key),
        project=place.what,
        title=title,
        body=body,
        created=moment(bounds.under(fields, "created")),
        author=bounds.name(bounds.under(fields, "reporter"), "displayName", "name"),
        versions=_names(bounds.under(fields, "versions")),
        labels=labels,
        state="closed" if is_done else "open",
        url=f"{place.service.web}/browse/{key}",
        assignee=bounds.name(bounds.under(fields, "assignee"), "accountId", "name"),
        kind=kind_of(kind) or kind or said.get("kind", ""),
        priority=bounds.name(bounds.under(fields, "priority"), "name") or said.get("priority", ""),
        component=next(iter(_names(bounds.under(fields, "components"))), said.get("component", "")),
        duplicates=_duplicates(place, bounds.under(fields, "issuelinks")),
    )


def _names(values: Any) -> tuple[str, ...]:
    return tuple(filter(None, (bounds.name(each, "name") for each in bounds.listed(values)[:20])))


def _duplicates(place: Place, links: Any) -> tuple[str, ...]:
    """Issues that this one is linked to as a duplicate, whichever way round."""
    same = [link for link in bounds.listed(links) if "duplicate" in str(bounds.under(link, "type", "name")).lower()]
    keys = [bounds.name(bounds.under(link, side), "key") for link in same for side in ("inwardIssue", "outwardIssue")]
    return tuple(place.key(key) for key in filter(None, keys))[:20]

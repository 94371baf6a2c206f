"""Issues of a GitLab project, newest first."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from activities.bug_triage.sources.decided import decided, kind_of
from activities.bug_triage.sources.pages import all_pages, bounded
from activities.bug_triage.sources.place import Place
from activities.bug_triage.sources.rows import moment
from activities.progress import Progress
from activities.services.web import Reply, Web, reached
from activities.tickets import bounds
from contracts.bugs import Issue
from contracts.errors import AccessRefused, BadInput, CountersignError, Moved, NotFound, StrangeReply
from ledger import ArtifactStore

PER_PAGE = 100


async def read(place: Place, authorities: Path | None, told: Progress, store: ArtifactStore) -> tuple[list[Issue], str]:
    """All issues, and what was left out. Raises as `asked` does, and ServiceBusy."""
    assert place.service is not None
    async with reached(place.service, authorities) as web:

        async def ask(cursor: str) -> tuple[list[Issue], str]:
            query = {"state": "all", "scope": "all", "order_by": "created_at", "sort": "desc", "per_page": PER_PAGE}
            page = urlencode({**query, "page": cursor or 1})
            rows, reply = await asked(web, "GET", f"{project(place)}/issues?{page}", str(place))
            issues = [_issue(place, row) for row in objects(web, rows, str(place))]
            return issues, reply.headers.get("x-next-page", "").strip()

        return await all_pages(ask, told, store, place.what)


def project(place: Place) -> str:
    """The path of the project in the API."""
    return f"projects/{quote(place.what, safe='')}"


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


def objects(web: Web, rows: Any, subject: str) -> list[dict[str, Any]]:
    """A list of objects. Raises StrangeReply for anything else."""
    if not isinstance(rows, list) or not all(isinstance(row, dict) and row.get("iid") for row in rows):
        raise StrangeReply(f"{web.service.name} answers with something else than issues.", subject=subject)
    return rows


def _issue(place: Place, row: dict[str, Any]) -> Issue:
    assert place.service is not None
    title, body = bounded(bounds.text(row.get("title")), bounds.text(row.get("description")))
    labels = tuple(filter(None, (bounds.name(each, "name") for each in bounds.listed(row.get("labels")))))
    said = decided(labels[: bounds.MOST_LABELS])
    number = bounds.name(str(row["iid"]))
    return Issue(
        key=place.key(number),
        project=place.what,
        title=title,
        body=body,
        created=moment(row.get("created_at")),
        author=bounds.name(row.get("author"), "username"),
        labels=labels[: bounds.MOST_LABELS],
        state="open" if row.get("state") == "opened" else bounds.name(row.get("state")),
        url=f"{place.service.web}/{place.what}/-/issues/{number}",
        assignee=bounds.name(next(iter(bounds.listed(row.get("assignees"))), None), "username"),
        kind=said.get("kind", "") or kind_of(bounds.name(row.get("issue_type"))),
        priority=said.get("priority", ""),
        component=said.get("component", ""),
    )

"""Issues of a GitLab project, newest first."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from activities.bug_triage.sources.decided import decided, kind_of
from activities.bug_triage.sources.pages import Page, Read, all_pages, bounded, changed_pages, newest_of, page_of
from activities.bug_triage.sources.place import Place
from activities.bug_triage.sources.rows import moment
from activities.bug_triage.sources.since import ISO, MOST_MILESTONES, Since
from activities.progress import Progress
from activities.services.gitlab import asked, project
from activities.services.web import Web, reached
from activities.tickets import bounds
from contracts.bug_triage import Milestone
from contracts.bugs import Issue
from contracts.errors import StrangeReply
from ledger import ArtifactStore


async def read(
    place: Place, authorities: Path | None, told: Progress, store: ArtifactStore, since: Since | None = None
) -> Read:
    """All issues, or those that changed since. Raises as `asked` does, and ServiceBusy."""
    assert place.service is not None
    which = {"order_by": "updated_at", "updated_after": since.moment.strftime(ISO)} if since else {}
    query = {"state": "all", "scope": "all", "order_by": "created_at", "sort": "desc", **which}
    async with reached(place.service, authorities) as web:

        async def ask(cursor: str, size: int) -> Page:
            page = urlencode({**query, "per_page": size, "page": page_of(cursor, size)})
            rows, reply = await asked(web, "GET", f"{project(place.what)}/issues?{page}", str(place))
            issues = [_issue(place, row) for row in objects(web, rows, str(place))]
            more = reply.headers.get("x-next-page", "").strip()
            newest = newest_of(row.get("updated_at") for row in rows)
            return Page(issues=tuple(issues), next=str(int(cursor or 0) + size) if more else "", newest=newest)

        return await (changed_pages(ask, told, place.what) if since else all_pages(ask, told, store, place.what))


async def one(place: Place, authorities: Path | None, number: str) -> Page:
    """One issue. NotFound where there is none of that number."""
    assert place.service is not None
    async with reached(place.service, authorities) as web:
        row, _ = await asked(web, "GET", f"{project(place.what)}/issues/{quote(number, safe='')}", place.key(number))
        return Page(issues=tuple(_issue(place, each) for each in objects(web, [row], str(place))))


async def milestones(place: Place, authorities: Path | None) -> list[Milestone]:
    """Those that are active, of the project and of its groups."""
    assert place.service is not None
    query = urlencode({"state": "active", "include_ancestors": "true", "per_page": 100})
    async with reached(place.service, authorities) as web:
        rows, _ = await asked(web, "GET", f"{project(place.what)}/milestones?{query}", str(place))
    return [
        Milestone(title=bounds.name(each, "title"), due=moment(bounds.under(each, "due_date")))
        for each in bounds.listed(rows)[:MOST_MILESTONES]
    ]


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

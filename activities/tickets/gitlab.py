"""An issue of GitLab's as a ticket."""

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from activities.services.gitlab import asked, project
from activities.services.web import Web, reached
from activities.tickets import bounds
from activities.tickets.named import Named
from contracts.errors import StrangeReply
from contracts.ticket import Comment, Ticket

PAGE = 100


async def read(named: Named, authorities: Path | None) -> Ticket:
    """The issue with its first comments; what GitLab itself notes among them is left out. Raises as `asked` does."""
    where = f"{project(named.project)}/issues/{named.number}"
    async with reached(named.service, authorities) as web:
        issue, _ = await asked(web, "GET", where, str(named))
        if not isinstance(issue, dict) or not isinstance(issue.get("title"), str):
            raise StrangeReply(f"{named.service.name} answers without an issue.", subject=str(named))
        said, more = await _comments(web, where, str(named)) if issue.get("user_notes_count", 1) else ([], 0)
    return _ticket(named, issue, said, more)


async def _comments(web: Web, where: str, subject: str) -> tuple[list[dict[str, Any]], int]:
    """The first of them, and how many pages there are beside; a page counts as one."""
    said: list[dict[str, Any]] = []
    page = "1"
    while page and len(said) < bounds.MOST_COMMENTS:
        query = urlencode({"per_page": PAGE, "page": page, "sort": "asc", "order_by": "created_at"})
        rows, reply = await asked(web, "GET", f"{where}/notes?{query}", subject)
        said += [row for row in bounds.listed(rows) if isinstance(row, dict) and not row.get("system")]
        page = reply.headers.get("x-next-page", "").strip()
    return said[: bounds.MOST_COMMENTS], len(said[bounds.MOST_COMMENTS :]) or int(bool(page))


def _ticket(named: Named, issue: dict[str, Any], said: list[dict[str, Any]], more: int) -> Ticket:
    labels = bounds.listed(issue.get("labels"))[: bounds.MOST_LABELS]
    return Ticket(
        key=str(named),
        title=bounds.text(issue["title"]).strip()[:300] or "(no title)",
        body=bounds.text(issue.get("description")),
        # Made of what was asked for, and not of what came: it ends up as a link in a pull request.
        url=f"{named.service.web}/{named.project}/-/issues/{named.number}",
        author=bounds.name(issue.get("author"), "username"),
        state=bounds.name(issue.get("state")),
        labels=tuple(filter(None, (bounds.name(each, "name") for each in labels))),
        comments=tuple(
            Comment(author=bounds.name(each.get("author"), "username"), text=bounds.text(each.get("body")))
            for each in said
        ),
        left_out=more,
    )

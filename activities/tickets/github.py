"""An issue of GitHub's as a ticket."""

from pathlib import Path
from typing import Any

from activities.services.github import GitHub, github
from activities.tickets import bounds
from activities.tickets.named import Named
from contracts.errors import BadInput
from contracts.ticket import Comment, Ticket

ISSUE = "/repos/{owner}/{name}/issues/{number}"
COMMENTS = "/repos/{owner}/{name}/issues/{number}/comments{?per_page}"


async def read(named: Named, authorities: Path | None) -> Ticket:
    """The issue with its first comments. Raises the errors of `GitHub.explained`; BadInput for a pull request."""
    assert named.repository is not None
    where = {**named.repository.parts, "number": str(named.number)}
    async with github(named.repository, authorities) as api:
        with api.explained(f"read the issue {named}", str(named)):
            issue = await api.one(ISSUE, **where)
            if "pull_request" in issue:
                raise BadInput(
                    f"{named} is a pull request, and no issue.",
                    subject=str(named),
                    way_out="Give the issue that it belongs to.",
                )
            said = await _comments(api, issue, where)
            return _ticket(named, issue, said)


async def _comments(api: GitHub, issue: dict[str, Any], where: dict[str, str]) -> list[dict[str, Any]]:
    if not issue.get("comments"):
        return []
    return await api.some(COMMENTS, bounds.MOST_COMMENTS, **where, per_page="100")


def _ticket(named: Named, issue: dict[str, Any], said: list[dict[str, Any]]) -> Ticket:
    count = issue.get("comments")
    return Ticket(
        key=str(named),
        title=bounds.text(issue["title"])[:300],
        body=bounds.text(issue.get("body")),
        # Made of what was asked for, and not of what came: it ends up as a link in a pull request.
        url=f"{named.service.web}/{named.repository}/issues/{named.number}",
        author=bounds.name(issue.get("user"), "login"),
        state=bounds.name(issue.get("state")),
        labels=tuple(filter(None, (bounds.name(each, "name") for each in bounds.listed(issue.get("labels"))))),
        comments=tuple(
            Comment(author=bounds.name(each.get("user"), "login"), text=bounds.text(each.get("body"))) for each in said
        ),
        left_out=max(0, (count if isinstance(count, int) else 0) - len(said)),
    )

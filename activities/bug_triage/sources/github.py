"""Issues of a GitHub repository, newest first. Pull requests, which GitHub lists among them, are left out."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from activities.bug_triage.sources.decided import decided
from activities.bug_triage.sources.pages import Page, Read, all_pages, bounded, changed_pages, newest_of, page_of
from activities.bug_triage.sources.place import Place
from activities.bug_triage.sources.rows import moment
from activities.bug_triage.sources.since import ISO, MOST_MILESTONES, Since
from activities.progress import Progress
from activities.services.github import GitHub, github
from activities.services.repository import GitHubRepository
from activities.tickets import bounds
from contracts.bug_triage import Milestone
from contracts.bugs import Issue
from ledger import ArtifactStore

LIST = "/repos/{owner}/{name}/issues{?state,per_page,sort,direction,page,since}"
ONE = "/repos/{owner}/{name}/issues/{number}"
MILESTONES = "/repos/{owner}/{name}/milestones{?state,per_page}"


async def read(
    place: Place, authorities: Path | None, told: Progress, store: ArtifactStore, since: Since | None = None
) -> Read:
    """All issues, or those that changed since. Raises the errors of `GitHub.explained`, and ServiceBusy."""
    async with _reached(place, authorities) as (api, repository):

        async def ask(cursor: str, size: int) -> Page:
            with api.explained(f"list the issues of {repository}", str(place)):
                rows = await _rows(api, repository, page_of(cursor, size), size, since)
                issues = [_issue(place, row) for row in rows if "pull_request" not in row]
            following = str(int(cursor or 0) + size) if len(rows) == size else ""
            newest = newest_of(row.get("updated_at") for row in rows)
            return Page(issues=tuple(issues), next=following, newest=newest)

        if since:
            return await changed_pages(ask, told, str(repository))
        return await all_pages(ask, told, store, str(repository))


async def one(place: Place, authorities: Path | None, number: str) -> Page:
    """One issue. NotFound where there is none of that number; a pull request is none."""
    async with _reached(place, authorities) as (api, repository):
        with api.explained(f"read the issue {place.key(number)}", place.key(number)):
            row = await api.one(ONE, **repository.parts, number=number)
            return Page(issues=() if "pull_request" in row else (_issue(place, row),))


async def milestones(place: Place, authorities: Path | None) -> list[Milestone]:
    """Those that are open."""
    async with _reached(place, authorities) as (api, repository):
        with api.explained(f"list the milestones of {repository}", str(place)):
            rows = await api.some(MILESTONES, MOST_MILESTONES, **repository.parts, state="open", per_page="100")
            return [Milestone(title=bounds.name(each, "title"), due=moment(each.get("due_on"))) for each in rows]


@asynccontextmanager
async def _reached(place: Place, authorities: Path | None) -> AsyncIterator[tuple[GitHub, GitHubRepository]]:
    assert place.service is not None
    repository = GitHubRepository(place.service, *place.owner_and_name)
    async with github(repository, authorities) as api:
        yield api, repository


async def _rows(
    api: GitHub, repository: GitHubRepository, number: int, size: int, since: Since | None
) -> list[dict[str, Any]]:
    asked = {"state": "all", "per_page": str(size), "direction": "desc", "page": str(number)}
    which = {"sort": "updated", "since": since.moment.strftime(ISO)} if since else {"sort": "created"}
    rows = await api.getitem(LIST, {**repository.parts, **asked, **which})
    if not isinstance(rows, list):
        raise ValueError("no list")
    return [api.is_object(row) for row in rows]


def _issue(place: Place, row: dict[str, Any]) -> Issue:
    assert place.service is not None
    title, body = bounded(bounds.text(row["title"]), bounds.text(row.get("body")))
    names = (bounds.name(each, "name") for each in bounds.listed(row.get("labels")))
    labels = tuple(filter(None, names))[: bounds.MOST_LABELS]
    said = decided(labels)
    number = int(row["number"])
    return Issue(
        key=place.key(str(number)),
        project=place.what,
        title=title,
        body=body,
        created=moment(row.get("created_at")),
        author=bounds.name(row.get("user"), "login"),
        labels=labels,
        state=bounds.name(row.get("state")),
        url=f"{place.service.web}/{place.what}/issues/{number}",
        assignee=bounds.name(row.get("assignee"), "login"),
        kind=said.get("kind", ""),
        priority=said.get("priority", ""),
        component=said.get("component", ""),
    )

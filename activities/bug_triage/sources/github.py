"""Issues of a GitHub repository, newest first. Pull requests, which GitHub lists among them, are left out."""

from pathlib import Path
from typing import Any

from activities.bug_triage.sources.decided import decided
from activities.bug_triage.sources.pages import all_pages, bounded
from activities.bug_triage.sources.place import Place
from activities.bug_triage.sources.rows import moment
from activities.progress import Progress
from activities.services.github import GitHub, github
from activities.services.repository import GitHubRepository
from activities.tickets import bounds
from contracts.bugs import Issue
from ledger import ArtifactStore

LIST = "/repos/{owner}/{name}/issues{?state,per_page,sort,direction,page}"
PER_PAGE = 100


async def read(place: Place, authorities: Path | None, told: Progress, store: ArtifactStore) -> tuple[list[Issue], str]:
    """All issues, and what was left out. Raises the errors of `GitHub.explained`, and ServiceBusy."""
    assert place.service is not None
    repository = GitHubRepository(place.service, *place.owner_and_name)
    async with github(repository, authorities) as api:

        async def ask(cursor: str) -> tuple[list[Issue], str]:
            number = int(cursor or 1)
            with api.explained(f"list the issues of {repository}", str(place)):
                rows = await _page(api, repository, number)
                issues = [_issue(place, row) for row in rows if "pull_request" not in row]
            return issues, str(number + 1) if len(rows) == PER_PAGE else ""

        return await all_pages(ask, told, store, str(repository))


async def _page(api: GitHub, repository: GitHubRepository, number: int) -> list[dict[str, Any]]:
    asked = {"state": "all", "per_page": str(PER_PAGE), "sort": "created", "direction": "desc", "page": str(number)}
    rows = await api.getitem(LIST, {**repository.parts, **asked})
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

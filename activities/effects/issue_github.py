"""An issue of GitHub's, to be changed: labels, assignee, milestone, comment. A link to the same issue is made by the
words of the comment, which is how GitHub has it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import gidgethub

from activities.bug_triage.sources.place import Place
from activities.effects.issue_params import IssueParams
from activities.effects.issue_seen import Seen
from activities.services.github import GitHub, github
from activities.services.repository import GitHubRepository
from activities.tickets import bounds
from contracts.errors import BadInput, DestinationMoved

ISSUE = "/repos/{owner}/{name}/issues/{number}"
COMMENTS = "/repos/{owner}/{name}/issues/{number}/comments{?per_page}"
COMMENT = "/repos/{owner}/{name}/issues/{number}/comments"
LABELS = "/repos/{owner}/{name}/issues/{number}/labels"
ASSIGNEES = "/repos/{owner}/{name}/issues/{number}/assignees"
MILESTONES = "/repos/{owner}/{name}/milestones{?state,per_page}"
MOST_COMMENTS = 1000


class GitHubIssue:
    """See `activities.effects.issue_update.Tracked`."""

    def __init__(self, api: GitHub, repository: GitHubRepository, number: str, wanted: IssueParams) -> None:
        self._api, self._wanted = api, wanted
        self._where = {**repository.parts, "number": number}

    async def look(self) -> Seen:
        with self._api.explained(f"read the issue {self._wanted.issue}", self._wanted.issue):
            issue = await self._api.one(ISSUE, **self._where)
            said: list[dict[str, Any]] = []
            if issue.get("comments") and self._wanted.comment:
                said = await self._api.some(COMMENTS, MOST_COMMENTS, **self._where, per_page="100")
            assigned = [bounds.name(each, "login") for each in bounds.listed(issue.get("assignees"))]
            return Seen(
                labels=frozenset(bounds.name(each, "name") for each in bounds.listed(issue.get("labels"))),
                fields={
                    "assignee": ",".join(filter(None, assigned)),
                    "milestone": bounds.name(issue.get("milestone"), "title"),
                },
                comments=tuple(bounds.text(each.get("body")) for each in said),
            )

    async def do(self, part: str, wanted: IssueParams, seen: Seen, text: str) -> None:
        with self._api.explained(f"change the issue {wanted.issue}", wanted.issue):
            if part == "labels":
                await self._api.post(LABELS, self._where, data={"labels": list(wanted.labels)})
            elif part == "assignee":
                await self._assign(wanted)
            elif part == "milestone":
                number = await self._milestone(wanted.milestone)
                await self._api.patch(ISSUE, self._where, data={"milestone": number})
            elif part == "comment":
                await self._api.post(COMMENT, self._where, data={"body": text})

    async def _assign(self, wanted: IssueParams) -> None:
        """GitHub leaves out whom it can't assign, without a word: so its answer is looked at."""
        try:
            made = self._api.is_object(
                await self._api.post(ASSIGNEES, self._where, data={"assignees": [wanted.assignee]})
            )
        except gidgethub.HTTPException as error:
            if error.status_code != 422:
                raise
            made = {}
        there = {bounds.name(each, "login").lower() for each in bounds.listed(made.get("assignees"))}
        if wanted.assignee.lower() not in there:
            raise DestinationMoved(
                f"{wanted.assignee!r} can't be assigned to {wanted.issue} at {self._api.web.service.name}.",
                subject=wanted.issue,
                way_out="Start a new run, and name somebody who may be assigned there.",
            )

    async def _milestone(self, title: str) -> int:
        listed = await self._api.some(MILESTONES, 500, **self._where, state="open", per_page="100")
        found = [each for each in listed if str(each.get("title")) == title]
        if not found:
            raise BadInput(
                f"There is no open milestone {title!r} for {self._wanted.issue}.",
                subject=title,
                way_out="Make it there, and start a new run.",
            )
        return int(found[0]["number"])


@asynccontextmanager
async def github_issue(place: Place, wanted: IssueParams, authorities: Path | None) -> AsyncIterator[GitHubIssue]:
    assert place.service is not None
    repository = GitHubRepository(place.service, *place.owner_and_name)
    async with github(repository, authorities) as api:
        yield GitHubIssue(api, repository, place.number(wanted.issue), wanted)

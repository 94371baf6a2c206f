"""An issue of GitLab's, to be changed: labels, assignee, milestone, a note, a link to the same issue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from activities.bug_triage.sources.place import Place
from activities.effects.issue_params import IssueParams
from activities.effects.issue_seen import Seen
from activities.services.gitlab import asked, project
from activities.services.web import Web, reached
from activities.tickets import bounds
from contracts.errors import BadInput, Conflict, DestinationMoved, StrangeReply

MOST_PAGES = 20


class GitLabIssue:
    """See `activities.effects.issue_update.Tracked`."""

    def __init__(self, web: Web, place: Place, wanted: IssueParams) -> None:
        self._web, self._place, self._wanted = web, place, wanted
        self._issue = f"{project(place.what)}/issues/{quote(place.number(wanted.issue), safe='')}"

    async def _asked(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return (await asked(self._web, method, path, self._wanted.issue, body))[0]

    async def look(self) -> Seen:
        issue = await self._asked("GET", self._issue)
        if not isinstance(issue, dict) or "iid" not in issue:
            raise StrangeReply(f"{self._web.service.name} answers without an issue.", subject=self._wanted.issue)
        people = [bounds.name(each, "username") for each in bounds.listed(issue.get("assignees"))]
        links = await self._asked("GET", f"{self._issue}/links") if self._wanted.duplicate_of else []
        return Seen(
            labels=frozenset(bounds.name(each) for each in bounds.listed(issue.get("labels"))),
            fields={
                "assignee": ",".join(filter(None, people)),
                "milestone": bounds.name(issue.get("milestone"), "title"),
            },
            duplicates=frozenset(self._place.key(str(bounds.under(each, "iid"))) for each in bounds.listed(links)),
            comments=await self._notes() if self._wanted.comment else (),
            ids={"project": str(issue.get("project_id") or "")},
            links=True,
        )

    async def _notes(self) -> tuple[str, ...]:
        found: list[str] = []
        page = "1"
        for _ in range(MOST_PAGES):
            query = urlencode({"per_page": 100, "page": page, "sort": "asc"})
            rows, reply = await asked(self._web, "GET", f"{self._issue}/notes?{query}", self._wanted.issue)
            found += [bounds.text(bounds.under(row, "body")) for row in bounds.listed(rows)]
            page = reply.headers.get("x-next-page", "").strip()
            if not page:
                break
        return tuple(found)

    async def do(self, part: str, wanted: IssueParams, seen: Seen, text: str) -> None:
        if part == "labels":
            await self._asked("PUT", self._issue, {"add_labels": ",".join(wanted.labels)})
        elif part == "assignee":
            await self._asked("PUT", self._issue, {"assignee_ids": [await self._person(wanted.assignee)]})
        elif part == "milestone":
            await self._asked("PUT", self._issue, {"milestone_id": await self._milestone(wanted.milestone)})
        elif part == "comment":
            await self._asked("POST", f"{self._issue}/notes", {"body": text})
        elif part == "duplicate_of":
            await self._link(wanted, seen)

    async def _link(self, wanted: IssueParams, seen: Seen) -> None:
        other = self._place.number(wanted.duplicate_of)
        body = {"target_project_id": seen.ids["project"], "target_issue_iid": other, "link_type": "relates_to"}
        try:
            await self._asked("POST", f"{self._issue}/links", body)
        except BadInput as error:
            if "already" not in str(error):  # 409: made by an attempt whose answer was lost
                raise

    async def _person(self, username: str) -> int:
        found = await self._asked("GET", f"users?{urlencode({'username': username})}")
        for each in bounds.listed(found):
            if bounds.name(each, "username").lower() == username.lower() and isinstance(each.get("id"), int):
                return int(each["id"])
        raise DestinationMoved(
            f"{self._web.service.name} knows nobody called {username!r}.",
            subject=self._wanted.issue,
            way_out="Start a new run, and name somebody who may be assigned there.",
        )

    async def _milestone(self, title: str) -> int:
        query = urlencode({"title": title, "state": "active", "include_ancestors": "true"})
        found = await self._asked("GET", f"{project(self._place.what)}/milestones?{query}")
        ids = [each.get("id") for each in bounds.listed(found) if isinstance(each, dict) and each.get("title") == title]
        if not ids:
            raise Conflict(f"There is no active milestone {title!r} in {self._place.what}.", subject=title)
        return int(str(ids[0]))


@asynccontextmanager
async def gitlab_issue(place: Place, wanted: IssueParams, authorities: Path | None) -> AsyncIterator[GitLabIssue]:
    assert place.service is not None
    async with reached(place.service, authorities) as web:
        yield GitLabIssue(web, place, wanted)

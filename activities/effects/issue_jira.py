"""An issue of Jira's, to be changed: labels, priority, component, assignee, fix version, comment, a link."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from activities.bug_triage.sources.jira import asked, is_cloud
from activities.bug_triage.sources.place import Place
from activities.effects.issue_params import IssueParams
from activities.effects.issue_seen import Seen
from activities.services.web import Web, reached
from activities.tickets import adf, bounds
from contracts.errors import StrangeReply

FIELDS = "labels,priority,components,assignee,fixVersions,issuelinks"
MOST_COMMENTS = 2000


class JiraIssue:
    """See `activities.effects.issue_update.Tracked`."""

    def __init__(self, web: Web, place: Place, wanted: IssueParams) -> None:
        self._web, self._place, self._wanted = web, place, wanted
        self._key = place.number(wanted.issue)
        self._issue = f"issue/{quote(self._key, safe='')}"

    async def _asked(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        return await asked(self._web, method, path, self._wanted.issue, body)

    async def look(self) -> Seen:
        issue = await self._asked("GET", f"{self._issue}?{urlencode({'fields': FIELDS})}")
        fields = bounds.under(issue, "fields")
        if not isinstance(fields, dict):
            raise StrangeReply(f"{self._web.service.name} answers without an issue.", subject=self._wanted.issue)
        links = bounds.listed(fields.get("issuelinks"))
        keys = [
            bounds.name(bounds.under(link, side), "key") for link in links for side in ("inwardIssue", "outwardIssue")
        ]
        return Seen(
            labels=frozenset(bounds.name(each) for each in bounds.listed(fields.get("labels"))),
            fields={
                "priority": self._priority(fields),
                "component": _names(fields.get("components")),
                "assignee": _called(fields.get("assignee")),
                "milestone": _names(fields.get("fixVersions")),
            },
            duplicates=frozenset(self._place.key(key) for key in filter(None, keys)),
            comments=await self._comments() if self._wanted.comment else (),
            links=True,
        )

    def _priority(self, fields: dict[str, Any]) -> str:
        """Jira gives every issue a priority: the usual one is nobody's decision."""
        name = bounds.name(fields.get("priority"), "name")
        return (
            "" if name.lower() in ("medium", "major", "none", "undefined") and name != self._wanted.priority else name
        )

    async def _comments(self) -> tuple[str, ...]:
        found: list[str] = []
        total = 1
        while len(found) < min(total, MOST_COMMENTS):
            query = urlencode({"startAt": len(found), "maxResults": 100})
            page = await self._asked("GET", f"{self._issue}/comment?{query}")
            rows, count = bounds.listed(bounds.under(page, "comments")), bounds.under(page, "total")
            total = count if isinstance(count, int) else 0
            found += [adf.plain(bounds.under(row, "body")) for row in rows]
            if not rows:
                break
        return tuple(found)

    async def do(self, part: str, wanted: IssueParams, seen: Seen, text: str) -> None:
        if part == "labels":
            added = [{"add": label.replace(" ", "-")} for label in wanted.labels]  # Jira's have no spaces
            await self._asked("PUT", self._issue, {"update": {"labels": added}})
        elif part == "comment":
            await self._asked("POST", f"{self._issue}/comment", {"body": document(text) if self._cloud else text})
        elif part == "duplicate_of":
            await self._link(wanted)
        elif part == "assignee":
            who = {"accountId" if self._cloud else "name": await self._person(wanted)}
            await self._asked("PUT", self._issue, {"fields": {"assignee": who}})
        else:
            await self._asked("PUT", self._issue, {"fields": self._field(part, wanted)})

    async def _person(self, wanted: IssueParams) -> str:
        """The id. A reviewer may have written a name: it counts where exactly one who can be assigned is called so."""
        if wanted.assignee_name:
            return wanted.assignee
        query = {"issueKey": self._key, "query" if self._cloud else "username": wanted.assignee}
        found = await self._asked("GET", f"user/assignable/search?{urlencode(query)}")
        same = [
            each for each in bounds.listed(found) if wanted.assignee.casefold() in _called(each).casefold().split(",")
        ]
        return bounds.name(same[0], "accountId", "name") if len(same) == 1 else wanted.assignee

    @property
    def _cloud(self) -> bool:
        return is_cloud(self._web)

    def _field(self, part: str, wanted: IssueParams) -> dict[str, Any]:
        if part == "priority":
            return {"priority": {"name": wanted.priority}}
        name = "components" if part == "component" else "fixVersions"
        return {name: [{"name": getattr(wanted, part)}]}

    async def _link(self, wanted: IssueParams) -> None:
        other = self._place.number(wanted.duplicate_of)
        body = {"type": {"name": "Duplicate"}, "inwardIssue": {"key": self._key}, "outwardIssue": {"key": other}}
        await self._asked("POST", "issueLink", body)


def document(text: str) -> dict[str, Any]:
    """A text as Atlassian's document, a paragraph for each line: nothing in it becomes a mention or a link of ours."""
    lines = [{"type": "text", "text": line} if line else None for line in text.split("\n")]
    content = [{"type": "paragraph", "content": [line] if line else []} for line in lines]
    return {"type": "doc", "version": 1, "content": content}


def _called(person: Any) -> str:
    """The id of a person and the name, separated by a comma."""
    return ",".join(filter(None, (bounds.name(person, "accountId", "name"), bounds.name(person, "displayName"))))


def _names(values: Any) -> str:
    return ",".join(filter(None, (bounds.name(each, "name") for each in bounds.listed(values))))


@asynccontextmanager
async def jira_issue(place: Place, wanted: IssueParams, authorities: Path | None) -> AsyncIterator[JiraIssue]:
    assert place.service is not None
    async with reached(place.service, authorities) as web:
        yield JiraIssue(web, place, wanted)

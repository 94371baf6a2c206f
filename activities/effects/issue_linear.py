"""An issue of Linear's, to be changed: labels, priority, assignee, comment, a relation to the same issue."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from activities.bug_triage.sources.linear import NO_PRIORITY, asked
from activities.bug_triage.sources.place import Place
from activities.effects.issue_params import IssueParams
from activities.effects.issue_seen import Seen
from activities.services.web import Web, reached
from activities.tickets import bounds
from contracts.errors import BadInput, NotFound

ISSUE = """\
query Issue($id: String!, $after: String) {
  issue(id: $id) {
    id identifier priorityLabel assignee { id displayName }
    labels(first: 50) { nodes { id name } }
    relations(first: 50) { nodes { type relatedIssue { identifier } } }
    team { id }
    comments(first: 100, after: $after) { nodes { body } pageInfo { hasNextPage endCursor } }
  }
}
"""
LABELS = """\
query Labels($names: [String!]) { issueLabels(filter: { name: { in: $names } }, first: 100) {
  nodes { id name team { id } } } }
"""
USERS = """\
query Users($name: String!) { users(filter: { or: [
  { name: { eqIgnoreCase: $name } }, { displayName: { eqIgnoreCase: $name } }, { email: { eqIgnoreCase: $name } }
] }, first: 2) { nodes { id } } }
"""
UPDATE = "mutation Update($id: String!, $input: IssueUpdateInput!) { issueUpdate(id: $id, input: $input) { success } }"
SAY = "mutation Say($input: CommentCreateInput!) { commentCreate(input: $input) { success } }"
RELATE = "mutation Relate($input: IssueRelationCreateInput!) { issueRelationCreate(input: $input) { success } }"
PRIORITIES = {"urgent": 1, "high": 2, "medium": 3, "low": 4}
MOST_PAGES = 20


class LinearIssue:
    """See `activities.effects.issue_update.Tracked`."""

    def __init__(self, web: Web, place: Place, wanted: IssueParams) -> None:
        self._web, self._place, self._wanted = web, place, wanted
        self._key = place.number(wanted.issue)

    async def _asked(self, query: str, variables: dict[str, Any]) -> dict[str, Any]:
        return await asked(self._web, query, variables, self._wanted.issue)

    async def look(self) -> Seen:
        issue, comments = await self._page(None)
        more = bounds.under(issue, "comments", "pageInfo")
        for _ in range(MOST_PAGES if self._wanted.comment else 0):
            if not bounds.under(more, "hasNextPage"):
                break
            page, said = await self._page(bounds.text(bounds.under(more, "endCursor")))
            more, comments = bounds.under(page, "comments", "pageInfo"), comments + said
        labels = bounds.listed(bounds.under(issue, "labels", "nodes"))
        related = bounds.listed(bounds.under(issue, "relations", "nodes"))
        priority = bounds.name(issue.get("priorityLabel"))
        return Seen(
            labels=frozenset(bounds.name(each, "name") for each in labels),
            fields={
                "priority": "" if priority == NO_PRIORITY else priority,
                "assignee": ",".join(
                    filter(None, (bounds.name(issue.get("assignee"), name) for name in ("id", "displayName")))
                ),
            },
            duplicates=frozenset(
                self._place.key(bounds.name(bounds.under(each, "relatedIssue"), "identifier")) for each in related
            ),
            comments=tuple(comments),
            ids={
                "id": bounds.name(issue, "id"),
                "team": bounds.name(issue.get("team"), "id"),
                "labels": ",".join(bounds.name(each, "id") for each in labels),
            },
            links=True,
        )

    async def _page(self, after: str | None) -> tuple[dict[str, Any], list[str]]:
        data = await self._asked(ISSUE, {"id": self._key, "after": after})
        issue = data.get("issue")
        if not isinstance(issue, dict):
            raise NotFound(f"{self._web.service.name} has no issue {self._key} for us.", subject=self._wanted.issue)
        said = bounds.listed(bounds.under(issue, "comments", "nodes"))
        return issue, [bounds.text(bounds.under(each, "body")) for each in said]

    async def do(self, part: str, wanted: IssueParams, seen: Seen, text: str) -> None:
        if part == "comment":
            await self._done("commentCreate", SAY, {"input": {"issueId": seen.ids["id"], "body": text}})
        elif part == "duplicate_of":
            other = await self._asked(ISSUE, {"id": self._place.number(wanted.duplicate_of), "after": None})
            to = bounds.name(bounds.under(other, "issue"), "id")
            relation = {"issueId": seen.ids["id"], "relatedIssueId": to, "type": "duplicate"}
            await self._done("issueRelationCreate", RELATE, {"input": relation})
        else:
            change = await self._change(part, wanted, seen)
            await self._done("issueUpdate", UPDATE, {"id": seen.ids["id"], "input": change})

    async def _change(self, part: str, wanted: IssueParams, seen: Seen) -> dict[str, Any]:
        if part == "assignee":
            return {"assigneeId": await self._person(wanted)}
        if part == "priority":
            number = PRIORITIES.get(wanted.priority.lower())
            if number is None:
                raise BadInput(f"Linear has no priority {wanted.priority!r}.", subject="priority")
            return {"priority": number}
        data = await self._asked(LABELS, {"names": list(wanted.labels)})
        found = bounds.listed(bounds.under(data, "issueLabels", "nodes"))
        ours = {
            bounds.name(each, "name").lower(): bounds.name(each, "id")
            for each in found
            if bounds.under(each, "team", "id") in (None, seen.ids["team"])
        }
        if strange := [label for label in wanted.labels if label.lower() not in ours]:
            raise BadInput(
                f"Linear has no label {strange[0]!r} for {self._place.what}.",
                subject=strange[0],
                way_out="Make it there, and retry.",
            )
        there = [each for each in seen.ids["labels"].split(",") if each]
        return {"labelIds": list(dict.fromkeys((*there, *(ours[label.lower()] for label in wanted.labels))))}

    async def _person(self, wanted: IssueParams) -> str:
        """The id. A reviewer may have written a name: it counts where exactly one is called so."""
        if wanted.assignee_name:
            return wanted.assignee
        data = await self._asked(USERS, {"name": wanted.assignee})
        found = bounds.listed(bounds.under(data, "users", "nodes"))
        return bounds.name(found[0], "id") if len(found) == 1 else wanted.assignee

    async def _done(self, name: str, mutation: str, variables: dict[str, Any]) -> None:
        data = await self._asked(mutation, variables)
        if not bounds.under(data, name, "success"):
            raise BadInput(f"{self._web.service.name} did not do that with {self._key}.", subject=self._wanted.issue)


@asynccontextmanager
async def linear_issue(place: Place, wanted: IssueParams, authorities: Path | None) -> AsyncIterator[LinearIssue]:
    assert place.service is not None
    async with reached(place.service, authorities) as web:
        yield LinearIssue(web, place, wanted)

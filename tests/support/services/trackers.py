"""Stand-ins for four trackers, as far as listing and changing issues goes: GitHub and GitLab by REST, Jira by REST v3,
Linear by GraphQL. Paths, pages, status codes and refusals are those of their documentation."""

import base64
import json
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from activities.tickets import adf
from tests.support.services.jira import paragraph
from tests.support.services.linear import error
from tests.support.services.wire import Trouble, path_of, query_of, said, token_of
from tests.support.tls_host import Answer, Host, Seen, serving

TOKEN = "sentinel-of-the-trackers-9911"
USER = "bot@example.com"
BEGAN = "2026-01-05T08:00:00Z"
BEGAN_AT = datetime.fromisoformat(BEGAN)


@dataclass
class Issue:
    """An issue, whichever tracker has it."""

    number: int
    title: str
    body: str = ""
    labels: list[str] = field(default_factory=list)
    assignee: str = ""
    priority: str = ""
    component: str = ""
    milestone: str = ""
    comments: list[str] = field(default_factory=list)
    links: list[int] = field(default_factory=list)
    closed: bool = False
    is_pull: bool = False
    updated: datetime = BEGAN_AT


@dataclass
class Tracker:
    """One service with its issues. `trouble` answers before, `after` in place of the answer of what was done."""

    kind: str
    host: Host
    issues: dict[int, Issue] = field(default_factory=dict)
    people: tuple[str, ...] = ("ana", "bo")
    known_labels: tuple[str, ...] = ("bug", "ui")
    now: datetime = BEGAN_AT
    milestones: tuple[str, ...] = ("2.0",)
    trouble: Trouble | None = None
    after: Trouble | None = None

    @property
    def place(self) -> str:
        return f"localhost:{self.host.port}"

    @property
    def source(self) -> str:
        return {"github": "github:acme/app", "gitlab": "gitlab:acme/web/app"}.get(self.kind, f"{self.kind}:APP")

    @property
    def credentials(self) -> str:
        return f"{self.place}={f'{USER}:' if self.kind == 'jira' else ''}TEST_TRACKER"

    def key(self, number: int) -> str:
        if self.kind in ("github", "gitlab"):
            return f"{self.source.replace(':', f':{self.place}/')}#{number}"
        return f"linear:APP-{number}" if self.kind == "linear" else f"jira:{self.place}/APP-{number}"

    def add(self, count: int, **more: Any) -> None:
        for number in range(len(self.issues) + 1, len(self.issues) + count + 1):
            given = {"title": f"Issue {number}", "body": f"It breaks, number {number}", "updated": self.now, **more}
            self.issues[number] = Issue(number, **given)

    def changes(self) -> list[Seen]:
        """The requests that change something."""
        return [each for each in self.host.seen if each.method != "GET" and b"query " not in each.body[:20]]

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        if (answer := refused(self.kind, seen)) is not None:
            return answer
        answer = SPEAK[self.kind](self, seen)
        if self.after is not None and (broken := self.after(seen)) is not None:
            return broken
        return answer

    def newest(self, since: str = "") -> list[Issue]:
        """The newest first; of those that changed since, whichever changed last."""
        if not since:
            return [self.issues[number] for number in sorted(self.issues, reverse=True)]
        changed = [each for each in self.issues.values() if each.updated >= datetime.fromisoformat(since)]
        return sorted(changed, key=lambda each: each.updated, reverse=True)


def refused(kind: str, seen: Seen) -> Answer | None:
    """What is said to a wrong token."""
    basic = base64.b64encode(f"{USER}:{TOKEN}".encode()).decode()
    given = token_of(seen, "token ", "bearer ", "basic ", "")
    if given in (TOKEN, basic):
        return None
    if kind == "linear":
        return error("Authentication required", "authentication error", "AUTHENTICATION_ERROR", 401)
    return said({"message": "401 Unauthorized"}, 401)


def _page(rows: list[Any], seen: Seen, size: int) -> tuple[list[Any], int]:
    """A page, and the number of the next; 0: none."""
    at, size = int(query_of(seen).get("page", 1)), int(query_of(seen).get("per_page", size))
    return rows[(at - 1) * size : at * size], at + 1 if at * size < len(rows) else 0


# GitHub


def speak_github(self: Tracker, seen: Seen) -> Answer:
    path = path_of(seen).removeprefix("/api/v3/repos/acme/app")
    if path == "/issues":
        rows, _ = _page([_github(each) for each in self.newest(query_of(seen).get("since", ""))], seen, 100)
        return said(rows)
    if path == "/milestones":
        return said([{"number": 3, "title": each} for each in self.milestones])
    found = re.fullmatch(r"/issues/(\d+)(/\w+)?", path)
    issue = self.issues.get(int(found[1])) if found else None
    if found is None or issue is None:
        return said({"message": "Not Found"}, 404)
    if seen.method == "GET":
        return said([{"body": each} for each in issue.comments] if found[2] == "/comments" else _github(issue))
    asked = json.loads(seen.body)
    if found[2] == "/labels":
        issue.labels += [each for each in asked["labels"] if each not in issue.labels]
    elif found[2] == "/assignees":
        issue.assignee = next((each for each in asked["assignees"] if each in self.people), issue.assignee)
    elif found[2] == "/comments":
        issue.comments.append(asked["body"])
    elif "milestone" in asked:
        issue.milestone = "2.0"
    return said(_github(issue), 201)


def _github(issue: Issue) -> dict[str, Any]:
    assigned = [{"login": issue.assignee}] if issue.assignee else []
    return {
        "number": issue.number,
        "title": issue.title,
        "body": issue.body,
        "state": "closed" if issue.closed else "open",
        "created_at": BEGAN,
        "updated_at": issue.updated.isoformat(),
        "user": {"login": "octocat"},
        "labels": [{"name": each} for each in issue.labels],
        "assignee": assigned[0] if assigned else None,
        "assignees": assigned,
        "milestone": {"title": issue.milestone} if issue.milestone else None,
        "comments": len(issue.comments),
        **({"pull_request": {"url": "x"}} if issue.is_pull else {}),
    }


# GitLab


def speak_gitlab(self: Tracker, seen: Seen) -> Answer:
    path = path_of(seen).removeprefix("/api/v4/")
    if path == "users":
        name = query_of(seen)["username"]
        return said([{"id": self.people.index(name) + 7, "username": name}] if name in self.people else [])
    project = "projects/acme%2Fweb%2Fapp"
    if path == f"{project}/issues":
        issues = self.newest(query_of(seen).get("updated_after", ""))
        rows, following = _page([_gitlab(each) for each in issues], seen, 100)
        return said(rows, **{"X-Next-Page": str(following or "")})
    if path == f"{project}/milestones":
        return said([{"id": 5, "title": each} for each in self.milestones])
    found = re.fullmatch(rf"{project}/issues/(\d+)(/\w+)?", path)
    issue = self.issues.get(int(found[1])) if found else None
    if found is None or issue is None:
        return said({"message": "404 Not found"}, 404)
    if seen.method == "GET":
        notes = {
            "/notes": [{"body": each} for each in issue.comments],
            "/links": [{"iid": each} for each in issue.links],
        }
        return said(notes[found[2]] if found[2] else _gitlab(issue), **{"X-Next-Page": ""})
    asked = json.loads(seen.body)
    if found[2] == "/notes":
        issue.comments.append(asked["body"])
    elif found[2] == "/links":
        if int(asked["target_issue_iid"]) in issue.links:
            return said({"message": "Issue(s) already assigned"}, 409)
        issue.links.append(int(asked["target_issue_iid"]))
    elif "add_labels" in asked:
        issue.labels += [each for each in asked["add_labels"].split(",") if each not in issue.labels]
    elif "assignee_ids" in asked:
        issue.assignee = self.people[asked["assignee_ids"][0] - 7]
    elif "milestone_id" in asked:
        issue.milestone = "2.0"
    return said(_gitlab(issue))


def _gitlab(issue: Issue) -> dict[str, Any]:
    return {
        "iid": issue.number,
        "project_id": 44,
        "title": issue.title,
        "description": issue.body,
        "state": "closed" if issue.closed else "opened",
        "created_at": BEGAN,
        "updated_at": issue.updated.isoformat(),
        "author": {"username": "octocat"},
        "labels": issue.labels,
        "assignees": [{"username": issue.assignee}] if issue.assignee else [],
        "milestone": {"title": issue.milestone} if issue.milestone else None,
        "issue_type": "issue",
    }


# Jira


def speak_jira(self: Tracker, seen: Seen) -> Answer:
    path = path_of(seen).removeprefix("/rest/api/3/")
    if path == "search/jql":
        asked = query_of(seen)
        at, size = int(asked.get("nextPageToken", "t0")[1:]), int(asked["maxResults"])
        span = re.search(r'updated >= "-(\d+)m"', asked["jql"])
        issues = self.newest((self.now - timedelta(minutes=int(span[1]))).isoformat() if span else "")
        more = {"nextPageToken": f"t{at + size}"} if at + size < len(issues) else {"isLast": True}
        return said({"issues": [_jira(each) for each in issues[at : at + size]], **more})
    if path == "user/assignable/search":
        asked_for = query_of(seen)["query"].lower()
        return said([person_of(each) for each in self.people if asked_for in person_of(each)["displayName"].lower()])
    if path == "project/APP/versions":
        return said([{"name": "1.0", "released": True}, *({"name": each} for each in self.milestones)])
    if path == "issueLink":
        asked = json.loads(seen.body)
        self.issues[_number(asked["inwardIssue"]["key"])].links.append(_number(asked["outwardIssue"]["key"]))
        return said(None, 201)
    found = re.fullmatch(r"issue/APP-(\d+)(/comment)?", path)
    issue = self.issues.get(int(found[1])) if found else None
    if found is None or issue is None:
        return said({"errorMessages": ["Issue does not exist"], "errors": {}}, 404)
    if seen.method == "GET":
        rows = [{"body": paragraph_of(each)} for each in issue.comments]
        return said({"comments": rows, "total": len(rows)} if found[2] else _jira(issue))
    asked = json.loads(seen.body)
    if found[2]:
        issue.comments.append(adf.plain(asked["body"]))
        return said({"id": "1"}, 201)
    fields = asked.get("fields", {})
    if (who := (fields.get("assignee") or {}).get("accountId")) and who not in self.people:
        return said({"errorMessages": [], "errors": {"assignee": "User cannot be assigned issues."}}, 400)
    issue.assignee = (fields.get("assignee") or {}).get("accountId", issue.assignee)
    issue.priority = (fields.get("priority") or {}).get("name", issue.priority)
    issue.component = next((each["name"] for each in fields.get("components", [])), issue.component)
    issue.milestone = next((each["name"] for each in fields.get("fixVersions", [])), issue.milestone)
    issue.labels += [each["add"] for each in asked.get("update", {}).get("labels", [])]
    return Answer(b"", 204)


def shown_name(person: str) -> str:
    return f"{person.title()} Example"


def person_of(person: str) -> dict[str, str]:
    return {"accountId": person, "displayName": shown_name(person)}


def paragraph_of(text: str) -> dict[str, Any]:
    inside = [paragraph(line)["content"][0] for line in text.split("\n") if line]
    return {"type": "doc", "version": 1, "content": inside}


def _number(key: str) -> int:
    return int(key.rpartition("-")[2])


def _jira(issue: Issue) -> dict[str, Any]:
    links = [{"type": {"name": "Duplicate"}, "outwardIssue": {"key": f"APP-{each}"}} for each in issue.links]
    fields = {
        "summary": issue.title,
        "description": paragraph(issue.body),
        "issuetype": {"name": "Bug"},
        "priority": {"name": issue.priority or "Medium"},
        "components": [{"name": issue.component}] if issue.component else [],
        "labels": issue.labels,
        "status": {"name": "To Do", "statusCategory": {"key": "done" if issue.closed else "new"}},
        "assignee": person_of(issue.assignee) if issue.assignee else None,
        "fixVersions": [{"name": issue.milestone}] if issue.milestone else [],
        "created": BEGAN,
        "updated": issue.updated.isoformat(),
        "issuelinks": links,
    }
    return {"id": "1", "key": f"APP-{issue.number}", "fields": fields}


# Linear


def speak_linear(self: Tracker, seen: Seen) -> Answer:
    asked = json.loads(seen.body)
    given, query = asked["variables"], asked["query"]
    if query.startswith("query Issues"):
        at, size = int(given["after"] or 0), given["first"]
        issues = self.newest(given["filter"].get("updatedAt", {}).get("gte", ""))
        nodes = [_linear(each) for each in issues[at : at + size]]
        more = {"hasNextPage": at + size < len(issues), "endCursor": str(at + size)}
        return said({"data": {"issues": {"nodes": nodes, "pageInfo": more}}})
    if query.startswith("query Users"):
        nodes = [{"id": each} for each in self.people if shown_name(each).lower() == given["name"].lower()]
        return said({"data": {"users": {"nodes": nodes}}})
    if query.startswith("query Labels"):
        nodes = [
            {"id": f"l-{each}", "name": each, "team": None} for each in given["names"] if each in self.known_labels
        ]
        return said({"data": {"issueLabels": {"nodes": nodes}}})
    if query.startswith("query Issue"):
        issue = self.issues.get(_number(given["id"]))
        if issue is None:
            return error("Entity not found: Issue", "invalid input", "INPUT_ERROR", 200)
        return said({"data": {"issue": _linear(issue)}})
    return said({"data": {_mutated(self, query, given): {"success": True}}})


def _mutated(self: Tracker, query: str, given: dict[str, Any]) -> str:
    change = given["input"]
    issue = self.issues[_number(given.get("id") or change["issueId"])]
    if "commentCreate" in query:
        issue.comments.append(change["body"])
        return "commentCreate"
    if "issueRelationCreate" in query:
        issue.links.append(_number(change["relatedIssueId"]))
        return "issueRelationCreate"
    issue.assignee = change.get("assigneeId", issue.assignee)
    issue.priority = {1: "Urgent", 2: "High"}.get(change.get("priority"), issue.priority)
    if "labelIds" in change:
        issue.labels = [each.removeprefix("l-") for each in change["labelIds"]]
    return "issueUpdate"


def _linear(issue: Issue) -> dict[str, Any]:
    return {
        "id": f"uuid-{issue.number}",
        "identifier": f"APP-{issue.number}",
        "title": issue.title,
        "description": issue.body,
        "url": f"https://linear.app/acme/issue/APP-{issue.number}/slug",
        "createdAt": BEGAN,
        "updatedAt": issue.updated.isoformat(),
        "priorityLabel": issue.priority or "No priority",
        "creator": {"displayName": "octocat"},
        "assignee": {"id": issue.assignee, "displayName": shown_name(issue.assignee)} if issue.assignee else None,
        "state": {"type": "completed" if issue.closed else "unstarted"},
        "labels": {"nodes": [{"id": f"l-{each}", "name": each} for each in issue.labels]},
        "relations": {"nodes": [{"relatedIssue": {"identifier": f"APP-{each}"}} for each in issue.links]},
        "team": {"id": "t1"},
        "comments": {"nodes": [{"body": each} for each in issue.comments], "pageInfo": {"hasNextPage": False}},
    }


SPEAK: dict[str, Callable[[Tracker, Seen], Answer]] = {
    "github": speak_github,
    "gitlab": speak_gitlab,
    "jira": speak_jira,
    "linear": speak_linear,
}


@asynccontextmanager
async def tracker(kind: str, pem: Path) -> AsyncIterator[Tracker]:
    """Started on a free port, as `localhost`."""
    made = Tracker(kind, Host())
    made.host.act = made.act
    async with serving(made.host.serve, pem) as port:
        made.host.port = port
        yield made

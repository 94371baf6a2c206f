"""A GitHub Enterprise Server, as far as issues and pull requests go: REST below /api/v3, and git's smart protocol.

Paths, status codes, bodies of errors, rate limit headers and Link pages are those that
https://docs.github.com/en/enterprise-server/rest tells of; git itself is served by `git http-backend`.
"""

import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tests.support.git_server import READ, WRITE, GitHost, git_host
from tests.support.repositories import git
from tests.support.services.names import HOST
from tests.support.services.wire import Trouble, page, path_of, query_of, said, token_of
from tests.support.tls_host import Answer, Seen

API = "/api/v3"
DOCS = "https://docs.github.com/rest"


@dataclass
class Repository:
    """One repository: its bare folder, and what people wrote around it."""

    full_name: str
    folder: Path
    default_branch: str
    private: bool = True
    archived: bool = False
    issues: dict[int, dict[str, Any]] = field(default_factory=dict)
    comments: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    pulls: list[dict[str, Any]] = field(default_factory=list)

    @property
    def next(self) -> int:
        """Issues and pull requests are counted together."""
        return max([0, *self.issues, *(each["number"] for each in self.pulls)]) + 1


@dataclass
class StandInGitHub:
    """READ may read all, WRITE may push and open pull requests; nobody else sees what is private."""

    git: GitHost
    repositories: dict[str, Repository] = field(default_factory=dict)
    moved: dict[str, str] = field(default_factory=dict)
    trouble: Trouble | None = None
    after: Trouble | None = None  # makes an answer fail after what was asked has been done
    remaining: int = 4999

    @property
    def seen(self) -> list[Seen]:
        return self.git.host.seen

    @property
    def place(self) -> str:
        return f"{HOST}:{self.git.port}"

    @property
    def url(self) -> str:
        return f"https://{self.place}"

    def add(self, full_name: str, source: Path, *, private: bool = True) -> Repository:
        """A repository with the content of one on this host."""
        (self.git.folder / full_name).parent.mkdir(exist_ok=True)
        folder = self.git.add(f"{full_name}.git", source)
        if not private:
            self.git.public.add(full_name.split("/")[0])
        branch = git(folder, "symbolic-ref", "--short", "HEAD")
        self.repositories[full_name.lower()] = made = Repository(full_name, folder, branch, private)
        return made

    def issue(self, repository: Repository, number: int, title: str, body: str | None = "", **more: Any) -> None:
        repository.issues[number] = {
            "number": number,
            "title": title,
            "body": body,
            "state": "open",
            "user": {"login": "octocat", "type": "User"},
            "labels": [{"name": "bug"}],
            "comments": 0,
            "html_url": f"{self.url}/{repository.full_name}/issues/{number}",
            **more,
        }

    def comment(self, repository: Repository, number: int, *texts: str) -> None:
        made = [{"body": text, "user": {"login": f"user{at}"}} for at, text in enumerate(texts)]
        repository.comments[number] = made
        repository.issues[number]["comments"] = len(made)

    def asked(self, method: str, ending: str) -> list[Seen]:
        """The requests of that kind."""
        return [each for each in self.seen if each.method == method and re.search(ending, path_of(each))]

    # The server

    def act(self, seen: Seen) -> Answer:
        if self.trouble is not None and (answer := self.trouble(seen)) is not None:
            return answer
        path = path_of(seen)
        if not path.startswith(f"{API}/"):
            return self._git(seen)
        answer = self._api(seen, path.removeprefix(API))
        if self.after is not None and (broken := self.after(seen)) is not None:
            return broken
        self.remaining -= 1
        answer.headers += self.limits()
        return answer

    def _git(self, seen: Seen) -> Answer:
        """Git's own protocol, whatever case the repository is written in."""
        found = re.match(r"/([^/]+/[^/?]+?)(?:\.git)?(?=/)", seen.target)
        known = self.repositories.get(found[1].lower()) if found else None
        if found is None or known is None:
            return page(404)
        return self.git.act(replace(seen, target=f"/{known.full_name}.git{seen.target[found.end() :]}"))

    def limits(self) -> list[tuple[str, str]]:
        return [
            ("X-RateLimit-Limit", "5000"),
            ("X-RateLimit-Remaining", str(max(0, self.remaining))),
            ("X-RateLimit-Reset", str(int(time.time()) + 1800)),
            ("X-RateLimit-Resource", "core"),
        ]

    def _api(self, seen: Seen, path: str) -> Answer:
        token = token_of(seen, "token ", "bearer ")
        if token not in ("", READ, WRITE):
            return said({"message": "Bad credentials", "documentation_url": DOCS, "status": "401"}, 401)
        if not seen.header("user-agent"):
            return page(403)
        found = re.fullmatch(r"/repos/([^/]+/[^/]+)((?:/.*)?)", path)
        if found and (to := self.moved.get(f"{found[1]}{found[2]}".lower())):
            body = {"message": "Moved Permanently", "url": f"{self.url}{API}{to}", "documentation_url": DOCS}
            return said(body, 301, Location=f"{self.url}{API}{to}")
        repository = self.repositories.get(found[1].lower()) if found else None
        if found is None or repository is None or (repository.private and not token):
            return _missing()
        return self._of(repository, seen, found[2], token)

    def _of(self, repository: Repository, seen: Seen, rest: str, token: str) -> Answer:
        if found := re.fullmatch(r"/issues/(\d+)", rest):
            return self._issue(repository, int(found[1]))
        if found := re.fullmatch(r"/issues/(\d+)/comments", rest):
            return self._listed(seen, repository.comments.get(int(found[1]), []))
        if rest == "/pulls" and seen.method == "GET":
            return self._listed(seen, self._pulls(repository, query_of(seen)))
        if rest == "/pulls" and seen.method == "POST":
            return self._open(repository, seen, token)
        if rest == "":
            return said({"full_name": repository.full_name, "default_branch": repository.default_branch})
        return _missing()

    def _issue(self, repository: Repository, number: int) -> Answer:
        issue = repository.issues.get(number)
        if issue is None:
            pull = next((each for each in repository.pulls if each["number"] == number), None)
            return said({**pull, "comments": 0, "pull_request": {"url": "x"}}) if pull else _missing()
        if issue["state"] == "deleted":
            return said({"message": "This issue was deleted", "documentation_url": DOCS, "status": "410"}, 410)
        return said(issue)

    def _listed(self, seen: Seen, items: list[dict[str, Any]]) -> Answer:
        """A page of them; the next one's address is in the Link header."""
        query = query_of(seen)
        number, size = int(query.get("page", 1)), min(100, int(query.get("per_page", 30)))
        pages = max(1, -(-len(items) // size))
        answer = said(items[(number - 1) * size : number * size])
        base = f"{self.url}{path_of(seen)}?per_page={size}&page="
        if number < pages:
            answer.headers.append(("Link", f'<{base}{number + 1}>; rel="next", <{base}{pages}>; rel="last"'))
        return answer

    def _pulls(self, repository: Repository, query: dict[str, str]) -> list[dict[str, Any]]:
        state, head, found = query.get("state", "open"), query.get("head", ""), repository.pulls
        if state != "all":
            found = [each for each in found if each["state"] == state]
        return [each for each in found if not head or each["head"]["label"].lower() == head.lower()]

    def _open(self, repository: Repository, seen: Seen, token: str) -> Answer:
        if token != WRITE:
            what = "Resource not accessible by personal access token"
            return said({"message": what, "documentation_url": DOCS, "status": "403"}, 403) if token else _missing()
        if repository.archived:
            return said({"message": "Repository was archived so is read-only.", "documentation_url": DOCS}, 403)
        asked = json.loads(seen.body)
        owner = repository.full_name.split("/")[0]
        sha, base = (_tip(repository.folder, asked[name]) for name in ("head", "base"))
        if not sha or not base:
            return _invalid({"resource": "PullRequest", "field": "head" if not sha else "base", "code": "invalid"})
        if git(repository.folder, "rev-list", "--count", f"{base}..{sha}") == "0":
            what = f"No commits between {asked['base']} and {asked['head']}"
            return _invalid({"resource": "PullRequest", "code": "custom", "message": what})
        label = f"{owner}:{asked['head']}"
        if self._pulls(repository, {"head": label}):
            what = f"A pull request already exists for {label}."
            return _invalid({"resource": "PullRequest", "code": "custom", "message": what})
        number = repository.next
        made = {
            "number": number,
            "state": "open",
            "merged_at": None,
            "title": asked["title"],
            "body": asked["body"],
            "user": {"login": "countersign-bot"},
            "html_url": f"{self.url}/{repository.full_name}/pull/{number}",
            "head": {"label": label, "ref": asked["head"], "sha": sha},
            "base": {"ref": asked["base"], "sha": base},
        }
        repository.pulls.append(made)
        return said(made, 201)


def _missing() -> Answer:
    return said({"message": "Not Found", "documentation_url": DOCS, "status": "404"}, 404)


def _invalid(error: dict[str, Any]) -> Answer:
    body = {"message": "Validation Failed", "errors": [error], "documentation_url": DOCS, "status": "422"}
    return said(body, 422)


def _tip(folder: Path, branch: str) -> str:
    return git(folder, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")


@asynccontextmanager
async def standin_github(folder: Path, pem: Path) -> AsyncIterator[StandInGitHub]:
    """Started on a free port, as HOST."""
    folder.mkdir(exist_ok=True)
    async with git_host(folder, pem) as host:
        made = StandInGitHub(host)
        host.host.act = made.act
        yield made

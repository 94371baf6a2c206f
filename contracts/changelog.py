"""Types of the changelog workflow."""

from typing import Literal

from pydantic import Field

from contracts.base import Contract
from contracts.budgets import Spender
from contracts.policy import Route, SandboxPolicy
from contracts.proposal import Check, Cost, blocking
from contracts.runs import Review

Section = Literal["Breaking", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
SECTIONS: tuple[Section, ...] = ("Breaking", "Added", "Changed", "Deprecated", "Removed", "Fixed", "Security")


class ChangelogRequest(Contract):
    """What to write a changelog of.

    `repository` is a path or a URL. `since` and `until` are anything git resolves to a commit (a tag, a
    branch, a SHA) or, for `since`, a date as YYYY-MM-DD. Empty `since`: the last signed changelog, else the
    last tag, else four weeks. `changelog_path` empty: found in the repository, else CHANGELOG.md.
    """

    repository: str = Field(min_length=1, json_schema_extra={"is_path": True})
    since: str = ""
    until: str = "HEAD"
    changelog_path: str = ""
    heading: str = "Unreleased"
    team: str = "platform"


class GatherRequest(ChangelogRequest):
    """A request with the limits that the workflow's policy sets to the sandbox in which it is read."""

    sandbox: SandboxPolicy = SandboxPolicy()


class FileChange(Contract):
    """Lines added and deleted in one path. Binary files count -1."""

    path: str
    added: int
    deleted: int


class Change(Contract):
    """One commit of the first-parent line, with what a merge brought in."""

    sha: str
    time: int = Field(description="committer time, Unix seconds")
    subject: str
    body: str = ""
    author: str = ""
    email: str = ""
    merged: tuple[tuple[str, str], ...] = Field(default=(), description="subject and body of merged commits")
    merged_shas: tuple[str, ...] = ()
    merged_authors: tuple[str, ...] = ()
    files: tuple[FileChange, ...] = ()


class Release(Contract):
    """A release of the past: its changes and what the repository's changelog said of it."""

    version: str
    changes: tuple[Change, ...]
    changelog: str


class History(Contract):
    """What was read in the sandbox. Kept in the artifact store; only its reference travels."""

    repository: str
    web_url: str = Field(default="", description="https://host/owner/name, for links; empty for a local one")
    base: str = Field(default="", description="SHA the range starts after; empty: from the first commit")
    base_says: str = Field(description="in words: 'since tag v1.2.0', 'since the last signed changelog'")
    head: str
    branch: str = Field(default="", description="the branch whose tip head is, if one is")
    changes: tuple[Change, ...]
    changelog_path: str
    changelog_text: str | None = Field(default=None, description="the file at head; None if there is none")
    tags: tuple[str, ...] = Field(default=(), description="tags inside the range")
    releases: tuple[Release, ...] = Field(default=(), description="earlier releases, oldest first")
    truncated: str = Field(default="", description="what was not read, and why")


class Line(Contract):
    """One line of the entry and the commits it stands on. `changes` are full SHAs from the range."""

    section: Section
    text: str
    changes: tuple[str, ...]
    references: tuple[str, ...] = Field(default=(), description="issue and pull request numbers, as #12")


class LeftOut(Contract):
    """A change that is not in the entry, and why."""

    sha: str
    subject: str
    why: str
    score: float = 0.0


class ChangelogDraft(Contract):
    """The typed output of the workflow before review."""

    heading: str
    lines: tuple[Line, ...]
    left_out: tuple[LeftOut, ...] = ()
    contributors: tuple[str, ...] = ()
    markdown: str = Field(description="the entry as it goes into the file")
    drafted_by: Literal["baseline", "model", "person"] = "baseline"
    fallback: str = ""


class Gathered(Contract):
    """The context of a run, by reference."""

    history: str = Field(description="artifact reference of a History")
    repository: str
    subject: str = Field(description="a short name of the repository")
    commits: int
    releases: int
    base: str
    base_says: str
    head: str
    truncated: str = ""

    @property
    def says(self) -> str:
        """The ledger's sentence."""
        return f"{counted(self.commits, 'commit')} {self.base_says} in {self.subject}. {self.truncated}".rstrip()


class ComposeRequest(Contract):
    """Make the baseline's draft. `words` are a reviewer's requests, oldest first."""

    history: str
    heading: str
    words: tuple[str, ...] = ()


class Drafted(Contract):
    """A draft by reference, with what its checks said and what it cost."""

    draft: str = Field(description="artifact reference of a ChangelogDraft")
    lines: int
    left_out: int
    checks: tuple[Check, ...] = ()
    cost: Cost = Cost()
    drafted_by: Literal["baseline", "model", "person"] = "baseline"
    fallback: str = ""
    known: int = Field(default=0, description="changes left out because the changelog tells of them already")
    note: str = Field(default="", description="the ledger's sentence, where nothing was drafted")

    @property
    def says(self) -> str:
        """The ledger's sentence: how much, by whom, and what stood in the way."""
        if self.note:
            return self.note
        # An entry without lines fails checks, but is never proposed.
        failed = [check.name for check in blocking(self.checks)] if self.lines else []
        told = [
            f"{counted(self.lines, 'line')}, {self.left_out:,} left out, by the {self.drafted_by}.",
            f"Failed checks: {', '.join(failed)}." if failed else "",
            self.fallback,
        ]
        return " ".join(filter(None, told))


class RewriteRequest(Contract):
    """Let a model rewrite the baseline's words, under checks."""

    history: str
    draft: str
    words: tuple[str, ...] = ()
    problems: tuple[str, ...] = Field(default=(), description="what the checks said of the attempt before")
    budget_usd: str = Field(default="0", description="from releases that know no spender")
    attempt: int = 1
    spent: Cost = Cost()
    spender: Spender | None = None
    route: Route = Route()


class ProposeRequest(Contract):
    """Seal a revision. `text` is a person's edit of the entry, when there is one."""

    run: str
    workflow: str
    version: str
    revision: int
    history: str
    draft: str
    baseline: str
    checks: tuple[Check, ...] = ()
    cost: Cost = Cost()
    fallback: str = Field(default="", description="why the baseline's draft is proposed after all")
    words: tuple[str, ...] = Field(default=(), description="what reviewers asked for, oldest first")
    text: str | None = None
    edited_by: str | None = None
    role: str = "reviewer"
    expire_seconds: float = 30 * 86400
    review: Review | None = Field(default=None, description="None: the role says it all")


def counted(number: int, what: str) -> str:
    """`1 line`, `1,200 lines`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")

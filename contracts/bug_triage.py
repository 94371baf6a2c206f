"""Bug triage round the model: what is asked for, what goes from step to step, what is proposed. The model's own types
are in contracts/bugs.py. Bodies lie in the artifact store under references; every text of an issue is untrusted.
"""

import re
from datetime import datetime
from typing import Literal

from pydantic import Field, field_validator

from contracts.base import Contract
from contracts.bugs import Issue, Judgement, Standing
from contracts.machine import Call, Changed
from contracts.proposal import Cost
from contracts.runs import Review

# What a report of a bug may lack. Templates and history say which of them a project asks for.
Part = Literal["version", "steps", "expected", "environment", "log"]
PARTS: tuple[Part, ...] = ("version", "steps", "expected", "environment", "log")


# Languages whose snippets are tried.
TRIED = ("python", "javascript", "go", "java", "ruby", "php")

DOUBTFUL = "-doubtful"  # how the id of the run ends that has those in doubt


class Reproduction(Changed):
    """What came of trying a report: the exception that it tells of, another, none, or it could not be tried."""

    key: str
    state: Literal["reproduced", "other", "did not", "could not"] = "could not"
    command: str = ""
    output: str = Field(default="", description="its end, as printed: untrusted")
    seconds: float = 0


class Doubtful(Contract):
    """What a run hands to the run of its doubtful issues: references to what it found."""

    backlog: str
    assessment: str
    code: str = ""
    reproductions: tuple[Reproduction, ...] = ()
    note: str = ""


class BugTriageRequest(Contract):
    """Triage the new issues of `source`, or `issue` alone.

    `source`: a file (JSON Lines or CSV), `github:owner/name`, `gitlab:group/project`, `jira:PROJ`, `linear:TEAM`.
    `repository`: the code that the reports are about, a folder of the worker's host or a URL; empty: no code is read.
    `issue`: a key or number of that source; empty: all that nobody has triaged. `most`: issues in one proposal.
    `doubtful` is set by a run itself, for the run that it hands its doubtful ones to: what was found of them.
    """

    source: str = Field(min_length=1, json_schema_extra={"is_path": True})
    repository: str = Field(default="", json_schema_extra={"is_path": True})
    issue: str = ""
    most: int = Field(default=40, ge=1, le=200)
    most_doubtful: int = Field(default=10, ge=0, le=50)
    reproductions: int = Field(default=5, ge=0, le=20, description="reports that are tried out in one run; 0: none")
    fixes: bool = Field(default=False, description="propose to start ticket_to_pr where a fix is likely small")
    images: dict[str, str] = Field(
        default_factory=dict, description="of containers to try a snippet in, by its language: javascript=node:22,go=…"
    )
    doubtful: Doubtful | None = None

    @field_validator("images", mode="before")
    @classmethod
    def in_one_text(cls, value: object) -> object:
        """On a command line they stand in one text."""
        if not isinstance(value, str):
            return value
        pairs = [part.partition("=") for part in filter(None, map(str.strip, value.split(",")))]
        return {name.strip(): image.strip() for name, _, image in pairs}

    @field_validator("images")
    @classmethod
    def of_languages_that_are_tried(cls, value: dict[str, str]) -> dict[str, str]:
        for name, image in value.items():
            if name not in TRIED or not re.fullmatch(r"[a-z0-9][\w./:@-]{0,200}", image):
                raise ValueError(f"write LANGUAGE=IMAGE with one of {', '.join(TRIED)}, and not {name}={image}")
        return value

    @field_validator("issue", mode="before")
    @classmethod
    def numbers_too(cls, value: object) -> object:
        """A webhook tells the number of an issue as one."""
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Milestone(Contract):
    """One that is open in a tracker, or a version of Jira's that is not released."""

    title: str
    due: datetime | None = None


class Backlog(Contract):
    """All issues of a source, open and closed, oldest first, as far as they were read.

    As an artifact it has its issues in `parts`, artifacts of their own, so that what didn't change is kept once
    (activities/bug_triage/backlogs.py).
    """

    source: str
    project: str
    says_where: str = Field(default="", description="the source as people call it")
    issues: tuple[Issue, ...] = ()
    parts: tuple[str, ...] = Field(default=(), description="artifacts with the issues, where they do not stand here")
    names: dict[str, str] = Field(default_factory=dict, description="what people are called, by what the source uses")
    milestones: tuple[Milestone, ...] = Field(default=(), description="that are open, the one due first before all")
    label_of: dict[str, str] = Field(
        default_factory=dict, description='"kind:bug": the label that the team uses for it'
    )
    left_out: str = Field(default="", description="what was not read, and why")


class Issues(Contract):
    """A part of a backlog."""

    issues: tuple[Issue, ...]


class History(Contract):
    """How a source was read last. `form`: of what is kept; another one is read anew.

    `began`: when that reading began, by our clock. `until`: what changed later, by the source's, is not in it.
    `whole`: when all of it was read, and `milestones`: when those were, by our clock.
    """

    form: int
    backlog: str = ""
    began: datetime
    until: datetime
    whole: datetime
    milestones: datetime


class GatherBugs(Contract):
    """Read a source. `issue`: which one has to be among them."""

    source: str
    issue: str = ""
    repository: str = ""


class BugsGathered(Contract):
    """`backlog` is the artifact with the Backlog. `key`: of the one issue, where one was asked for."""

    backlog: str
    subject: str
    issues: int
    open: int
    key: str = ""
    left_out: str = ""

    @property
    def says(self) -> str:
        """The ledger's sentence."""
        return f"{self.issues:,} issues of {self.subject}, {self.open:,} of them open. {self.left_out}".rstrip()


class AssessBugs(Contract):
    """Learn from the past, and judge what is new, or the one issue."""

    backlog: str
    key: str = ""
    most: int = 40
    most_doubtful: int = 10
    workflow: str = "bug_triage"


class Assessed(Contract):
    """One issue with what the model says of it. `doubts`: why a person has to look; none: it is confident."""

    issue: Issue
    judgement: Judgement
    doubts: tuple[str, ...] = ()


class Assessment(Contract):
    """What was judged. Only those to be proposed are kept whole; the rest is counted."""

    source: str
    project: str
    confident: tuple[Assessed, ...] = ()
    doubtful: tuple[Assessed, ...] = ()
    standing: tuple[Standing, ...] = ()
    version: str = Field(default="", description="of the model: the hash of what it learnt from")
    learnt: int = Field(default=0, description="corrections of reviewers among what it learnt from")
    waiting: int = Field(default=0, description="new ones that this run leaves for the next")
    judged: int = 0


class BugsAssessed(Contract):
    """`assessment` is the artifact with the Assessment."""

    assessment: str
    judged: int
    confident: int
    doubtful: int
    waiting: int = 0
    runnable: tuple[str, ...] = Field(default=(), description="keys of reports with something that can be run")
    languages: dict[str, str] = Field(default_factory=dict, description="of those with a snippet, by key")
    says: str = ""


class Likely(Contract):
    """A file that a report may be about, and what points at it. `line`: 0 where none is known."""

    path: str
    score: float
    why: tuple[str, ...] = ()
    line: int = 0


class Owner(Contract):
    """Somebody who knows a file. `who`: as the source calls them, empty where it is not known who that is there."""

    name: str
    who: str = ""
    share: float = Field(description="of what was changed there, the recent counting most, 0 to 1")
    why: str = ""


class Located(Contract):
    """What the repository says of one report."""

    key: str
    files: tuple[Likely, ...] = ()
    owners: tuple[Owner, ...] = ()


class Code(Contract):
    """What was read of the repository. `asks`: what its templates for reports ask for; empty: they don't say."""

    commit: str = ""
    located: tuple[Located, ...] = ()
    asks: tuple[Part, ...] = ()
    asks_why: str = ""
    newest: str = Field(default="", description="the newest release, by its tags")
    note: str = ""


class LocateBugs(Call):
    """Search the repository for what reports speak of."""

    assessment: str
    backlog: str


class BugsLocated(Contract):
    """`code` is the artifact with the Code."""

    code: str
    says: str = ""


class Reproduce(Call):
    """Try a report's own snippet or command, in this machine and nowhere else."""

    assessment: str
    key: str


class ProposeTriage(Contract):
    """Seal one revision of what is to be done about issues."""

    run: str
    workflow: str
    version: str
    revision: int
    request: BugTriageRequest
    backlog: str
    assessment: str
    code: str = ""
    reproductions: tuple[Reproduction, ...] = ()
    which: Literal["confident", "doubtful", "one"] = "confident"
    words: tuple[str, ...] = ()
    note: str = Field(default="", description="why the code was not read, where it was not")
    cost: Cost = Cost()
    role: str
    expire_seconds: float
    review: Review | None = None


class Blocker(Contract):
    """Whether it holds a release up, by which rule. None: it can't be said yet, and `why` says what is missing."""

    blocks: bool | None
    why: str


class Assignee(Contract):
    """Who is suggested. `who` empty: nobody, and `why` says why not."""

    who: str = ""
    name: str = ""
    why: str = ""

"""Ticket to pull request: what goes from step to step. Bodies lie in the artifact store under references."""

from typing import ClassVar, Literal

from pydantic import Field

from contracts.base import Contract
from contracts.install import Needs, Registry
from contracts.machine import Call, Changed
from contracts.policy import Tier
from contracts.proposal import Check, Cost
from contracts.repair import RepairLimits
from contracts.runs import Review


class TicketRequest(Contract):
    """Fix `ticket` in `repository`.

    `ticket`: a file (JSON, Markdown, text), `github:owner/name#12`, `linear:ABC-12`, `jira:ABC-12`, or the URL of one.
    `repository`: a folder of the worker's host, or a URL. `branch`: the one that takes the change in; empty: the one
    that HEAD names. `test`: the project's test command, where its own files don't say. `install`: whether the packages
    that its tests need are installed, where the operator allows it (docs/workflows/ticket_to_pr.md).
    """

    ticket: str
    repository: str
    branch: str = ""
    test: tuple[str, ...] = ()
    install: bool = False
    search_seconds: float = Field(default=180, ge=0, le=3000, description="for the search without a model; 0: none")


class Comment(Contract):
    """Something said under a ticket."""

    author: str = ""
    text: str


class Ticket(Contract):
    """A ticket as its source tells it. All of it is untrusted text. `key` is the same for the same ticket."""

    key: str
    title: str
    body: str = ""
    url: str = ""
    author: str = ""
    state: str = ""
    labels: tuple[str, ...] = ()
    comments: tuple[Comment, ...] = ()
    left_out: int = Field(default=0, description="comments that were not read, because there are so many")

    @property
    def words(self) -> str:
        """All that was said, for locating and for a prompt."""
        return "\n\n".join([self.title, self.body, *(comment.text for comment in self.comments)])


class ReadTicket(Contract):
    """Read a ticket, and claim it for this run."""

    ticket: str
    repository: str
    run: str


class TicketRead(Contract):
    """`ticket` is the artifact with the Ticket."""

    ticket: str
    key: str
    title: str
    url: str = ""
    says: str = ""


class Project(Contract):
    """How a project is set up and tested, found out from its own files."""

    language: str = ""
    test: tuple[str, ...] = Field(default=(), description="argv; empty: nothing says how it is tested")
    lint: tuple[str, ...] = ()
    why: str = Field(default="", description="which file says so")
    is_pytest: bool = Field(default=False, description="so that single tests can be named and told apart")
    environment: dict[str, str] = Field(default_factory=dict)

    def using(self, python: str) -> "Project":
        """The project with its own environment's interpreter, which finds the machine's pytest by itself."""
        if not python:
            return self
        path = [each for each in self.environment.get("PYTHONPATH", "").split(":") if not each.startswith("/opt/")]
        own = {"PATH": f"{python.rpartition('/')[0]}:/usr/local/bin:/usr/bin:/bin", "PYTHONPATH": ":".join(path)}
        test = (python, *self.test[1:]) if self.test[:1] == ("python3",) else self.test
        return self.model_copy(update={"test": test, "environment": {**self.environment, **own}})


class LookAtProject(Call):
    """Find out how the project is tested. `test` is what a person said."""

    test: tuple[str, ...] = ()


class ProjectSeen(Contract):
    """`needs`: the packages its tests need. `registry`: where they may come from; None: the operator allows none."""

    project: Project
    needs: Needs = Needs()
    registry: Registry | None = None
    says: str = ""


TestState = Literal["passed", "failed", "error", "skipped"]


class TestRun(Contract):
    """One run of the tests. `tests` is empty where the project's command names none: then `passed` alone tells.

    `command` is empty where nothing says how the project is tested: nothing was run.
    """

    __test__: ClassVar[bool] = False  # no test class of pytest's

    command: tuple[str, ...]
    exit_code: int
    seconds: float
    tests: dict[str, TestState] = Field(default_factory=dict)
    output: str = Field(default="", description="its end, as printed")
    says: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.command) and self.exit_code == 0

    @property
    def failing(self) -> tuple[str, ...]:
        return tuple(name for name, state in self.tests.items() if state in ("failed", "error"))

    @property
    def found_none(self) -> bool:
        """Whether there was no test to run: pytest and unittest end with 5 then."""
        return bool(self.command) and self.exit_code == 5 and not self.tests


class RunTests(Call):
    """Run the project's tests as the work tree is now."""

    project: Project


class TestsRan(Changed):
    """`run` is the artifact with the TestRun."""

    run: str
    passed: bool
    failing: tuple[str, ...] = Field(default=(), description="at most 50")
    count: int = 0


class SearchRepair(Call):
    """The baseline: search small edits that make the failing tests pass, and apply the most plausible one."""

    ticket: str
    project: Project
    before: str
    limits: RepairLimits = RepairLimits()


class RepairSearched(Changed):
    """`result` is the artifact with the RepairResult. `fixed`: a candidate was applied to the work tree."""

    result: str
    fixed: bool
    tries: int = 0
    note: str = ""


class Prove(Call):
    """Make the proof of what is in the work tree now, against the tests as they were before."""

    ticket: str
    project: Project
    before: str
    repair: str = ""


class Flag(Contract):
    """Something that a reviewer has to see before the diff. `red`: it speaks against signing."""

    says: str
    red: bool = True


class FileDiff(Contract):
    """One file of the change. `ref` is its new content, empty where it is removed."""

    path: str
    diff: str
    ref: str = ""
    mode: Literal["", "100644", "100755"] = ""
    added: int = 0
    removed: int = 0


class Proof(Contract):
    """What stands beside the diff."""

    before: TestRun
    after: TestRun
    fixed: tuple[str, ...] = Field(default=(), description="failed before, pass now")
    broken: tuple[str, ...] = Field(default=(), description="passed before, fail now")
    still: tuple[str, ...] = Field(default=(), description="failed before, fail now")
    gone: tuple[str, ...] = Field(default=(), description="ran before, and are not there any more")
    added: tuple[str, ...] = Field(default=(), description="new tests")
    added_fail_before: tuple[str, ...] = Field(default=(), description="new tests that fail on the old code")
    old_fails: bool = Field(
        default=False,
        description="of a command that names no tests: the old code passes, and fails with the tests as they are now",
    )
    lint: str = Field(default="", description="what lint says of it now, empty: nothing, or no lint")
    lint_ok: bool = True
    flags: tuple[Flag, ...] = ()
    files: tuple[FileDiff, ...] = ()
    suspects: tuple[str, ...] = Field(default=(), description="places that ticket and tests point at, in words")

    @property
    def command_fixed(self) -> bool:
        """Whether the tests as a whole failed, before or on the old code, and pass now. Tests that have names have to
        pass by them: one that is skipped now is not fixed, and a first test that was never red shows nothing."""
        names = self.after.tests
        by_name = any(name in names for name in self.before.failing) or (self.before.found_none and bool(names))
        return self.after.passed and not by_name and (self.old_fails or not self.before.passed)

    @property
    def command_broken(self) -> bool:
        """Whether the tests as a whole passed before and fail now, whatever they name."""
        return self.before.passed and not self.after.passed

    @property
    def was_red(self) -> bool:
        """Whether something failed, before or on the old code, that passes now."""
        return bool(self.fixed or self.added_fail_before) or self.command_fixed

    @property
    def harmless(self) -> bool:
        """Whether it changes something, and nothing that passed fails or is gone."""
        return bool(self.files) and not self.broken and not self.gone and not self.command_broken

    @property
    def holds(self) -> bool:
        """Whether the tests say that it is a fix: one that failed passes now, and none that passed fails."""
        return self.harmless and self.was_red

    @property
    def presentable(self) -> bool:
        """Whether it is worth a reviewer's time: nothing broke, and where a test failed before, one passes now."""
        before = self.before
        return self.harmless and (self.holds or before.passed or before.found_none or not before.command)


class Proved(Changed):
    """`proof` is the artifact with the Proof."""

    proof: str
    holds: bool
    presentable: bool = Field(default=False, description="worth a reviewer's time, though nothing failed before it")
    files: int = 0
    why: str = Field(default="", description="where it does not hold: what the model or a person is told")


class Try(Contract):
    """One way that was tried, for the reviewer: nobody has to guess what was searched."""

    tier: Tier
    says: str
    held: bool = False
    cost: Cost = Cost()
    seconds: float = 0


class ProposeFix(Contract):
    """Seal one revision of a fix, or of a note about what was found where there is none (`proof` empty)."""

    run: str
    workflow: str
    version: str
    revision: int
    request: TicketRequest
    ticket: str
    base: str
    proof: str = ""
    before: str = Field(default="", description="the proof of the revision before, as the reviewer saw it")
    repair: str = ""
    installed: str = Field(default="", description="the artifact with the Packages")
    not_installed: str = Field(default="", description="why there are none, where the project needs some")
    tries: tuple[Try, ...] = ()
    drafted_by: Literal["baseline", "model"] = "baseline"
    fallback: str = ""
    said: str = Field(default="", description="the model's own words of what it did; checked by nobody")
    words: tuple[str, ...] = Field(default=(), description="what reviewers asked for")
    cost: Cost = Cost()
    seconds: float = 0
    checks: tuple[Check, ...] = ()
    role: str
    expire_seconds: float
    review: Review | None = Field(default=None, description="None: the role says it all")


class WriteBrief(Contract):
    """Make the brief of an agent: the rules, and the ticket with what was found, fenced as data."""

    ticket: str
    project: Project
    before: str
    repair: str = ""
    words: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


class BriefWritten(Contract):
    """`brief` is the artifact with the Brief. `models`: whether there is a model to give it to, and why not."""

    brief: str
    models: bool
    why: str = ""

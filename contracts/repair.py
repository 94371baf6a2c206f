"""Types of the repair without a model: what is broken, within which limits, and what was found."""

from typing import Annotated, Literal

from pydantic import Field

from contracts.base import Contract


class RepairLimits(Contract):
    """How long and how wide to search. Each try has limits of its own, held inside the sandbox."""

    seconds: float = Field(default=300, gt=0, description="for the whole search, wall clock")
    tries: int = Field(default=20_000, ge=1)
    try_seconds: float = Field(default=10, gt=0, description="for one try; less where the tests proved to be quick")
    memory_bytes: int = Field(default=512 << 20, ge=1 << 26, description="for one try")
    workers: int = Field(default=2, ge=1, le=64, description="tries at the same time")
    settle_tries: int = Field(default=150, ge=0, description="how many more, once one passes, to have a choice")
    candidates: int = Field(default=5, ge=1, description="how many to propose at most")
    files: int = Field(default=4, ge=1, description="how many files to edit at most, one in each try")


class FunctionUnderRepair(Contract):
    """A module's source with one entry point, and a script of asserts that calls it."""

    shape: Literal["function"] = "function"
    source: str
    tests: str
    entry_point: str
    path: str = Field(default="function.py", description="what the diff calls it")


class RepositoryUnderRepair(Contract):
    """A work tree below /work, and the pytest tests that fail in it."""

    shape: Literal["repository"] = "repository"
    folder: str = Field(default="repository", description="below /work")
    failing: tuple[str, ...] = Field(default=(), description="pytest ids; empty: all that fail are taken")
    arguments: tuple[str, ...] = Field(default=(), description="which tests there are, as pytest takes them")
    python: str = Field(default="python3", description="the interpreter inside that has pytest and the dependencies")
    environment: dict[str, str] = Field(default_factory=dict, description="plain values, such as PYTHONPATH")


Subject = Annotated[FunctionUnderRepair | RepositoryUnderRepair, Field(discriminator="shape")]


class RepairRequest(Contract):
    """What to repair. `output` is what the failing tests printed, if someone ran them; `ticket` is untrusted text."""

    subject: Subject
    ticket: str = ""
    output: str = ""
    limits: RepairLimits = RepairLimits()


class Suspect(Contract):
    """A place that may be at fault. `score` is relative to the first suspect's 1."""

    file: str
    function: str = ""
    line: int = Field(ge=1)
    score: float = Field(ge=0)
    reasons: tuple[str, ...] = ()


class RepairCandidate(Contract):
    """A small edit with which the tests pass. `refused` says why nobody should sign it."""

    file: str
    line: int
    diff: str = Field(description="unified, applies with `git apply` in the work tree")
    kinds: tuple[str, ...] = Field(description="what was edited, as named in activities.repair.prior")
    says: str = Field(description="the edit in words")
    passed: int = Field(default=0, description="tests or cases that pass with it")
    agreement: float = Field(default=1.0, description="share of all passing candidates' weight that behaves like it")
    examples: tuple[int, int] = Field(default=(0, 0), description="examples in the ticket: right, of all")
    refused: str = ""


class RepairResult(Contract):
    """How a search ended. `candidates` has the most plausible first; `note` is for whoever goes on from here."""

    ended: Literal["fixed", "refused", "exhausted", "out of time", "out of tries", "nothing fails", "unusable"]
    candidates: tuple[RepairCandidate, ...] = ()
    refused: tuple[RepairCandidate, ...] = ()
    suspects: tuple[Suspect, ...] = ()
    tries: int = 0
    seconds: float = 0
    first_pass: int = Field(default=0, description="the try that passed first")
    note: str = ""

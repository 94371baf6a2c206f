"""What a workflow and the workers that hold its machine tell each other: one message in and one out a step.

A machine is a sandbox that a run uses for many steps. The worker that holds it gives the run a lease. Bodies
that would make a history long lie in the artifact store; messages carry their head, their tail and a reference.
"""

from datetime import timedelta

from pydantic import Field, JsonValue

from contracts.base import Contract
from contracts.policy import SandboxPolicy

FOLDER = "repository"


class Body(Contract):
    """Text that may be long. `ref`: the artifact with its bytes, where `head` does not hold them all.

    Bytes that are no UTF-8 are shown as � here and are whole in the artifact. `cut`: it was longer than a worker
    keeps, so the artifact ends early; `tail` is the end all the same.
    """

    head: str = ""
    tail: str = ""
    size: int = Field(default=0, description="bytes in all")
    ref: str = ""
    cut: bool = False

    @property
    def text(self) -> str:
        """All of it, or head and tail around a line that says what lies between."""
        if not self.tail:
            return self.head
        return f"{self.head}\n… {self.size:,} bytes in all, their middle is left out here …\n{self.tail}"


class MachineSpec(Contract):
    """The machine that a workflow asks for.

    `repository`: a folder of the worker's host or a URL; empty: an empty work tree. `commit`: a SHA, tag or branch,
    resolved once, when the machine is first opened. A lease that nobody uses ends after `idle`, and any lease after
    `longest`: the work is kept, and the next call gets a new machine.
    """

    repository: str = ""
    commit: str = "HEAD"
    sandbox: SandboxPolicy = SandboxPolicy()
    idle: timedelta = timedelta(minutes=10)
    longest: timedelta = timedelta(hours=12)


class OpenRequest(Contract):
    """Open a machine, or open it again at `checkpoint` over `commit`. `machine` names it within its run."""

    spec: MachineSpec
    machine: str
    first_run_id: str = Field(default="", description="of the run's first execution: continue-as-new keeps it")
    commit: str = ""
    checkpoint: str = ""


class Lease(Contract):
    """A machine that a worker holds for a run. Calls go to `queue`, which that one process polls."""

    lease: str
    queue: str
    sandbox: str
    commit: str = ""
    checkpoint: str = ""
    says: str = ""


class MachineState(Contract):
    """All that a run has to remember of its machine, small enough for continue-as-new."""

    machine: str
    commit: str = ""
    checkpoint: str = ""
    lease: Lease | None = None


class Call(Contract):
    """The base of every call: which lease it is for."""

    lease: str


class RunRequest(Call):
    """Run a program: argv, never a shell string. `cwd` is below the work tree; `seconds` can only shorten."""

    argv: tuple[str, ...]
    cwd: str = ""
    stdin: str = ""
    env: dict[str, str] = Field(default_factory=dict, description="plain values, never a secret")
    seconds: float | None = None


class Changed(Contract):
    """The base of what every mutating call gives. `checkpoint` holds the work as it was after the call.

    `journal` is this very result in the artifact store: should the worker die before Temporal hears of it, the
    run finds it by the ledger.
    """

    checkpoint: str = ""
    journal: str = ""
    says: str = ""


class RunResult(Changed):
    """How a program ended. `truncated`: output past the policy's limit was dropped. -9 where `timed_out`."""

    exit_code: int
    stdout: Body = Body()
    stderr: Body = Body()
    seconds: float
    truncated: bool = False
    timed_out: bool = False


class WriteRequest(Call):
    """Create or replace a file: `text`, or the artifact `ref`."""

    path: str
    text: str = ""
    ref: str = ""
    mode: int = 0o644


class WriteResult(Changed):
    """A file was written."""

    path: str
    size: int


class CheckpointRequest(Call):
    """Keep the work as it is now."""


class CheckpointResult(Changed):
    """The work was kept."""


class ReadRequest(Call):
    """Read a file of at most `limit` bytes."""

    path: str
    limit: int = Field(default=64 << 20, ge=0)


class ReadResult(Contract):
    """A file's content."""

    path: str
    body: Body
    says: str = ""


class ListRequest(Call):
    """Names in a folder; at most `limit`."""

    path: str = "."
    limit: int = Field(default=1000, ge=1)


class ListResult(Contract):
    """Names, sorted; folders end with a slash. `truncated`: there are more."""

    path: str
    names: tuple[str, ...]
    truncated: bool = False
    says: str = ""


class SearchRequest(Call):
    """Lines that match a regular expression, or the `literal` text."""

    pattern: str
    path: str = "."
    glob: str = ""
    literal: bool = False
    limit: int = Field(default=200, ge=1)


class Hit(Contract):
    """One line that was found. `text` is cut after 300 characters."""

    path: str
    line: int
    text: str


class SearchResult(Contract):
    """What was found, sorted. `truncated`: there is more."""

    hits: tuple[Hit, ...]
    truncated: bool = False
    says: str = ""


class DiffRequest(Call):
    """What changed in the work tree since `base`; empty: since the commit it started with."""

    base: str = ""


class DiffResult(Contract):
    """A unified diff, new files included. `truncated`: it went past the policy's output limit."""

    body: Body
    truncated: bool = False
    says: str = ""


class CloseRequest(Call):
    """Destroy the machine. What its checkpoints hold is kept."""


class Closed(Contract):
    """The machine is gone. `was_open` is False where it was gone before."""

    was_open: bool
    says: str = ""


class Recall(Contract):
    """Ask the ledger what became of an activity of this run whose result never reached Temporal."""

    activity_id: str


class Recalled(Contract):
    """What the activity gave, if it ended well before its worker died."""

    found: bool
    result: dict[str, JsonValue] = Field(default_factory=dict)
    says: str = ""

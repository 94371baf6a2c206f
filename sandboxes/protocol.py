"""What every sandbox can do, whichever provider made it."""

from collections.abc import AsyncIterable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self, runtime_checkable

from contracts.policy import SandboxPolicy


@dataclass(frozen=True)
class Mount:
    """A folder or file of the host, seen inside at `target`. Read-only unless `writable`."""

    source: Path
    target: str
    writable: bool = False


@dataclass(frozen=True)
class Tree:
    """A work tree to start with: `commit` of the bare repository `git_dir`, checked out in `folder` below /work.

    It is a repository of its own that shares objects with `git_dir`, read-only: nothing done inside reaches it.
    What arrived is the base of the sandbox's checkpoints, under the label `commit`.
    """

    git_dir: Path
    commit: str
    folder: str = "repository"


@dataclass(frozen=True)
class Result:
    """How a command ended. `truncated`: output went past the policy's limit and the rest was dropped.

    `timed_out`: the whole process tree was killed when its time was up; `exit_code` is then -9.
    """

    exit_code: int
    stdout: bytes
    stderr: bytes
    seconds: float
    truncated: bool = False
    timed_out: bool = False


@dataclass(frozen=True, order=True)
class Match:
    """One line that a search found. `path` is below /work; `text` is cut after 2,000 bytes."""

    path: str
    line: int
    text: str


@dataclass(frozen=True)
class Found:
    """What a search found, sorted. `truncated`: there is more."""

    matches: tuple[Match, ...]
    truncated: bool = False


@dataclass(frozen=True)
class Diff:
    """A unified diff. `truncated`: it went past the policy's output limit."""

    text: bytes
    truncated: bool = False


class Store(Protocol):
    """Keeps bodies by their content, such as the ledger's artifacts. Called from a thread."""

    def put(self, data: bytes) -> str:
        """The reference of `data`; the same for the same bytes."""
        ...

    def get(self, ref: str) -> bytes: ...


class Sandbox(Protocol):
    """A disposable machine with a writable folder `/work`. Leaving the context destroys it."""

    id: str

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "/work",
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Result:
        """Run a program. With `on_stdout`, chunks go there as they come and `Result.stdout` is empty.

        Raises CommandNotFound, SandboxFailed. A non-zero exit is a result, not an error.
        """
        ...

    async def read(self, path: str, *, limit: int = 64 << 20) -> bytes:
        """A file below /work. Never follows a link out of it."""
        ...

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        """Create or replace a file below /work, with its parent folders."""
        ...

    async def list(self, path: str = ".") -> list[str]:
        """Names in a folder below /work, sorted; folders end with a slash."""
        ...

    async def search(
        self, pattern: str, *, path: str = ".", glob: str = "", literal: bool = False, limit: int = 1000
    ) -> Found:
        """Lines below `path` that match a regular expression (or the `literal` text), as ripgrep finds them:
        without .git, binary files and what .gitignore names.

        Raises BadInput for a pattern that is none, NotFound, TookTooLong.
        """
        ...

    async def diff(self, *, folder: str = ".", base: str = "HEAD") -> Diff:
        """What changed in a repository below /work since `base`, new files included. Nothing in it is touched.

        Raises NotARepository, UnknownRange, TookTooLong.
        """
        ...

    async def mark_base(self, label: str) -> None:
        """What is below /work now is the base of later checkpoints; `label` names it (a repository and a commit)."""
        ...

    async def checkpoint(self, store: Store) -> str:
        """Keep what changed below /work since the base: a reference, the same for the same work.

        Call it between commands. Only what changed since the last one is read. Raises DiskFull.
        """
        ...

    async def restore(self, store: Store, ref: str) -> None:
        """Bring a new sandbox with the same base to a checkpoint. Raises BadInput for another base, or where
        something was changed already."""
        ...

    async def destroy(self) -> None:
        """End all processes and remove all files. Doing it twice is fine."""
        ...

    async def __aenter__(self) -> Self: ...

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


@runtime_checkable
class Converses(Protocol):
    """A sandbox whose programs can be talked with: what they are told may depend on what they said."""

    async def converse(
        self, argv: Sequence[str], said: AsyncIterable[bytes], heard: Callable[[bytes], None], *, seconds: float
    ) -> Result:
        """Run a program with `said` as its input while it comes; `heard` is given its output. Raises as `exec`.

        What `heard` raises ends the program, and is raised here.
        """
        ...


class SandboxProvider(Protocol):
    """Makes sandboxes of one kind."""

    name: str

    async def create(
        self, policy: SandboxPolicy, *, owner: str = "", mounts: Sequence[Mount] = (), tree: Tree | None = None
    ) -> Sandbox:
        """A new sandbox for `owner` (a run). SandboxUnavailable where the host can't hold the policy."""
        ...

"""Where a commit goes: the git folder of a repository on this host, or a URL.

Git runs in a sandbox that holds the git folder and nothing else of the repository: no work tree, no index of
its own. Whatever the repository configures (hooks, filters, fsmonitor, helpers) has nothing to reach.
"""

import os
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from activities.git_remote import Credentials, reaching, refused
from contracts.errors import (
    AccessRefused,
    BadInput,
    CountersignError,
    DestinationMoved,
    DiskFull,
    NotARepository,
    SandboxFailed,
    TookTooLong,
)
from contracts.policy import SandboxPolicy
from sandboxes import Mount, Result, Sandbox, SandboxProvider

HERE = "/repository.git"
CLONE = "/work/clone.git"
REMOTE = "/remote.git"
POLICY = SandboxPolicy(wall_seconds=300, output_bytes=256 << 20)
SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.fsync=loose-object,pack,reference",
    "commit.gpgSign=false",
    "i18n.commitEncoding=UTF-8",
    "gc.auto=0",
    "maintenance.auto=false",
    "push.followTags=false",
    "push.gpgSign=false",
    "push.recurseSubmodules=no",
    "protocol.allow=never",
    "protocol.https.allow=always",
    "protocol.http.allow=always",
    "protocol.ssh.allow=always",
    "protocol.git.allow=always",
)
ENVIRONMENT = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_ATTR_NOSYSTEM": "1",
    "LC_ALL": "C",
}
DEPTH_OF_ALTERNATES = 5
ROOM = "Free some disk space and start the run again."


@dataclass(frozen=True)
class Place:
    """A repository that git can be run on. `url` is where to push to; empty for one on this host."""

    sandbox: Sandbox
    repository: str
    git_dir: str
    url: str = ""
    alternates: tuple[str, ...] = ()

    async def git(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> Result:
        """Run git here. A failure is a result; a timeout and a full disk are errors."""
        settings = [part for setting in SETTINGS for part in ("-c", setting)]
        if self.url.startswith(REMOTE):
            settings += ["-c", "protocol.file.allow=always"]
        merged = ENVIRONMENT | {"GIT_DIR": self.git_dir} | dict(env or {})
        if not self.url:
            merged["GIT_WORK_TREE"] = "/work"  # an empty folder: what core.worktree names is not here
        if self.alternates:
            merged["GIT_ALTERNATE_OBJECT_DIRECTORIES"] = ":".join(self.alternates)
        result = await self.sandbox.exec(["git", *settings, *args], stdin=stdin, env=merged)
        if result.timed_out:
            raise TookTooLong(f"git {args[0]} on {self.repository!r} took too long.", subject=self.repository)
        return result

    async def must(self, *args: str, stdin: bytes | None = None, env: Mapping[str, str] | None = None) -> bytes:
        """What git prints. Raises the error that its failure means."""
        result = await self.git(*args, stdin=stdin, env=env)
        if result.exit_code != 0:
            raise explained(result, self.repository)
        return result.stdout

    async def sweep(self, since: float) -> None:
        """Remove the halves of objects that git leaves on a full disk. `since`: Unix seconds, when we began.

        Another git that writes at this very moment loses nothing: it fails on the full disk as well.
        """
        halves = ("-name", "tmp_obj_*", "-newermt", f"@{since:.3f}")
        await self.sandbox.exec(["find", f"{self.git_dir}/objects", *halves, "-delete"])


def explained(result: Result, repository: str) -> CountersignError:
    """A failed git command as an error with a way out."""
    said = result.stderr.decode(errors="replace").strip()
    last = said.splitlines()[-1] if said else f"exit code {result.exit_code}"
    if is_url(repository) and (told := refused(result.stderr, repository, push=True)):
        return told
    if re.search(r"No space left|Disk quota exceeded|File too large", said):
        return DiskFull(f"No room to commit to {repository!r}.", subject=repository, way_out=ROOM)
    if re.search(r"Permission denied|Read-only file system|insufficient permission|not permitted", said):
        return _refused(repository, last)
    if re.search(r"cannot lock ref .*(exists; cannot create|reference already exists)", said):
        return DestinationMoved(f"{repository!r} has a branch in the way: {last}", subject=repository)
    if re.search(r"Unable to create .*\.lock", said):
        return SandboxFailed(f"Another process is changing {repository!r}: {last}", subject=repository)
    if re.search(r"Could not resolve host|Failed to connect|Connection (refused|timed out|reset)|early EOF", said):
        return SandboxFailed(f"{repository!r} can't be reached: {last}", subject=repository)
    if re.search(r"Authentication failed|could not read Username|HTTP 40[13]|denied to|Host key verification", said):
        return _refused(repository, last)
    if re.search(r"not a git repository|does not appear to be a git repository|[Rr]epository .*not found", said):
        return NotARepository(f"{repository!r} is not a git repository: {last}", subject=repository)
    return BadInput(f"git failed on {repository!r}: {last}", subject=repository)


def _refused(repository: str, why: str) -> AccessRefused:
    return AccessRefused(
        f"This process may not write to {repository!r}: {why}",
        subject=repository,
        way_out="Clone it, start the run on that folder, and push the branch yourself."
        if is_url(repository)
        else "Give the user who runs the effects' worker write access, or run that worker as the owner.",
    )


@asynccontextmanager
async def open_place(
    provider: SandboxProvider,
    repository: str,
    owner: str,
    credentials: Credentials | None = None,
    *,
    sha256: bool = False,
) -> AsyncIterator[Place]:
    """The repository, ready for git; a URL's as an empty bare folder until `fetch`.

    Raises NotARepository, AccessRefused, DestinationMoved (it was there and is gone).
    """
    if is_url(repository):
        async with _remote(provider, repository, owner, credentials or {}, sha256=sha256) as place:
            yield place
        return
    git_dir = common_dir(Path(repository))
    borrowed = _alternates(git_dir / "objects")
    mounts = [
        Mount(git_dir, HERE, writable=True),
        *(Mount(folder, f"/alternates/{number}") for number, folder in enumerate(borrowed)),
    ]
    names = tuple(f"/alternates/{number}" for number in range(len(borrowed)))
    async with await provider.create(POLICY, owner=owner, mounts=mounts) as sandbox:
        yield Place(sandbox, repository, HERE, alternates=names)


@asynccontextmanager
async def _remote(
    provider: SandboxProvider, repository: str, owner: str, credentials: Credentials, *, sha256: bool
) -> AsyncIterator[Place]:
    url, mounts, policy = repository, list[Mount](), reaching(repository, POLICY, credentials, push=True)
    if repository.startswith("file://"):
        path = common_dir(Path(unquote(urlsplit(repository).path)))
        url, mounts, policy = REMOTE, [Mount(path, REMOTE, writable=True)], POLICY
    async with await provider.create(policy, owner=owner, mounts=mounts) as sandbox:
        place = Place(sandbox, repository, CLONE, url=url)
        form = "--object-format=sha256" if sha256 else "--object-format=sha1"
        await place.must("init", "--quiet", "--bare", form)
        yield place


def is_url(repository: str) -> bool:
    """`https://…`, `ssh://…`, `file://…`, `user@host:path`; a path that exists is a path."""
    if re.match(r"(https?|ssh|git|file)://[^-\s]", repository):
        return True
    return bool(re.match(r"[\w.-]+@[\w.-]+:[^-\s]", repository)) and not Path(repository).exists()


def common_dir(path: Path) -> Path:
    """The folder with objects and refs: of a work tree, a linked one, a submodule, or a bare repository.

    Only looks at files; nothing of the repository is run.
    """
    path = path.expanduser()
    try:
        if not path.exists():
            raise DestinationMoved(
                f"There is no repository at {str(path)!r} any more.",
                subject=str(path),
                way_out="Put it back and retry, or start a run for where it is now.",
            )
        found = _git_folder(path.resolve())
        link = found / "commondir"
        common = (found / link.read_text().strip()).resolve() if link.is_file() else found.resolve()
        if not _looks_right(common):
            raise NotARepository(f"{str(path)!r} is not a git repository.", subject=str(path))
    except PermissionError as error:
        raise _refused(str(path), str(error)) from error
    if not os.access(common / "objects", os.W_OK) or not os.access(common / "refs", os.W_OK):
        raise _refused(str(path), "its git folder is read-only for this user")
    return common


def _git_folder(path: Path) -> Path:
    for folder in (path, *path.parents):
        inner = folder / ".git"
        if inner.is_file():
            line = inner.read_bytes()[:4096].decode("utf-8", "surrogateescape").strip()
            return (folder / line.removeprefix("gitdir: ")).resolve()
        if inner.is_dir():
            return inner
        if _looks_right(folder):
            return folder
    raise NotARepository(f"{str(path)!r} is not a git repository.", subject=str(path))


def _looks_right(folder: Path) -> bool:
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()


def _alternates(objects: Path, depth: int = 0) -> list[Path]:
    """Object folders that this one borrows from. Only folders named `objects` are ever shown to git."""
    listed = objects / "info" / "alternates"
    if depth > DEPTH_OF_ALTERNATES or not listed.is_file():
        return []
    found: list[Path] = []
    for line in listed.read_text(errors="surrogateescape").splitlines():
        folder = (objects / line).resolve()
        if line and not line.startswith("#") and folder.name == "objects" and folder.is_dir():
            found += [folder, *_alternates(folder, depth + 1)]
    return found

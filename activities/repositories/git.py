"""Git inside a sandbox, on a clone that shares the source's objects read-only.

Names given by people or found in repositories reach git through its standard input only, where nothing can
be taken for an option. There is no work tree: links, filters and submodules never come to life.
"""

import re
from collections.abc import Callable, Sequence

from activities.repositories.source import Source, not_one
from contracts.errors import AccessRefused, BadInput, CountersignError, DiskFull, TookTooLong
from sandboxes.protocol import Result, Sandbox

SOURCE = "/source"
CLONE = "/work/repository.git"
CONFIG = "/work/gitconfig"

SAFE_CONFIG = b"""\
[safe]
\tdirectory = *
[core]
\thooksPath = /dev/null
\tfsmonitor = false
\tquotePath = false
\tcommitGraph = true
[protocol]
\tallow = never
[protocol "file"]
\tallow = always
[submodule]
\trecurse = false
[fetch]
\trecurseSubmodules = false
[gc]
\tauto = 0
[maintenance]
\tauto = false
[i18n]
\tlogOutputEncoding = UTF-8
[log]
\tshowSignature = false
\tmailmap = true
[filter "lfs"]
\tsmudge =
\tprocess =
\trequired = false
"""

ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": CONFIG,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "HOME": "/work",
    "LC_ALL": "C",
}

_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e]+")

# What git says, and which of our errors it is. Read top to bottom.
_SAYS: tuple[tuple[str, type[CountersignError], str], ...] = (
    (r"No space left on device|Disk quota exceeded", DiskFull, "Free some space and run again."),
    (
        r"Permission denied|Authentication failed|could not read Username|terminal prompts disabled"
        r"|access denied|error: 403|error: 401|Host key verification failed",
        AccessRefused,
        "Check that it exists and is public, or clone it yourself and give the folder.",
    ),
)

_UNREACHED = re.compile(
    r"Could not resolve|Failed to connect|Connection (refused|timed out|reset)|No route to host"
    r"|Network is unreachable|early EOF|The requested URL returned error: 5",
    re.IGNORECASE,
)

PARTIAL = "A partial clone has to be completed first: `git fetch --refetch --no-filter`. Else check it with `git fsck`."


class Git:
    """A bare clone in a sandbox."""

    def __init__(self, sandbox: Sandbox, repository: str, folder: str = CLONE) -> None:
        self.sandbox = sandbox
        self.repository = repository
        self.folder = folder

    async def run(
        self, *args: str, stdin: bytes | None = None, on_stdout: Callable[[bytes], None] | None = None
    ) -> bytes:
        """What a git command prints. Any failure is one of our errors, naming the repository."""
        result = await self.try_(*args, stdin=stdin, on_stdout=on_stdout)
        if result.exit_code != 0 or result.timed_out:
            raise failed(result, self.repository)
        return result.stdout

    async def try_(
        self, *args: str, stdin: bytes | None = None, on_stdout: Callable[[bytes], None] | None = None
    ) -> Result:
        argv = ("git", f"--git-dir={self.folder}", *args)
        return await self.sandbox.exec(argv, stdin=stdin, env=ENVIRONMENT, on_stdout=on_stdout)

    async def commit(self, name: str) -> str | None:
        """The SHA of the commit that a name means, or None."""
        if not name or "\n" in name or "\0" in name:
            return None
        asked = f"{name}^{{commit}}\n".encode("utf-8", "surrogateescape")
        said = await self.run("cat-file", "--batch-check", stdin=asked)
        found = re.fullmatch(rb"([0-9a-f]{40,64}) commit \d+\n", said)
        return found.group(1).decode() if found else None

    async def file(self, commit: str, path: str) -> bytes | None:
        """A file's bytes at a commit, or None."""
        asked = f"{commit}:{path}\n".encode("utf-8", "surrogateescape")
        said = await self.run("cat-file", "--batch", stdin=asked)
        head, _, rest = said.partition(b"\n")
        found = re.fullmatch(rb"[0-9a-f]{40,64} blob (\d+)", head)
        return rest[: int(found.group(1))] if found else None

    async def lines(self, *args: str) -> list[str]:
        """What a command prints, by lines."""
        return (await self.run(*args)).decode("utf-8", "replace").splitlines()

    async def is_ancestor(self, old: str, new: str) -> bool:
        result = await self.try_("merge-base", "--is-ancestor", old, new)
        return result.exit_code == 0


async def clone(sandbox: Sandbox, source: Source) -> Git:
    """Clone what is mounted at /source into the sandbox. Objects are shared, refs are copied."""
    await sandbox.write("gitconfig", SAFE_CONFIG)
    argv = ["git", "clone", "--quiet", "--mirror", "--shared", "--", SOURCE, CLONE]
    result = await sandbox.exec(argv, env=ENVIRONMENT)
    if result.exit_code != 0 or result.timed_out:
        raise failed(result, source.repository)
    git = Git(sandbox, source.repository)
    if source.has_branches() and not await git.lines("for-each-ref", "--count=1"):
        raise not_one(source.repository, "its branches lead to no objects", "Check it with `git fsck`.")
    return git


def failed(result: Result, repository: str) -> CountersignError:
    """The error for a git command that failed on a repository."""
    if result.timed_out:
        return TookTooLong(
            f"Reading {repository!r} took longer than {result.seconds:.3g} seconds.",
            subject=repository,
            way_out="Give a shorter range, or raise the policy's wall_seconds.",
        )
    said = _words(result.stderr)
    for pattern, error, way_out in _SAYS:
        if re.search(pattern, said, re.IGNORECASE):
            return error(f"git could not read {repository!r}: {said}", subject=repository, way_out=way_out)
    return not_one(repository, f"git says: {said}", _way_out(said))


def _way_out(said: str) -> str:
    if _UNREACHED.search(said):
        return "Check the address, and that this host reaches it; then start the run again."
    return PARTIAL if "unable to read" in said else "Check it with `git fsck`, or give another."


def _words(stderr: bytes, limit: int = 300) -> str:
    """The last thing that git said, as one harmless line."""
    text = stderr.decode("utf-8", "replace")
    told = [line for line in text.splitlines() if line.startswith(("fatal:", "error:"))] or text.splitlines()
    line = _UNPRINTABLE.sub(" ", " ".join(told[:3])).removeprefix("fatal: ")
    return (line[:limit] or "nothing").rstrip(". ")


def safe_path(path: str) -> str:
    """A path inside the repository, as given by a person. BadInput if it leads out of it."""
    parts: Sequence[str] = path.split("/")
    if path.startswith("/") or ".." in parts or ".git" in parts or any(ord(c) < 32 for c in path):
        raise BadInput(
            f"{path!r} is not a path inside the repository.",
            subject="changelog_path",
            way_out="Give one relative to the repository's top folder.",
        )
    return path.removeprefix("./")

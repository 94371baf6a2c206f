"""Checking a commit out, by git inside a sandbox: what a repository holds may be hostile.

The repository that is made is an ordinary one at that commit, on no branch, with objects borrowed from `OBJECTS`.
Nothing in its configuration runs anything, and the same commit gives the same files wherever it is made.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.errors import BadInput, DiskFull, NotARepository, TookTooLong, UnknownRange
from contracts.policy import SandboxPolicy
from sandboxes.protocol import Result, Sandbox

OBJECTS = "/objects"
# Every file is of this time, 2000-01-01, so that git's index is younger than all of them: a file as old as the index
# would have to be read again to know whether it changed.
ARRIVED = 946_684_800
ENVIRONMENT = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "LC_ALL": "C",
}
EMPTY = """
set -e
mkdir -p "$1" && cd "$1"
git init --quiet --template= --object-format="$2" .
mkdir -p .git/objects/info .git/info
echo "$3" > .git/objects/info/alternates
git config core.checkStat minimal
git config core.trustctime false
git config gc.auto 0
git config maintenance.auto false
[ ! -f "$3/shallow" ] || cp "$3/shallow" .git/shallow
git cat-file -e "$4^{commit}" || exit 9
"""
FILL = """
set -e
cd "$1"
git update-ref --no-deref -m arrived HEAD "$2"
git reset --quiet --hard
"""
AGE = """
set -e
cd "$1"
find . -path ./.git -prune -o -exec touch -h -d "@$2" {} +
git update-index -q --refresh
"""
NO_SUCH_COMMIT = 9
BLOCK = 4096


def policy_for(policy: SandboxPolicy) -> SandboxPolicy:
    """What checking out may use: the limits of the sandbox that it is for, and neither network nor secrets."""
    none: dict[str, object] = {"network": "none", "allow": (), "environment": {}, "environment_names": (), "needs": ()}
    return policy.model_copy(update={**none, "output_bytes": 1 << 30})


async def check_out(
    sandbox: Sandbox, folder: str, commit: str, repository: str, limit: int, *, aged: bool = True
) -> None:
    """Make the repository at `folder` in a sandbox that sees the objects at OBJECTS.

    `limit`: more bytes of files than that are refused before one is written. Raises UnknownRange, NotARepository,
    DiskFull, TookTooLong.
    """
    kind = "sha1" if len(commit) == 40 else "sha256"
    begun = await _run(sandbox, EMPTY, folder, kind, OBJECTS, commit)
    if begun.exit_code == NO_SUCH_COMMIT:
        raise UnknownRange(f"{repository!r} has no commit {commit!r}.", subject=commit)
    _check(begun, repository)
    await _refuse_giants(sandbox, folder, commit, repository, limit)
    _check(await _run(sandbox, FILL, folder, commit), repository)
    if aged:
        _check(await _run(sandbox, AGE, folder, str(ARRIVED)), repository)


async def _refuse_giants(sandbox: Sandbox, folder: str, commit: str, repository: str, limit: int) -> None:
    """A few hundred bytes of git can mean a million files."""
    argv = ("git", "-C", folder, "ls-tree", "-r", "-l", "-z", "--full-tree", commit)
    try:
        _check(await sandbox.exec(argv, env=ENVIRONMENT, on_stdout=_Room(limit).take), repository)
    except _TooLarge:
        raise DiskFull(
            f"The work tree of {repository!r} at {commit[:12]} is larger than the policy's {limit:,} bytes.",
            subject=repository,
            way_out="Raise the policy's disk_bytes.",
        ) from None


class _TooLarge(Exception):
    """The files listed so far do not fit."""


@dataclass
class _Room:
    """Takes `mode type sha size TAB path NUL` as it comes, and counts bytes on the disk: a block for each file."""

    left: int
    rest: bytes = b""

    def take(self, chunk: bytes) -> None:
        *rows, self.rest = (self.rest + chunk).split(b"\0")
        for row in rows:
            size = row.partition(b"\t")[0].rpartition(b" ")[2]
            self.left -= max(BLOCK, int(size)) if size.isdigit() else BLOCK
        if self.left < 0:
            raise _TooLarge


async def _run(sandbox: Sandbox, script: str, *words: str) -> Result:
    return await sandbox.exec(["sh", "-c", script, "sh", *words], env=ENVIRONMENT)


def _check(result: Result, repository: str) -> None:
    said = result.stderr.decode(errors="replace").strip()[-300:]
    if result.timed_out:
        raise TookTooLong(f"Checking out {repository!r} took too long.", subject=repository)
    if "No space left" in said:
        raise DiskFull(f"There is no room to check out {repository!r}.", subject=repository)
    if result.exit_code != 0:
        raise NotARepository(
            f"{repository!r} can't be checked out: git says: {said or 'nothing'}.",
            subject=repository,
            way_out="Check it with `git fsck`.",
        )


def checked(commit: str, folder: str) -> tuple[str, Sequence[str]]:
    """A commit's whole SHA, and the steps of a folder below /work. Raises BadInput."""
    if not re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", commit):
        raise BadInput(f"{commit!r} is not the whole SHA of a commit.", subject=commit)
    steps = folder.split("/")
    if any(step in ("", ".", "..", ".git") or not step.isprintable() for step in steps):
        raise BadInput(f"{folder!r} is no folder below /work.", subject=folder, way_out="Use one like `repository`.")
    return commit, steps

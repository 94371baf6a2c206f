"""A commit of a bare repository goes to the far side as a git bundle, made in a local sandbox without a network.

The bundle holds the commit and its history, nothing else of the repository. It passes through a file of the worker's,
and is bounded by the disk of the sandbox it is made in.
"""

import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.errors import BadInput, DiskFull, NotARepository, SandboxFailed, SandboxUnavailable, TookTooLong
from contracts.policy import SandboxPolicy
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.protocol import Mount, Result, Tree

if TYPE_CHECKING:
    from sandboxes.hosted.machine import HostedSandbox

BUNDLE = """
set -e
git init -q --bare /work/b
echo /source/objects > /work/b/objects/info/alternates
git -C /work/b cat-file -e "$1^{commit}" || exit 129
git -C /work/b update-ref refs/heads/base "$1"
git -C /work/b bundle create -q - refs/heads/base
"""
CHECKOUT = """
set -e
trap 'rm -f -- "$1"' EXIT
git init -q -- "$2"
cd -- "$2"
git fetch -q --no-write-fetch-head -- "$1" refs/heads/base:refs/countersign/base
git -c advice.detachedHead=false checkout -q --detach "$3"
git update-ref -d refs/countersign/base
"""
NO_COMMIT = 129
SECONDS = 600


async def arrive(box: "HostedSandbox", tree: Tree, local: Bubblewrap | None) -> None:
    """Check the tree out in the sandbox and mark it as its base. Raises NotARepository, TookTooLong, DiskFull."""
    if local is None:
        raise SandboxUnavailable(
            "A repository goes to a hosted sandbox by way of a local one, and there is none.",
            subject=tree.commit,
            way_out="Give the provider a local one; `countersign doctor` says what it needs.",
        )
    if "/" in tree.folder or tree.folder in ("", ".", ".."):
        raise BadInput(f"{tree.folder!r} is no name for a folder below /work.", subject=tree.folder)
    bundle = await _bundle(tree, local)
    try:
        path = await box.far.leave(bundle)
    finally:
        with suppress(FileNotFoundError):
            Path(bundle).unlink()
    result = await box.exec(["sh", "-c", CHECKOUT, "sh", path, f"/work/{tree.folder}", tree.commit])
    if result.timed_out:
        raise TookTooLong("The repository did not arrive in time.", subject=tree.commit)
    if result.exit_code != 0:
        raise SandboxFailed(f"The repository could not be checked out: {_words(result)}.", subject=tree.commit)
    await box.mark_base(tree.commit)


async def _bundle(tree: Tree, local: Bubblewrap) -> str:
    """A file of this host's that holds it."""
    descriptor, name = tempfile.mkstemp(prefix="countersign-bundle-", dir=local.folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            policy = SandboxPolicy(wall_seconds=SECONDS)
            async with await local.create(policy, owner="bundle", mounts=[Mount(tree.git_dir, "/source")]) as box:
                argv = ["sh", "-c", BUNDLE, "sh", tree.commit]
                _check(await box.exec(argv, on_stdout=lambda chunk: _write(file.fileno(), chunk)), tree)
    except BaseException:
        Path(name).unlink()
        raise
    return name


def _write(descriptor: int, chunk: bytes) -> None:
    try:
        rest = memoryview(chunk)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
    except OSError as error:
        raise DiskFull("No room for a bundle of the repository.", way_out="Free some disk space.") from error


def _check(result: Result, tree: Tree) -> None:
    if result.timed_out:
        raise TookTooLong("Making a bundle of the repository took too long.", subject=tree.commit)
    if result.exit_code == NO_COMMIT:
        raise NotARepository(f"The repository has no commit {tree.commit!r}.", subject=tree.commit)
    if result.exit_code != 0 or result.truncated:
        raise NotARepository(f"No bundle could be made: {_words(result)}.", subject=str(tree.git_dir))


def _words(result: Result) -> str:
    return result.stderr.decode(errors="replace").strip()[-300:] or f"exit code {result.exit_code}"

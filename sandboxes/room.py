"""Room on the host for one more sandbox, and what a policy asks for that a host can't hold."""

import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

from contracts.errors import BadInput, DiskFull, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import arguments
from sandboxes.process import User
from sandboxes.protocol import Mount, Tree

ROOM = 64 << 20  # free bytes of the folder's disk below which no sandbox is made


def find(folder: Path, policy: SandboxPolicy) -> None:
    """A sandbox's own disk takes its room from ours as it is written to, and what then finds none is lost
    without a word to who wrote it. Raises DiskFull."""
    with disk_errors(folder):
        if shutil.disk_usage(folder).free < min(ROOM, policy.disk_bytes):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def refuse(policy: SandboxPolicy, holds: frozenset[str]) -> None:
    """Raises SandboxUnavailable where the policy needs what doesn't hold here."""
    if lacking := sorted(set(policy.needs) - holds):
        raise SandboxUnavailable(
            f"The policy needs what can't be held here: {', '.join(lacking)}.",
            subject=", ".join(lacking),
            way_out="`countersign doctor` says what a host needs; bubblewrap holds all where the worker may make "
            "cgroups and mounts.",
        )


def user(mounts: Sequence[Mount], tree: Tree | None = None) -> User | None:
    """A worker that is root works on somebody else's folder as that user: inside it has no capability to pass
    over permissions, and what it makes there has to belong to the folder's owner."""
    if os.geteuid() != 0:
        return None
    sources = [mount.source for mount in sorted(mounts, key=lambda mount: not mount.writable)]
    for source in [*sources, *([tree.git_dir] if tree else [])]:
        owner = source.stat()
        if owner.st_uid != 0:
            return User(owner.st_uid, owner.st_gid)
    return None


def check_mounts(mounts: Sequence[Mount]) -> None:
    """Raises BadInput for one that isn't there, covers the system, or could be reached by a link inside /work."""
    for mount in mounts:
        if not mount.source.exists():
            raise BadInput(f"{str(mount.source)!r} is not there to be mounted.", subject=str(mount.source))
        arguments.check_target(mount.target)


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """What goes wrong in our own folder, as an error a person can act on."""
    try:
        yield
    except OSError as error:
        raise full(folder, error) or SandboxUnavailable(
            f"The sandboxes' folder can't be used: {error}.", subject=str(folder)
        ) from error


def full(folder: Path, error: OSError) -> DiskFull | None:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return DiskFull(
        f"There is no room for a sandbox in {str(folder)!r}.",
        subject=str(folder),
        way_out="Free some disk space and start the run again.",
    )

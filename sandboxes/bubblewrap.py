"""Sandboxes by bubblewrap: one process tree for each command over a folder that stays.

No warm process is kept: starting costs milliseconds, and the death of a worker loses only the call in flight.
"""

import asyncio
import contextlib
import errno
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from contracts.errors import BadInput, CountersignError, DiskFull, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import arguments, cgroups, etc, process, reaper, seccomp
from sandboxes import probe as probing
from sandboxes.machine import BubblewrapSandbox
from sandboxes.protocol import Mount

__all__ = ["Bubblewrap", "BubblewrapSandbox", "choose"]


def _user(mounts: Sequence[Mount]) -> process.User | None:
    """A worker that is root works on somebody else's folder as that user: inside it has no capability to pass
    over permissions, and what it makes there has to belong to the folder's owner."""
    if os.geteuid() != 0:
        return None
    for mount in sorted(mounts, key=lambda mount: not mount.writable):
        owner = mount.source.stat()
        if owner.st_uid != 0:
            return process.User(owner.st_uid, owner.st_gid)
    return None


class Bubblewrap:
    """Makes bubblewrap sandboxes in `folder`. Nothing is touched until the first `create` or `reap`."""

    name = "bubblewrap"

    def __init__(self, folder: Path) -> None:
        self.folder = folder.absolute()
        self._ready: tuple[str, bool, cgroups.Hierarchies | None] | None = None

    async def create(
        self, policy: SandboxPolicy, *, owner: str = "", mounts: Sequence[Mount] = ()
    ) -> BubblewrapSandbox:
        """A new sandbox. Raises SandboxUnavailable, DiskFull, BadInput (a mount that isn't there)."""
        making = asyncio.ensure_future(asyncio.to_thread(self._create, policy, owner, tuple(mounts)))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            with contextlib.suppress(CountersignError):
                await (await making).destroy()
            raise

    def _create(self, policy: SandboxPolicy, owner: str, mounts: tuple[Mount, ...]) -> BubblewrapSandbox:
        program, tmpfs_size, hierarchies = self.check()
        for mount in mounts:
            if not mount.source.exists():
                raise BadInput(f"{str(mount.source)!r} is not there to be mounted.", subject=str(mount.source))

        user = _user(mounts)
        arguments.named(policy)
        arguments.options(policy, work=self.folder, etc=self.folder, mounts=mounts, tmpfs_size=False)  # or BadInput
        with _disk_errors(self.folder):
            box, lock = reaper.make(self.folder, owner)
        try:
            home, files = box, self.folder / "etc"
            if user:
                home = reaper.make_outside(box, user)
                files = home / "etc"
                etc.write(files)
            if hierarchies:
                hierarchies.at(box.name).make(policy)
            work = home / "work"
            options = arguments.options(policy, work=work, etc=files, mounts=mounts, tmpfs_size=tmpfs_size)
            return BubblewrapSandbox(
                box, lock, policy, program=program, options=options, hierarchies=hierarchies, work=work, user=user
            )
        except OSError as error:
            reaper.remove(box, hierarchies)
            os.close(lock)
            raise SandboxUnavailable(
                f"The policy's limits can't be held on this host: {error}.", subject=owner
            ) from error

    def check(self) -> tuple[str, bool, cgroups.Hierarchies | None]:
        """Once: try the host, make the folders, remove orphans. Raises SandboxUnavailable."""
        if self._ready is None:
            program = probing.program()
            probing.trial(program)
            seccomp.compiled()
            hierarchies = cgroups.find()
            with _disk_errors(self.folder):
                (self.folder / reaper.BOXES).mkdir(mode=0o700, parents=True, exist_ok=True)
                self.folder.chmod(0o700)
                etc.write(self.folder / "etc")
            reaper.reap(self.folder, hierarchies)
            self._ready = (program, probing.tmpfs_size(program), hierarchies)
        return self._ready

    def reap(self) -> list[str]:
        """Remove what a killed worker left: processes, cgroups, folders. Returns the ids."""
        return reaper.reap(self.folder, cgroups.find())

    def alive(self) -> list[dict[str, Any]]:
        """Sandboxes in this folder whose owner lives: id, owner, pid, age in seconds."""
        return reaper.alive(self.folder)

    @staticmethod
    def probe() -> list[probing.Finding]:
        """For the doctor: what works on this host, and the command that fixes what doesn't."""
        return probing.findings()


@contextlib.contextmanager
def _disk_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFull("No room for a sandbox.", subject=str(folder), way_out="Free some disk space.") from error
        raise SandboxUnavailable(f"The sandboxes' folder can't be used: {error}.", subject=str(folder)) from error


def choose(folder: Path) -> Bubblewrap:
    """The provider for this host, tried out. Raises SandboxUnavailable with the command that fixes it."""
    provider = Bubblewrap(folder)
    provider.check()
    return provider

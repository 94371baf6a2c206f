"""Sandboxes by bubblewrap: one process tree for each command over a folder that stays.

No warm process is kept: starting costs milliseconds, and the death of a worker loses only the call in flight.
"""

import asyncio
import contextlib
import errno
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import BadInput, CountersignError, DiskFull, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import arguments, cgroups, disks, etc, limits, process, reaper, seccomp
from sandboxes import probe as probing
from sandboxes.egress import Egress, required
from sandboxes.machine import BubblewrapSandbox
from sandboxes.protocol import Mount, Tree

ROOM = 64 << 20  # free bytes of the folder's disk below which no sandbox is made

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


@dataclass(frozen=True)
class Host:
    """What was found on this host when it was tried."""

    program: str
    tmpfs_size: bool
    hierarchies: cgroups.Hierarchies | None
    disks: disks.Disks | None

    @property
    def holds(self) -> frozenset[str]:
        """Limits that hold for a sandbox as a whole. Others hold for each process or file, by rlimits."""
        held = {"pids": "processes"}.get
        controllers = self.hierarchies.controllers if self.hierarchies else ()
        processes = ["processes"] if limits.own_process_counts() else []
        return frozenset([*(held(name, name) for name in controllers), *processes, *(["disk"] if self.disks else [])])


class Bubblewrap:
    """Makes bubblewrap sandboxes in `folder`. Nothing is touched until the first `create` or `reap`."""

    name = "bubblewrap"

    def __init__(self, folder: Path, egress: Egress | None = None) -> None:
        self.folder = folder.absolute()
        self._egress = egress
        self._host: Host | None = None

    async def create(
        self, policy: SandboxPolicy, *, owner: str = "", mounts: Sequence[Mount] = (), tree: Tree | None = None
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
        host = self.check()
        self._refuse(policy, host)
        self._find_room(policy)
        for mount in mounts:
            if not mount.source.exists():
                raise BadInput(f"{str(mount.source)!r} is not there to be mounted.", subject=str(mount.source))
        arguments.named(policy)
        arguments.options(policy, work=self.folder, etc=self.folder, mounts=mounts, tmpfs_size=False)  # or BadInput
        with _disk_errors(self.folder):
            box, lock = reaper.make(self.folder, owner)
        try:
            return self._furnish(box, lock, policy, host, mounts, owner)
        except (OSError, CountersignError) as error:
            reaper.remove(box, host.hierarchies)
            os.close(lock)
            if isinstance(error, CountersignError):
                raise
            raise _full(self.folder, error) or SandboxUnavailable(
                f"The policy's limits can't be held on this host: {error}.", subject=owner
            ) from error

    def _furnish(
        self, box: Path, lock: int, policy: SandboxPolicy, host: Host, mounts: tuple[Mount, ...], owner: str
    ) -> BubblewrapSandbox:
        user, home, files = _user(mounts), box, self.folder / "etc"
        if user:
            home = reaper.make_outside(box, user)
            files = home / "etc"
            etc.write(files)
        if host.hierarchies:
            group = host.hierarchies.at(box.name)
            reaper.note_cgroup(box, group)
            group.make(policy)
        broker = None
        if policy.network == "allow":
            broker = required(self._egress).broker(policy, sandbox=box.name, owner=owner)
        work = reaper.make_work(home, box.name, user, host.disks, policy.disk_bytes)
        return BubblewrapSandbox(
            box,
            lock,
            policy,
            program=host.program,
            options=arguments.options(policy, work=work, etc=files, mounts=mounts, tmpfs_size=host.tmpfs_size),
            hierarchies=host.hierarchies,
            work=work,
            user=user,
            broker=broker,
        )

    def _find_room(self, policy: SandboxPolicy) -> None:
        """A sandbox's own disk takes its room from ours as it is written to, and what then finds none is lost
        without a word to who wrote it."""
        with _disk_errors(self.folder):
            if shutil.disk_usage(self.folder).free < min(ROOM, policy.disk_bytes):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _refuse(self, policy: SandboxPolicy, host: Host) -> None:
        if lacking := sorted(set(policy.needs) - host.holds):
            raise SandboxUnavailable(
                f"The policy needs limits that this host can't hold: {', '.join(lacking)}.",
                subject=", ".join(lacking),
                way_out="`countersign doctor` says what a host needs for them; a worker that may make cgroups and "
                "mounts holds all.",
            )

    def check(self) -> Host:
        """Once: try the host, make the folders, remove orphans. Raises SandboxUnavailable."""
        if self._host is None:
            program = probing.program()
            probing.trial(program)
            seccomp.compiled()
            hierarchies = cgroups.find()
            with _disk_errors(self.folder):
                (self.folder / reaper.BOXES).mkdir(mode=0o700, parents=True, exist_ok=True)
                self.folder.chmod(0o700)
                etc.write(self.folder / "etc")
            reaper.reap(self.folder, hierarchies)
            self._host = Host(program, probing.tmpfs_size(program), hierarchies, disks.find(self.folder / "disks"))
        return self._host

    def reap(self) -> list[str]:
        """Remove what a killed worker left: processes, cgroups, folders. Returns the ids."""
        return reaper.reap(self.folder, cgroups.find())

    def alive(self) -> list[dict[str, Any]]:
        """Sandboxes in this folder whose owner lives: id, owner, pid, age in seconds, memory and disk in bytes."""
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
        raise _full(folder, error) or SandboxUnavailable(
            f"The sandboxes' folder can't be used: {error}.", subject=str(folder)
        ) from error


def _full(folder: Path, error: OSError) -> DiskFull | None:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return None
    return DiskFull(
        f"There is no room for a sandbox in {str(folder)!r}.",
        subject=str(folder),
        way_out="Free some disk space and start the run again.",
    )


def choose(folder: Path, egress: Egress | None = None) -> Bubblewrap:
    """The provider for this host, tried out. Raises SandboxUnavailable with the command that fixes it."""
    provider = Bubblewrap(folder, egress)
    provider.check()
    return provider

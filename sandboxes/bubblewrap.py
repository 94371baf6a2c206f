"""Sandboxes by bubblewrap: one process tree for each command over a folder that stays.

No warm process is kept: starting costs milliseconds, and the death of a worker loses only the call in flight.
"""

import asyncio
import contextlib
import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import BadInput, CountersignError, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import arguments, cgroups, disks, etc, limits, process, reaper, room, seccomp, trees
from sandboxes import probe as probing
from sandboxes.egress import Egress, required
from sandboxes.machine import BubblewrapSandbox
from sandboxes.protocol import Mount, Tree
from sandboxes.trees import overlay
from sandboxes.trees.arrival import reflinks

__all__ = ["Bubblewrap", "BubblewrapSandbox"]


@dataclass(frozen=True)
class Host:
    """What was found on this host when it was tried."""

    program: str
    tmpfs_size: bool
    hierarchies: cgroups.Hierarchies | None
    disks: disks.Disks | None
    way: trees.Way = "clone"

    @property
    def holds(self) -> frozenset[str]:
        """What a policy may need: limits that hold for a sandbox as a whole (others hold for each process or file,
        by rlimits), and the filter of system calls."""
        held = {"pids": "processes"}.get
        controllers = self.hierarchies.controllers if self.hierarchies else ()
        processes = ["processes"] if limits.own_process_counts() else []
        disk = ["disk"] if self.disks else []
        return frozenset([*(held(name, name) for name in controllers), *processes, *disk, "syscalls"])


class Bubblewrap:
    """Makes bubblewrap sandboxes in `folder`. Nothing is touched until the first `create` or `reap`."""

    name = "bubblewrap"

    def __init__(self, folder: Path, egress: Egress | None = None) -> None:
        self.folder = folder.absolute()
        self._trees = trees.Trees(self.folder)
        self._egress = egress
        self._host: Host | None = None

    async def create(
        self, policy: SandboxPolicy, *, owner: str = "", mounts: Sequence[Mount] = (), tree: Tree | None = None
    ) -> BubblewrapSandbox:
        """A new sandbox. Raises SandboxUnavailable, DiskFull, BadInput (a mount that isn't there)."""
        if tree is None:
            return await self._made(policy, owner, tuple(mounts), None)
        arrival = await self._arrive(tree, policy, owner, mounts)
        try:
            box = await self._made(policy, owner, (*mounts, arrival.mount), arrival)
        except BaseException:
            arrival.close()
            raise
        try:
            await arrival.finish(box)
        except BaseException:
            await process.surely(box.destroy())
            raise
        return box

    async def _arrive(self, tree: Tree, policy: SandboxPolicy, owner: str, mounts: Sequence[Mount]) -> trees.Arrival:
        host = await asyncio.to_thread(self.check)
        if not tree.git_dir.is_dir():
            raise BadInput(f"{str(tree.git_dir)!r} is not there.", subject=str(tree.git_dir))
        user = room.user(mounts, tree)
        if user and not host.disks:  # what we keep is closed to that user, and only a mount could show it
            return trees.Arrival(tree, "clone", tree.git_dir / "objects")

        async def make(limited: SandboxPolicy, needed: Sequence[Mount]) -> BubblewrapSandbox:
            return await self._made(limited, owner, tuple(needed), None)

        return await self._trees.arrive(tree, policy, user=user, way=host.way, make=make)

    async def _made(
        self, policy: SandboxPolicy, owner: str, mounts: tuple[Mount, ...], arrival: trees.Arrival | None
    ) -> BubblewrapSandbox:
        making = asyncio.ensure_future(asyncio.to_thread(self._create, policy, owner, mounts, arrival))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            with contextlib.suppress(CountersignError):
                await (await making).destroy()
            raise

    def _create(
        self, policy: SandboxPolicy, owner: str, mounts: tuple[Mount, ...], arrival: trees.Arrival | None = None
    ) -> BubblewrapSandbox:
        host = self.check()
        room.refuse(policy, host.holds)
        room.find(self.folder, policy)
        room.check_mounts(mounts)
        arguments.named(policy)
        with room.disk_errors(self.folder):
            box, lock = reaper.make(self.folder, owner)
        try:
            return self._furnish(box, lock, policy, host, mounts, owner, arrival)
        except (OSError, CountersignError) as error:
            reaper.remove(box, host.hierarchies)
            os.close(lock)
            if isinstance(error, CountersignError):
                raise
            raise room.full(self.folder, error) or SandboxUnavailable(
                f"The policy's limits can't be held on this host: {error}.", subject=owner
            ) from error

    def _furnish(
        self,
        box: Path,
        lock: int,
        policy: SandboxPolicy,
        host: Host,
        mounts: tuple[Mount, ...],
        owner: str,
        arrival: trees.Arrival | None,
    ) -> BubblewrapSandbox:
        user, home, files = room.user(mounts, arrival.tree if arrival else None), box, self.folder / "etc"
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
        layers = arrival.enter(work) if arrival else None
        if user:
            mounts = self._reachable(mounts, work.parent)
        return BubblewrapSandbox(
            box,
            lock,
            policy,
            program=host.program,
            options=arguments.options(policy, work=work, etc=files, mounts=mounts, tmpfs_size=host.tmpfs_size),
            hierarchies=host.hierarchies,
            work=work,
            user=user,
            arrival=arrival,
            layers=layers,
            broker=broker,
        )

    def _reachable(self, mounts: tuple[Mount, ...], home: Path) -> tuple[Mount, ...]:
        """What lies in our own folder, which is closed to other users, at a place that this one can reach."""
        shown = []
        for number, mount in enumerate(mounts):
            if mount.source.is_relative_to(self.folder):
                disks.bind(mount.source, home / f"given{number}")
                mount = dataclasses.replace(mount, source=home / f"given{number}")
            shown.append(mount)
        return tuple(shown)

    def check(self) -> Host:
        """Once: try the host, make the folders, remove orphans. Raises SandboxUnavailable."""
        if self._host is None:
            program = probing.program()
            probing.trial(program)
            seccomp.compiled()
            hierarchies = cgroups.find()
            with room.disk_errors(self.folder):
                (self.folder / reaper.BOXES).mkdir(mode=0o700, parents=True, exist_ok=True)
                self.folder.chmod(0o700)
                etc.write(self.folder / "etc")
            reaper.reap(self.folder, hierarchies)
            found = disks.find(self.folder / "disks")
            self._host = Host(program, probing.tmpfs_size(program), hierarchies, found, self._way(found))
        return self._host

    def _way(self, found: disks.Disks | None) -> trees.Way:
        if found:
            return "overlay" if overlay.works(found.folder) else "clone"
        return "reflink" if reflinks(self.folder) else "clone"

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

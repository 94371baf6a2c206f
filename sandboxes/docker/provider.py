"""Sandboxes by Docker, and by gVisor as its runtime: `runsc`, a kernel of its own between a command and the host's.

The engine has to be on this host, and the image too: nothing is pulled. /work is a disk of this host, as with
bubblewrap, where the worker may mount; elsewhere it is a folder, and who needs the disk's limit is refused.
"""

import asyncio
import contextlib
import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.errors import CountersignError, SandboxFailed, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import arguments, disks, process, reaper, room
from sandboxes.docker import arrival, gaps, hardening, leftovers
from sandboxes.docker.engine import IMAGE, Engine, Facts
from sandboxes.docker.sandbox import DockerSandbox
from sandboxes.egress import Broker, Egress, required
from sandboxes.etc import UID
from sandboxes.pool import Pool
from sandboxes.process import User
from sandboxes.protocol import Mount, Tree

TRIAL = SandboxPolicy(memory_bytes=64 << 20, disk_bytes=4 << 20, wall_seconds=30)


@dataclass(frozen=True)
class Host:
    """What was found on this host when it was tried."""

    facts: Facts
    disks: disks.Disks | None
    gaps: frozenset[str]

    @property
    def holds(self) -> frozenset[str]:
        """What a policy may need: limits that hold for a sandbox as a whole, and the filter of system calls."""
        return (self.facts.holds | {"syscalls"} | ({"disk"} if self.disks else set())) - self.gaps


class Docker:
    """Makes sandboxes by Docker in `folder`. No engine is asked before the first `create`, `check` or `reap`."""

    name = "docker"
    runtime = hardening.Runtime("runc")
    gaps = gaps.DOCKER

    def __init__(self, folder: Path, egress: Egress | None = None) -> None:
        self.folder = folder.absolute()
        self._egress = egress
        self.engine = Engine()
        self.pool = Pool(lambda policy: self._new(policy, "", ()))
        self._host: Host | None = None
        self._tried: set[str] = set()

    async def create(
        self, policy: SandboxPolicy, *, owner: str = "", mounts: Sequence[Mount] = (), tree: Tree | None = None
    ) -> DockerSandbox:
        """A new sandbox, or one made ahead. Raises SandboxUnavailable, DiskFull, BadInput (a mount that isn't
        there), SandboxFailed."""
        arguments.named(policy)
        image = await self.engine.call(self._usable, policy, tuple(mounts))
        await self._try(image)
        if policy.warm and not mounts and not tree and (ahead := await self.pool.take(policy)):
            ahead.give_to(owner)
            return ahead
        box = await self._new(policy, owner, (*mounts, *arrival.mounts(tree)))
        return await self._with(box, tree) if tree else box

    async def _with(self, box: DockerSandbox, tree: Tree) -> DockerSandbox:
        try:
            await arrival.check_out(box, tree)
        except BaseException:
            await process.surely(box.destroy())
            raise
        return box

    def _usable(self, policy: SandboxPolicy, mounts: tuple[Mount, ...]) -> str:
        """The image's id, if this policy can be held here with these mounts."""
        host = self.check()
        room.refuse(policy, host.holds)
        room.check_mounts(mounts)
        self._refuse(policy, mounts)
        room.find(self.folder, policy)
        return self.engine.image(policy.image or IMAGE)

    def _refuse(self, policy: SandboxPolicy, mounts: tuple[Mount, ...]) -> None:
        if policy.network == "allow" and self.runtime.own_kernel:
            raise SandboxUnavailable(
                f"{self.name} has a network stack of its own, where the worker's broker can't listen.",
                subject=self.name,
                way_out='Use another provider, or network="none".',
            )
        for mount in mounts:
            if mount.writable and mount.source.stat().st_uid == 0:
                raise SandboxUnavailable(
                    f"{str(mount.source)!r} belongs to root, and nothing in a container runs as root.",
                    subject=str(mount.source),
                    way_out="Run the worker as a normal user, or give the folder to one.",
                )

    async def _try(self, image: str) -> None:
        """Once for each image: run a command and see the same files. Raises SandboxUnavailable.

        An engine on another side of a mount namespace would show an empty /work, without its limit.
        """
        if image in self._tried:
            return
        token = secrets.token_bytes(16)
        policy = TRIAL.model_copy(update={"image": image})
        try:
            async with await self._new(policy, "trial", ()) as box:
                await box.write("token", token)
                seen = await box.exec(["cat", "token"])
        except CountersignError as error:
            raise SandboxUnavailable(
                f"{self.name} can't run a command in {image!r}: {error.what}",
                subject=image,
                way_out=error.way_out or "The image needs `sh`; `docker run` with it tells more.",
            ) from error
        if seen.stdout != token:
            raise SandboxUnavailable(
                f"Docker's engine doesn't see the files below {str(self.folder)!r}.",
                subject=str(self.folder),
                way_out="Run the worker and the engine on the same host, outside of other containers.",
            )
        self._tried.add(image)

    async def _new(self, policy: SandboxPolicy, owner: str, mounts: tuple[Mount, ...]) -> DockerSandbox:
        making = asyncio.ensure_future(self.engine.call(self._furnish, policy, owner, mounts))
        box: DockerSandbox | None = None
        try:
            box = DockerSandbox(**await asyncio.shield(making))
            await box.ready()
            return box
        except BaseException:
            with contextlib.suppress(CountersignError):
                box = box or DockerSandbox(**await making)
                await process.surely(box.destroy())
            raise

    def _furnish(self, policy: SandboxPolicy, owner: str, mounts: tuple[Mount, ...]) -> dict[str, Any]:
        """The box on this host, and the settings of its containers: what a DockerSandbox is made of."""
        host = self.check()
        image = self.engine.image(policy.image or IMAGE)
        with room.disk_errors(self.folder):
            box, lock = reaper.make(self.folder, owner)
        try:
            broker = self._broker(policy, box, owner)
            user = room.user(mounts) or (User(UID, UID) if os.geteuid() == 0 else User(os.geteuid(), os.getegid()))
            with room.disk_errors(self.folder):
                work = reaper.make_work(box, box.name, user, host.disks, policy.disk_bytes)
            settings = hardening.settings(
                self.engine.api,
                policy,
                image=image,
                runtime=self.runtime,
                user=user,
                work=work,
                mounts=mounts,
                labels=leftovers.labels(self.folder, box, owner),
            )
        except BaseException:
            reaper.remove(box, None)
            os.close(lock)
            raise
        made = {"box": box, "lock": lock, "policy": policy, "engine": self.engine, "settings": settings, "work": work}
        return made | {"broker": broker}

    def _broker(self, policy: SandboxPolicy, box: Path, owner: str) -> Broker | None:
        if policy.network != "allow":
            return None
        return required(self._egress).broker(policy, sandbox=box.name, owner=owner)

    def check(self) -> Host:
        """Once: ask the engine, make the folder, remove orphans. Raises SandboxUnavailable."""
        if self._host is None:
            facts = self.engine.facts()
            self._check_runtime(facts)
            with room.disk_errors(self.folder):
                (self.folder / reaper.BOXES).mkdir(mode=0o700, parents=True, exist_ok=True)
                self.folder.chmod(0o700)
            self.reap()
            self._host = Host(facts, disks.find(self.folder / "disks"), frozenset(gap.lacks for gap in self.gaps))
        return self._host

    def _check_runtime(self, facts: Facts) -> None:
        if "name=seccomp" not in " ".join(facts.security):
            raise SandboxUnavailable(
                "Docker's engine has no seccomp here.", way_out="Use an engine and a kernel that have it."
            )

    def reap(self) -> list[str]:
        """Remove what a killed worker left: containers, disks, folders. Returns the ids. No engine is asked where
        there never was a sandbox. Raises SandboxUnavailable when it doesn't answer, and then removes nothing."""
        if not (self.folder / reaper.BOXES).is_dir():
            return []
        gone = leftovers.remove(self.engine, self.folder)
        return sorted({*gone, *reaper.reap(self.folder, None)})

    def alive(self) -> list[dict[str, Any]]:
        """Sandboxes in this folder whose owner lives: id, owner, pid, age in seconds, memory and disk in bytes.

        `memory` is None where nothing counts it, or no container waits or runs at the moment.
        """
        found, used = reaper.alive(self.folder), dict[str, int]()
        with contextlib.suppress(SandboxUnavailable, SandboxFailed):
            used = leftovers.memory(self.engine, self.folder) if found else {}
        return [one | {"memory": used.get(one["id"])} for one in found]

    async def close(self) -> None:
        """Destroy what was made ahead and nobody took."""
        await self.pool.close()


class Gvisor(Docker):
    """The same with gVisor's `runsc` as the engine's runtime: no system call reaches the host's kernel."""

    name = "gvisor"
    runtime = hardening.Runtime("runsc", own_kernel=True)
    gaps = gaps.GVISOR

    def _check_runtime(self, facts: Facts) -> None:
        if self.runtime.name not in facts.runtimes:
            raise SandboxUnavailable(
                "Docker's engine doesn't know gVisor's runtime.",
                subject=self.runtime.name,
                way_out="Install runsc (https://gvisor.dev/docs/user_guide/install/), run `runsc install -- "
                "--platform=systrap`, and reload Docker's engine.",
            )

"""The choice between providers. "any" is bubblewrap where it works, else Docker, else a refusal: never less."""

import asyncio
import contextlib
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from contracts.errors import CountersignError, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.docker import Docker, Gvisor
from sandboxes.docker.provider import TRIAL
from sandboxes.egress import Egress
from sandboxes.hosted import Daytona, Options
from sandboxes.probe import Finding
from sandboxes.protocol import Mount, Sandbox, Tree

# In this order, where a policy names none.
ANY = ("bubblewrap", "docker")


class Providers:
    """Makes each sandbox by the provider that its policy asks for, in a folder of its own below `folder`.

    A worker needs only what its policies ask for: nothing is tried before that.
    """

    name = "any"

    def __init__(self, folder: Path, egress: Egress | None = None, hosted: Daytona | None = None) -> None:
        self.folder = folder
        self.hosted = hosted
        self.local: dict[str, Bubblewrap | Docker] = {
            "bubblewrap": Bubblewrap(folder, egress),
            "docker": Docker(folder / "docker", egress),
            "gvisor": Gvisor(folder / "gvisor", egress),
        }

    async def create(
        self, policy: SandboxPolicy, *, owner: str = "", mounts: Sequence[Mount] = (), tree: Tree | None = None
    ) -> Sandbox:
        """A new sandbox by the policy's provider. Raises SandboxUnavailable when that one doesn't work here."""
        if policy.provider == "daytona":
            return await self._third_party().create(policy, owner=owner, mounts=mounts, tree=tree)
        provider = await asyncio.to_thread(self.of, policy)
        return await provider.create(policy, owner=owner, mounts=mounts, tree=tree)

    def _third_party(self) -> Daytona:
        if self.hosted is None:
            Options().check()  # says which setting switches it on
            raise AssertionError("a provider without settings is always refused")
        return self.hosted

    def of(self, policy: SandboxPolicy) -> Bubblewrap | Docker:
        """The provider for a policy, tried out. Raises SandboxUnavailable with the reasons and ways out."""
        if policy.provider == "any":
            return self._first(ANY if not policy.image else ("docker",))
        if policy.provider not in self.local:
            raise SandboxUnavailable(f"There is no provider {policy.provider!r} here.", subject=policy.provider)
        if policy.image and policy.provider == "bubblewrap":
            raise SandboxUnavailable(
                "bubblewrap starts no image: the system inside is the host's.",
                subject=policy.image,
                way_out='Use provider="docker", or no image.',
            )
        provider = self.local[policy.provider]
        provider.check()
        return provider

    def _first(self, names: Sequence[str]) -> Bubblewrap | Docker:
        refused: dict[str, SandboxUnavailable] = {}
        for name in names:
            try:
                self.local[name].check()
                return self.local[name]
            except SandboxUnavailable as error:
                refused[name] = error
        raise SandboxUnavailable(
            "No sandbox can be made here, and there is no unprotected fallback. "
            + " ".join(f"{name}: {error.what}" for name, error in refused.items()),
            subject=", ".join(refused),
            way_out=" Or: ".join(error.way_out for error in refused.values() if error.way_out),
        )

    def check(self) -> None:
        """Raises SandboxUnavailable where a policy that names no provider would get none."""
        self.of(SandboxPolicy())

    def reap(self) -> list[str]:
        """Remove what killed workers left, of every provider. Returns the ids."""
        return [name for provider in self.local.values() for name in provider.reap()]

    def alive(self) -> list[dict[str, Any]]:
        """What is alive, of every provider: what each says, and its name as `provider`."""
        return [one | {"provider": name} for name, each in self.local.items() for one in each.alive()]

    async def reap_everywhere(self) -> list[str]:
        """`reap`, and at a third party what this host's dead workers left there."""
        gone = await asyncio.to_thread(self.reap)
        return [*gone, *(await self.hosted.reap())] if self.hosted else gone

    async def alive_everywhere(self) -> list[dict[str, Any]]:
        """`alive`, and what is alive at a third party."""
        found = await asyncio.to_thread(self.alive)
        there = await self.hosted.alive() if self.hosted else []
        return [*found, *(one | {"provider": "daytona"} for one in there)]

    async def close(self) -> None:
        """Destroy what was made ahead and nobody took."""
        for provider in self.local.values():
            if isinstance(provider, Docker):
                await provider.close()
        if self.hosted:
            await self.hosted.close()

    @staticmethod
    async def probe() -> list[Finding]:
        """For the doctor: see `probe`."""
        return await probe()


def choose(folder: Path, egress: Egress | None = None, hosted: Daytona | None = None) -> Providers:
    """The providers of this host, one of them tried out, and what a killed worker left of all of them removed.

    `egress`: by which sandboxes reach the hosts that a policy lists. Without it, a policy that lists some is refused.
    `hosted`: a third party's, where an operator switched it on.
    Raises SandboxUnavailable with the commands that fix it.
    """
    chosen = Providers(folder, egress, hosted)
    chosen.check()
    with contextlib.suppress(CountersignError):  # an engine that doesn't answer: `check` of that one will tell
        chosen.reap()
    return chosen


async def probe() -> list[Finding]:
    """Each provider, by a real sandbox: whether it works here, and the command that mends it.

    What doesn't work is optional as long as one that "any" would take does.
    """
    found = await asyncio.to_thread(Bubblewrap.probe)
    works = all(one.ok for one in found)
    with tempfile.TemporaryDirectory(prefix="countersign-probe-") as place:
        containers = [
            await _tried(Docker(Path(place, "docker")), "Docker", "a sandbox can be made by its engine"),
            await _tried(Gvisor(Path(place, "gvisor")), "gVisor", "a sandbox can be made by it as Docker's runtime"),
        ]
    bubblewrap = [replace(one, optional=not one.ok and containers[0].ok) for one in found]
    docker, gvisor = containers
    return [*bubblewrap, replace(docker, optional=works), replace(gvisor, optional=True)]


async def _tried(provider: Docker, name: str, says: str) -> Finding:
    try:
        async with await provider.create(TRIAL, owner="doctor"):
            held = ", ".join(sorted(provider.check().holds))
            return Finding(name, True, f"{says}; limits: {held}")
    except CountersignError as error:
        return Finding(name, False, error.what, error.way_out)

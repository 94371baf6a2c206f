"""Makes sandboxes at Daytona, finds those that are alive, and removes what a dead worker left."""

import asyncio
import contextlib
import logging
import time
import warnings
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any

from contracts.errors import CountersignError, SandboxFailed, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import arguments
from sandboxes.bubblewrap import Bubblewrap
from sandboxes.hosted import arrival, labels, limits
from sandboxes.hosted.errors import named
from sandboxes.hosted.machine import HostedSandbox
from sandboxes.hosted.options import Options
from sandboxes.process import surely
from sandboxes.protocol import Mount, Tree

if TYPE_CHECKING:
    from daytona import AsyncDaytona, AsyncSandbox, CreateSandboxFromImageParams

DELETE_SECONDS = 60
PYTHON_FLOOR = [3, 8]
SPARE_MINUTES = 5  # of idleness beyond the longest command
log = logging.getLogger(__name__)


class Daytona:
    """`installation` tells ours from others' sandboxes of the same account; `local` makes the bundles of repositories.

    Nothing is imported, opened or sent until the first `create`, `alive` or `reap`. `close` it in the end.
    """

    name = "daytona"

    def __init__(self, options: Options, *, installation: str, local: Bubblewrap | None = None) -> None:
        self.options, self.installation = options, installation
        self._local = local
        self._client: AsyncDaytona | None = None
        self._opening = asyncio.Lock()
        self._slots = asyncio.Semaphore(options.most_at_once)
        self._ours: set[str] = set()  # by our own label, from before it is asked for until it is deleted

    @cached_property
    def _here(self) -> labels.Worker:
        return labels.Worker.this()

    async def create(
        self, policy: SandboxPolicy, *, owner: str = "", mounts: Sequence[Mount] = (), tree: Tree | None = None
    ) -> HostedSandbox:
        """A new sandbox. Raises SandboxUnavailable that names the need or the setting, SandboxBusy, SandboxFailed."""
        self.options.check()
        limits.refuse(policy, mounts)
        arguments.named(policy)  # or BadInput
        making = asyncio.ensure_future(self._create(policy, owner, tree))
        try:
            return await asyncio.shield(making)
        except asyncio.CancelledError:
            with contextlib.suppress(CountersignError):
                await (await making).destroy()
            raise

    async def _create(self, policy: SandboxPolicy, owner: str, tree: Tree | None) -> HostedSandbox:
        marks = labels.made(self.installation, owner, self._here)
        mark = marks[f"{labels.PREFIX}id"]
        self._ours.add(mark)
        try:
            sandbox = await self._ask(policy, marks, owner)
            box = HostedSandbox(
                sandbox, policy, self.options, slots=self._slots, delete=lambda: self._delete(sandbox, mark)
            )
            await self._furnish(box, sandbox, policy, tree)
        except BaseException:
            await surely(self._clear(mark))
            raise
        return box

    async def _ask(self, policy: SandboxPolicy, marks: dict[str, str], owner: str) -> "AsyncSandbox":
        client = await self._open()
        with named(owner or self.name, self.options.key):
            return await client.create(self._wanted(policy, marks), timeout=self.options.create_seconds)

    def _wanted(self, policy: SandboxPolicy, marks: dict[str, str]) -> "CreateSandboxFromImageParams":
        from daytona import CreateSandboxFromImageParams, Image, Resources

        given = limits.given(policy)
        idle = max(self.options.idle_minutes, int(policy.wall_seconds // 60) + SPARE_MINUTES)
        return CreateSandboxFromImageParams(
            image=Image.base(policy.image or self.options.image).dockerfile_commands(list(limits.SETUP)),
            resources=Resources(cpu=given.cpu, memory=given.memory, disk=given.disk),
            os_user=limits.USER,
            labels=marks,
            public=False,
            network_block_all=policy.network == "none",
            # When all of ours has died: idle, it stops; stopped, it is deleted; and no later than its life.
            auto_stop_interval=idle,
            auto_delete_interval=0,
            ttl_minutes=self.options.life_minutes,
        )

    async def _furnish(
        self, box: HostedSandbox, sandbox: "AsyncSandbox", policy: SandboxPolicy, tree: Tree | None
    ) -> None:
        """Only what holds is handed out: what was asked for is compared with what is there."""
        asked = limits.given(policy)
        there = limits.Given(sandbox.cpu, sandbox.memory, sandbox.disk)
        if there != asked:
            raise _unavailable(f"Daytona gave {there} for {asked}.", box.id)
        if policy.network == "none" and sandbox.network_block_all is not True:
            raise _unavailable("Daytona did not block the network, and the policy allows none.", box.id)
        found, _ = await box.far.call("hello")
        if found.get("uid") == 0:
            raise _unavailable("Commands would run as root in this image.", box.id)
        if found.get("work") is not True or not isinstance(version := found.get("python"), list):
            raise _unavailable("There is no folder /work to write in.", box.id)
        if version < PYTHON_FLOOR:
            raise _unavailable(f"The image's Python {version} is too old; 3.8 is needed.", box.id)
        if tree:
            await arrival.arrive(box, tree, self._local)

    async def _open(self) -> "AsyncDaytona":
        """The SDK's client, once. It retries nothing by itself: Temporal does."""
        self.options.check()
        async with self._opening:
            if self._client is None:
                await asyncio.to_thread(_load)
                self._client = _client(self.options)
            return self._client

    async def _delete(self, sandbox: "AsyncSandbox", mark: str) -> None:
        """Doing it twice is fine, and so is one that is gone."""
        if mark in self._ours:
            await self._remove(sandbox)
            self._ours.discard(mark)

    async def _remove(self, sandbox: "AsyncSandbox") -> None:
        client = await self._open()
        try:
            with named(sandbox.id, self.options.key):
                await client.delete(sandbox, timeout=DELETE_SECONDS)
        except SandboxFailed as error:
            if "no longer has it" not in error.what:
                raise

    async def _clear(self, mark: str) -> None:
        """After a failed start: what was made in spite of it goes. The vendor's intervals are what is left to do so."""
        try:
            async for sandbox in self._listed():
                if sandbox.labels.get(f"{labels.PREFIX}id") == mark:
                    await self._remove(sandbox)
            self._ours.discard(mark)
        except CountersignError as error:
            log.warning("What is left of a failed start could not be removed: %s", error.what)
            self._ours.discard(mark)  # so that `reap` takes it

    async def _listed(self) -> AsyncIterator["AsyncSandbox"]:
        from daytona import ListSandboxesQuery

        client = await self._open()
        wanted = labels.of_installation(self.installation)
        with named(self.name, self.options.key):
            async for sandbox in client.list(ListSandboxesQuery(labels=wanted), request_timeout=DELETE_SECONDS):
                if wanted.items() <= sandbox.labels.items():  # whatever the vendor's filter does
                    yield sandbox

    async def alive(self) -> list[dict[str, Any]]:
        """This installation's sandboxes: id, owner, worker, age in seconds, state, and what it may use."""
        return [_facts(sandbox) async for sandbox in self._listed()]

    async def reap(self) -> list[str]:
        """Remove what dead workers of this host left, and what this one lost. Returns the ids."""
        removed = []
        async for sandbox in self._listed():
            worker = labels.worker_of(sandbox.labels)
            lost = worker == self._here and sandbox.labels.get(f"{labels.PREFIX}id") not in self._ours
            if lost or labels.is_dead(worker, self._here):
                await self._remove(sandbox)
                removed.append(sandbox.id)
        return removed

    async def close(self) -> None:
        """The connections. Sandboxes stay."""
        client, self._client = self._client, None
        if client:
            await client.close()  # type: ignore[no-untyped-call]


def _load() -> None:
    """Importing the SDK takes a second; and it tries connections again by itself, which is Temporal's to do."""
    import daytona  # noqa: F401
    from daytona.internal import shared_session

    if not hasattr(shared_session, "_MAX_CONN_RETRIES"):
        raise SandboxUnavailable("This release of Daytona's SDK is not known here.", way_out="Use the locked one.")
    shared_session._MAX_CONN_RETRIES = 0


def _client(options: Options) -> "AsyncDaytona":
    from daytona import AsyncDaytona, DaytonaConfig

    with warnings.catch_warnings():
        # State by asking, not by a second connection that stays open: commands wait for nothing else.
        warnings.simplefilter("ignore", DeprecationWarning)
        return AsyncDaytona(
            DaytonaConfig(
                api_key=options.key,
                api_url=options.url,
                target=options.target or None,
                # Each command holds one; what ends it needs another.
                connection_pool_maxsize=2 * options.most_at_once + 8,
                use_deprecated_polling=True,
            )
        )


def _facts(sandbox: "AsyncSandbox") -> dict[str, Any]:
    worker = labels.worker_of(sandbox.labels)
    return {
        "id": sandbox.id,
        "owner": sandbox.labels.get(f"{labels.PREFIX}owner", ""),
        "worker": f"{worker.host}/{worker.process}",
        "age": _age(sandbox.created_at or ""),
        "state": str(getattr(sandbox.state, "value", sandbox.state)),
        "cpu": sandbox.cpu,
        "memory": sandbox.memory * limits.GIB,
        "disk": sandbox.disk * limits.GIB,
    }


def _age(created: str) -> float | None:
    try:
        return time.time() - datetime.fromisoformat(created).timestamp()
    except ValueError:
        return None


def _unavailable(what: str, subject: str) -> SandboxUnavailable:
    return SandboxUnavailable(what, subject=subject, way_out="Use another image or policy, or a local sandbox.")

"""One sandbox by Docker: a folder that stays, and a container for each command.

Files are the host's own: /work is a disk (or folder) of this host, mounted into each container, and is read,
written and listed by openat2 beneath it, as with bubblewrap. So no race inside can lead a file operation out.

The next command's container is started a moment after the last command, and waits: starting one takes a quarter of a
second, telling it its command a few milliseconds. Commands of one sandbox take turns, so the policy's memory,
processes and processors hold for all of them together.
"""

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Mapping, Sequence
from pathlib import Path
from typing import Any

from contracts.errors import CountersignError
from contracts.policy import SandboxPolicy
from sandboxes import arguments, process, reaper
from sandboxes.docker import launcher
from sandboxes.docker.container import Waiting
from sandboxes.docker.engine import Engine
from sandboxes.egress import Broker, inside
from sandboxes.local import KILLED, LocalSandbox

# Who makes a sandbox for one command destroys it at once, and is spared a container that nobody uses.
PAUSE_SECONDS = 0.1
# The image says where its programs are. Git is told that a folder of another owner is fine to work in.
GIT = (("safe.directory", "*"),)
ENVIRONMENT = {name: value for name, value in arguments.ENVIRONMENT.items() if name != "PATH"} | {
    "GIT_CONFIG_COUNT": "1",
    "GIT_CONFIG_KEY_0": "safe.directory",
    "GIT_CONFIG_VALUE_0": "*",
}


class DockerSandbox(LocalSandbox):
    """One sandbox. Made by `Docker.create`."""

    def __init__(
        self,
        box: Path,
        lock: int,
        policy: SandboxPolicy,
        *,
        engine: Engine,
        settings: Mapping[str, Any],
        work: Path,
        broker: Broker | None = None,
    ) -> None:
        super().__init__(box.name, policy, work)
        self._box = box
        self._lock = lock
        self._engine = engine
        self._settings = settings
        self._broker = broker
        self._turn = asyncio.Lock()
        self._next: asyncio.Task[Waiting] | None = None
        self._soon: asyncio.TimerHandle | None = None
        self._live: set[Waiting] = set()
        self._chores: set[asyncio.Task[None]] = set()

    async def ready(self) -> None:
        """Wait until the next command's container is up. Raises SandboxFailed."""
        self._prepare()
        assert self._next
        await asyncio.shield(self._next)

    def is_ready(self) -> bool:
        """Whether a container waits."""
        made = self._next
        return bool(made and made.done() and not made.cancelled() and not made.exception() and made.result().is_ready())

    def give_to(self, owner: str) -> None:
        """From now on it is somebody's: as `countersign sandboxes` tells."""
        reaper.write_owner(self._box, owner)
        if self._broker:
            self._broker.owner = owner

    def _prepare_soon(self) -> None:
        self._soon = asyncio.get_running_loop().call_later(PAUSE_SECONDS, self._prepare)

    def _prepare(self) -> None:
        if self._soon:
            self._soon.cancel()
        if self._next is None and not self._ending:
            self._next = asyncio.create_task(Waiting.start(self._engine, self._settings))
            self._next.add_done_callback(_heard)

    async def _taken(self) -> Waiting:
        """The container that waits; another one where that has ended meanwhile."""
        for _ in range(2):
            self._prepare()
            assert self._next
            waiting = await asyncio.shield(self._next)
            self._next = None
            self._live.add(waiting)
            if waiting.is_ready():
                break
            self._throw_away(waiting)
        return waiting

    async def _run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdin: bytes | None,
        seconds: float,
        output: process.Output,
    ) -> int:
        way_out = inside.environment(self.policy, git=GIT)
        merged = ENVIRONMENT | way_out | self.policy.environment | arguments.named(self.policy) | dict(env)
        command = launcher.command(argv, cwd=cwd, env=merged)
        async with self._turn:
            self._check_alive()
            try:
                waiting = await self._taken()
                code = await self._within(seconds, waiting, self._reaching(waiting, command, stdin, output))
                self._check_alive()
                return code
            except CountersignError:
                self._check_alive()  # that it was destroyed says more than what this did to the command
                raise
            finally:
                self._prepare_soon()

    async def _reaching(
        self, waiting: Waiting, command: launcher.Command, stdin: bytes | None, output: process.Output
    ) -> int:
        """Run it, with the broker's listener in its container's network for as long as it runs."""
        if self._broker is None:
            return await waiting.run(command, stdin, output)
        async with self._broker.reachable_from(await waiting.pid()):
            return await waiting.run(command, stdin, output)

    async def _within(self, seconds: float, waiting: Waiting, running: Coroutine[Any, Any, int]) -> int:
        """However it ends, nothing of the command is left. What ended by itself is cleared away afterwards."""
        try:
            async with asyncio.timeout(seconds):
                code = await running
        except BaseException as error:
            await process.surely(self._removed(waiting))
            if isinstance(error, TimeoutError):
                return KILLED
            raise
        self._throw_away(waiting)
        return code

    def _throw_away(self, waiting: Waiting) -> None:
        chore = asyncio.create_task(self._removed(waiting))
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)
        chore.add_done_callback(_heard)

    async def _removed(self, waiting: Waiting) -> None:
        await waiting.remove()
        self._live.discard(waiting)

    async def _destroy(self) -> None:
        if self._soon:
            self._soon.cancel()
        if self._next:
            with contextlib.suppress(CountersignError):
                self._live.add(await self._next)
            self._next = None
        await asyncio.gather(*self._chores, return_exceptions=True)
        await asyncio.gather(*(self._removed(waiting) for waiting in list(self._live)))
        await asyncio.to_thread(reaper.remove, self._box, None)
        if self._lock >= 0:
            lock, self._lock = self._lock, -1
            os.close(lock)
            asyncio.get_running_loop().run_in_executor(None, os.close, self._work)
        if self._broker:
            await self._broker.close()


def _heard(task: "asyncio.Task[Any]") -> None:
    """Whoever waits for it hears of its error; nobody has to."""
    if not task.cancelled():
        task.exception()

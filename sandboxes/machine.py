"""One bubblewrap sandbox: what stays of it between commands, and a process tree for each command."""

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import AsyncIterable, Mapping, Sequence
from pathlib import Path

from contracts.errors import BadInput, SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes import arguments, cgroups, limits, process, reaper, seccomp
from sandboxes.egress import Broker
from sandboxes.local import KILLED, LocalSandbox
from sandboxes.protocol import Result
from sandboxes.trees.arrival import Arrival
from sandboxes.trees.overlay import Layers


class BubblewrapSandbox(LocalSandbox):
    """One sandbox. Made by `Bubblewrap.create`."""

    def __init__(
        self,
        box: Path,
        lock: int,
        policy: SandboxPolicy,
        *,
        program: str,
        options: list[str],
        hierarchies: cgroups.Hierarchies | None,
        work: Path,
        user: process.User | None,
        arrival: Arrival | None = None,
        layers: Layers | None = None,
        broker: Broker | None = None,
    ) -> None:
        super().__init__(box.name, policy, work)
        self._box = box
        self._lock = lock
        self._program = program
        self._user = user
        self._options = options
        self._hierarchies = hierarchies
        self._cgroup = hierarchies.at(box.name) if hierarchies else None
        self._limits = limits.of(policy, cgroup=hierarchies is not None)
        self._seccomp = seccomp.compiled(host_network=policy.network == "open")
        self._arrival = arrival
        self._layers = self._tracker.layers = layers
        self._broker = broker
        self._running: set[process.Started] = set()

    async def converse(
        self, argv: Sequence[str], said: AsyncIterable[bytes], heard: process.Sink, *, seconds: float
    ) -> Result:
        """See `sandboxes.protocol.Converses`."""
        self._check_alive()
        arguments.check_command(argv, "/work", {})
        before, output = time.monotonic(), process.Output(self.policy.output_bytes, heard)
        code = await self._run(argv, cwd="/work", env={}, stdin=said, seconds=seconds, output=output)
        return Result(
            exit_code=code,
            stdout=b"",
            stderr=b"".join(output.stderr),
            seconds=time.monotonic() - before,
            truncated=output.truncated,
            timed_out=code == KILLED,
        )

    def _start(self, argv: Sequence[str], *, cwd: str, env: Mapping[str, str], stdin: bool) -> process.Started:
        options = [*self._options, *arguments.for_command(self.policy, cwd=cwd, env=env)]
        try:
            return process.start(self._program, options, argv, seccomp=self._seccomp, stdin=stdin, user=self._user)
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise BadInput("The command line is too long.", subject=argv[0]) from error
            raise SandboxFailed(f"bubblewrap could not be started: {error}.", subject=self.id) from error

    async def _run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        stdin: process.Input,
        seconds: float,
        output: process.Output,
    ) -> int:
        started = self._start(argv, cwd=cwd, env=env, stdin=stdin is not None)
        feeding = asyncio.create_task(started.feed(stdin))
        self._running.add(started)
        opened = contextlib.AsyncExitStack()
        try:
            async with asyncio.timeout(seconds):
                await started.wait_until_ready()
                self._check_alive()
                self._limit(started)
                if self._broker:
                    await opened.enter_async_context(self._broker.reachable_from(started.init_pid))
                started.go()
                code = await self._pump(started, output)
            self._check_alive()
            started.check_command_ran(argv, b"".join(output.stderr))
            return code
        except TimeoutError:
            return KILLED
        finally:
            await process.surely(self._end(started, feeding, opened))

    async def _end(
        self, started: process.Started, feeding: asyncio.Task[None], opened: contextlib.AsyncExitStack
    ) -> None:
        feeding.cancel()
        await asyncio.wait([feeding])
        await started.kill()
        await opened.aclose()
        self._running.discard(started)
        started.close()

    async def _pump(self, started: process.Started, output: process.Output) -> int:
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(process.pump(started.stdout, output.take_stdout))
                group.create_task(process.pump(started.stderr, output.take_stderr))
                return await started.ended()
        except ExceptionGroup as several:  # what `on_stdout` raised, as it raised it
            raise several.exceptions[0] from None

    def _limit(self, started: process.Started) -> None:
        """While the command is held back. A limit that can't be set stops it from ever starting."""
        try:
            if self._cgroup:
                self._cgroup.join(started.init_pid)
            if self._user:
                limits.apply_as(started.init_pid, self._limits, self._user.uid, self._user.gid)
            else:
                limits.apply(started.init_pid, self._limits)
        except ProcessLookupError:
            return  # bubblewrap is gone already; `check_command_ran` tells why
        except OSError as error:
            raise SandboxFailed(f"The sandbox's limits could not be set: {error}.", subject=self.id) from error

    async def _destroy(self) -> None:
        for started in list(self._running):
            started.signal()
            await started.gone.wait()
        await asyncio.to_thread(reaper.remove, self._box, self._hierarchies)
        os.close(self._lock)
        # The last user of a disk waits while the kernel takes it apart; nobody else has to.
        asyncio.get_running_loop().run_in_executor(None, self._let_go)
        if self._broker:
            await self._broker.close()

    def _let_go(self) -> None:
        if self._layers:
            self._layers.close()
        os.close(self._work)
        if self._arrival:
            self._arrival.close()

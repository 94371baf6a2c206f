"""One bubblewrap sandbox: what stays of it between commands, and a process tree for each command."""

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from contracts.errors import BadInput, SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes import arguments, beneath, cgroups, checkpoints, limits, process, reaper, seccomp
from sandboxes import search as searching
from sandboxes.egress import Broker
from sandboxes.protocol import Diff, Found, Result, Store

KILLED = -9


class BubblewrapSandbox:
    """One sandbox. Made by `Bubblewrap.create`. `place` is where the host has its /work."""

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
        broker: Broker | None = None,
    ) -> None:
        self.id = box.name
        self.policy = policy
        self._box = box
        self._lock = lock
        self._program = program
        self._user = user
        self._options = options
        self._hierarchies = hierarchies
        self._cgroup = hierarchies.at(box.name) if hierarchies else None
        self._limits = limits.of(policy, cgroup=hierarchies is not None)
        self._seccomp = seccomp.compiled(host_network=policy.network == "open")
        self.place = work
        self._work = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._tracker = checkpoints.Tracker()
        self._broker = broker
        self._ending = False
        self._running: set[process.Started] = set()

    async def exec(
        self,
        argv: Sequence[str],
        *,
        cwd: str = "/work",
        stdin: bytes | None = None,
        env: Mapping[str, str] | None = None,
        timeout: float | None = None,
        on_stdout: Callable[[bytes], None] | None = None,
    ) -> Result:
        """Run a program; see `sandboxes.protocol.Sandbox`. `timeout` can only shorten the policy's."""
        self._check_alive()
        _check_words([*argv, cwd, *(env or {}), *(env or {}).values()])
        if not argv or not argv[0]:
            raise BadInput("There is no program to run.", subject=repr(argv))
        before = time.monotonic()
        seconds = min(timeout or self.policy.wall_seconds, self.policy.wall_seconds)
        output = process.Output(self.policy.output_bytes, on_stdout)
        started = self._start(argv, cwd=str(PurePosixPath("/work", cwd)), env=env or {}, stdin=stdin is not None)
        code = await self._run(started, output, stdin, seconds, argv)
        return Result(
            exit_code=code,
            stdout=b"".join(output.stdout),
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
        self, started: process.Started, output: process.Output, stdin: bytes | None, seconds: float, argv: Sequence[str]
    ) -> int:
        """The exit code, or KILLED when the time was up. However it ends, nothing inside is left."""
        feeding = asyncio.create_task(started.feed(stdin or b""))
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

    async def read(self, path: str, *, limit: int = 64 << 20) -> bytes:
        self._check_alive()
        return await asyncio.to_thread(beneath.read_file, self._work, path, limit)

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        self._check_alive()
        await asyncio.to_thread(beneath.write_file, self._work, path, data, mode)

    async def list(self, path: str = ".") -> list[str]:
        self._check_alive()
        return await asyncio.to_thread(beneath.list_folder, self._work, path)

    async def search(
        self, pattern: str, *, path: str = ".", glob: str = "", literal: bool = False, limit: int = 1000
    ) -> Found:
        return await searching.search(self, pattern, path=path, glob=glob, literal=literal, limit=limit)

    async def diff(self, *, folder: str = ".", base: str = "HEAD") -> Diff:
        return await searching.diff(self, folder, base)

    async def mark_base(self, label: str) -> None:
        self._check_alive()
        await asyncio.to_thread(self._tracker.mark, self._work, label)

    async def checkpoint(self, store: Store) -> str:
        self._check_alive()
        return await asyncio.to_thread(self._tracker.save, self._work, store)

    async def restore(self, store: Store, ref: str) -> None:
        self._check_alive()
        await asyncio.to_thread(self._tracker.load, self._work, store, ref)

    async def destroy(self) -> None:
        if self._lock < 0:
            return
        self._ending = True
        for started in list(self._running):
            started.signal()
            await started.gone.wait()
        await asyncio.to_thread(reaper.remove, self._box, self._hierarchies)
        lock, self._lock = self._lock, -1
        os.close(lock)
        # The last user of a disk waits while the kernel takes it apart; nobody else has to.
        asyncio.get_running_loop().run_in_executor(None, os.close, self._work)
        if self._broker:
            await self._broker.close()

    def _check_alive(self) -> None:
        if self._ending:
            raise SandboxFailed("The sandbox was destroyed.", subject=self.id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await process.surely(self.destroy())


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if "\0" in word:
            raise BadInput("A command line can't hold a zero byte.", subject=repr(word))

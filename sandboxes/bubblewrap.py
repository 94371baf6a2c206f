"""Sandboxes by bubblewrap: one process tree for each command over a folder that stays.

No warm process is kept: starting costs milliseconds, and the death of a worker loses only the call in flight.
"""

import asyncio
import contextlib
import errno
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from contracts.errors import BadInput, CountersignError, DiskFull, SandboxFailed, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import arguments, beneath, cgroups, etc, limits, process, reaper, seccomp
from sandboxes import probe as probing
from sandboxes.protocol import Mount, Result

KILLED = -9


class BubblewrapSandbox:
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
        self._work = os.open(work, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
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
        try:
            async with asyncio.timeout(seconds):
                await started.wait_until_ready()
                self._check_alive()
                self._limit(started)
                started.go()
                code = await self._pump(started, output)
            self._check_alive()
            started.check_command_ran(argv, b"".join(output.stderr))
            return code
        except TimeoutError:
            return KILLED
        finally:
            await process.surely(self._end(started, feeding))

    async def _end(self, started: process.Started, feeding: asyncio.Task[None]) -> None:
        feeding.cancel()
        await asyncio.wait([feeding])
        await started.kill()
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

    async def destroy(self) -> None:
        if self._lock < 0:
            return
        self._ending = True
        for started in list(self._running):
            started.signal()
            await started.gone.wait()
        await asyncio.to_thread(reaper.remove, self._box, self._hierarchies)
        lock, self._lock = self._lock, -1
        for descriptor in (self._work, lock):
            os.close(descriptor)

    def _check_alive(self) -> None:
        if self._ending:
            raise SandboxFailed("The sandbox was destroyed.", subject=self.id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await process.surely(self.destroy())


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


def _check_words(words: Sequence[str]) -> None:
    for word in words:
        if "\0" in word:
            raise BadInput("A command line can't hold a zero byte.", subject=repr(word))


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

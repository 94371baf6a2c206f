"""One hosted sandbox. What stays between commands is all of it, not only /work: it is one machine of the vendor's."""

import asyncio
import errno
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import PurePosixPath
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from contracts.errors import BadInput, CommandNotFound, CountersignError, SandboxBusy, SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes import arguments
from sandboxes import search as searching
from sandboxes.beneath import relative
from sandboxes.hosted import replies
from sandboxes.hosted.checkpoints import FarTracker, raise_named
from sandboxes.hosted.far import Far
from sandboxes.hosted.limits import GIB, given
from sandboxes.hosted.options import Options
from sandboxes.hosted.session import Session
from sandboxes.process import Output, surely
from sandboxes.protocol import Diff, Found, Result, Store

if TYPE_CHECKING:
    from daytona import AsyncSandbox

KILLED = -9
log = logging.getLogger(__name__)


class HostedSandbox:
    """Made by `Daytona.create`. `delete` removes it at the vendor's; `slots` bounds how many commands run at once."""

    def __init__(
        self,
        sandbox: "AsyncSandbox",
        policy: SandboxPolicy,
        options: Options,
        *,
        slots: asyncio.Semaphore,
        delete: Callable[[], Awaitable[None]],
    ) -> None:
        self.id: str = sandbox.id
        self.policy = policy
        self.far = Far(sandbox, options, given(policy).disk * GIB)
        self._options, self._slots, self._delete = options, slots, delete
        self._tracker = FarTracker(self.far)
        self._ended = ""
        self._running: set[asyncio.Task[Any]] = set()

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
        arguments.check_command(argv, cwd, env or {})
        before, output = time.monotonic(), Output(self.policy.output_bytes, on_stdout)
        merged = arguments.ENVIRONMENT | self.policy.environment | arguments.named(self.policy) | dict(env or {})
        seconds = min(timeout or self.policy.wall_seconds, self.policy.wall_seconds)
        where = str(PurePosixPath("/work", cwd))
        async with self._slots:
            end = await self._run(argv, where, merged, stdin, seconds, output)
        self._raise_failed(end, argv, where)
        timed_out = end.get("timed_out") is True
        return Result(
            exit_code=KILLED if timed_out else replies.number(end, "code", 255),
            stdout=b"".join(output.stdout),
            stderr=b"".join(output.stderr),
            seconds=time.monotonic() - before,
            truncated=output.truncated or end.get("truncated") is True,
            timed_out=timed_out,
        )

    async def _run(
        self, argv: Sequence[str], cwd: str, env: Mapping[str, str], stdin: bytes | None, seconds: float, output: Output
    ) -> dict[str, Any]:
        """How it ended. After a failure of the other side what still runs there isn't known: it is given up."""
        session = Session(self.far, self._options.key, self._options.call_seconds)
        running = asyncio.create_task(session.run(argv, cwd=cwd, env=env, given=stdin, seconds=seconds, output=output))
        self._running.add(running)
        end: dict[str, Any] = {}
        try:
            end = await running
        except SandboxBusy:
            raise
        except SandboxFailed as error:
            self._give_up(error.what)
            raise
        except asyncio.CancelledError:
            self._check_alive()  # it was `destroy` that ended the command, and not who waits for it
            raise
        finally:
            self._running.discard(running)
            if session.lost and not end:
                self._give_up("Whether the last command still runs isn't known.")
        if end.get("left"):
            self._give_up("A command left processes behind that could not be killed.")
        return end

    def _give_up(self, why: str) -> None:
        self._ended = self._ended or why

    def _raise_failed(self, end: Mapping[str, Any], argv: Sequence[str], cwd: str) -> None:
        if "failed" not in end:
            return
        number = replies.number(dict(end), "errno", 4096)
        if number == errno.E2BIG:
            raise BadInput("The command line is too long.", subject=argv[0][:200])
        if end["failed"] == "cwd":
            raise SandboxFailed(f"The sandbox has no folder {cwd!r} to run in.", subject=cwd)
        raise CommandNotFound(f"The sandbox can't run {argv[0]!r}: {errno.errorcode.get(number)}.", subject=argv[0])

    async def read(self, path: str, *, limit: int = 64 << 20) -> bytes:
        found, data = await self._call("read", path, most=limit, limit=limit)
        if found.get("not_regular"):
            raise BadInput(f"{path!r} is not a regular file.", subject=path)
        if found.get("too_large"):
            raise BadInput(f"{path!r} is larger than {limit:,} bytes.", subject=path, way_out="Raise the limit.")
        return data

    async def write(self, path: str, data: bytes, *, mode: int = 0o644) -> None:
        name = PurePosixPath(relative(path)).name
        if not name or name == "..":
            raise BadInput(f"{path!r} names no file.", subject=path)
        await self._call("write", path, data, mode=mode & 0o777)

    async def list(self, path: str = ".") -> list[str]:
        return replies.names((await self._call("list", path))[1])

    async def _call(self, op: str, path: str, body: bytes | None = None, **ask: Any) -> tuple[dict[str, Any], bytes]:
        self._check_alive()
        found, answered = await self.far.call(op, body, path=relative(path), **ask)
        raise_named(found, path)
        return found, answered

    async def search(
        self, pattern: str, *, path: str = ".", glob: str = "", literal: bool = False, limit: int = 1000
    ) -> Found:
        return await searching.search(self, pattern, path=path, glob=glob, literal=literal, limit=limit)

    async def diff(self, *, folder: str = ".", base: str = "HEAD") -> Diff:
        return await searching.diff(self, folder, base)

    async def mark_base(self, label: str) -> None:
        self._check_alive()
        await self._tracker.mark(label)

    async def checkpoint(self, store: Store) -> str:
        self._check_alive()
        return await self._tracker.save(store)

    async def restore(self, store: Store, ref: str) -> None:
        self._check_alive()
        await self._tracker.load(store, ref)

    async def destroy(self) -> None:
        """The vendor takes it from here: it answers before all is gone. Raises what went wrong with the asking."""
        self._ended = "The sandbox was destroyed."
        for running in list(self._running):
            running.cancel()
        if self._running:
            await asyncio.wait(list(self._running))
        await self._delete()

    def _check_alive(self) -> None:
        if self._ended:
            raise SandboxFailed(self._ended, subject=self.id, way_out="A new one may work.")

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await surely(self.destroy())
        except CountersignError as failed:  # the work is done; the intervals and `reap` remove the rest
            log.warning("The hosted sandbox %s could not be removed: %s", self.id, failed.what)

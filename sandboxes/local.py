"""What sandboxes share whose /work is a folder of this host: files by openat2, checkpoints, search and diff inside."""

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Self

from contracts.errors import SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes import arguments, beneath, checkpoints, process
from sandboxes import search as searching
from sandboxes.protocol import Diff, Found, Result, Store

KILLED = -9


class LocalSandbox(ABC):
    """A sandbox but for how a command runs in it and how it goes. `place` is where the host has its /work."""

    def __init__(self, name: str, policy: SandboxPolicy, place: Path) -> None:
        self.id = name
        self.policy = policy
        self.place = place
        self._work = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        self._tracker = checkpoints.Tracker()
        self._ending = False
        self._going: asyncio.Future[None] | None = None

    @abstractmethod
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
        """The exit code, or KILLED when the time was up. However it ends, nothing of the command is left."""

    @abstractmethod
    async def _destroy(self) -> None:
        """End all processes and remove everything. Called once at a time, and again if it failed."""

    async def destroy(self) -> None:
        """However often and from how many sides it is called, all of them return when it is gone."""
        self._ending = True
        if self._going is None or (self._going.done() and self._going.exception()):
            self._going = asyncio.ensure_future(self._destroy())
        await asyncio.shield(self._going)

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
        before = time.monotonic()
        seconds = min(timeout or self.policy.wall_seconds, self.policy.wall_seconds)
        output = process.Output(self.policy.output_bytes, on_stdout)
        where = str(PurePosixPath("/work", cwd))
        code = await self._run(argv, cwd=where, env=env or {}, stdin=stdin, seconds=seconds, output=output)
        return Result(
            exit_code=code,
            stdout=b"".join(output.stdout),
            stderr=b"".join(output.stderr),
            seconds=time.monotonic() - before,
            truncated=output.truncated,
            timed_out=code == KILLED,
        )

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

    def _check_alive(self) -> None:
        if self._ending:
            raise SandboxFailed("The sandbox was destroyed.", subject=self.id)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await process.surely(self.destroy())

"""One command in a session of the vendor's: started, followed as it prints, and ended with its whole tree."""

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from contracts.errors import CountersignError, SandboxFailed
from sandboxes.hosted.errors import named
from sandboxes.hosted.far import Far, script
from sandboxes.hosted.frames import Frames
from sandboxes.process import Output, surely

if TYPE_CHECKING:
    from daytona import AsyncSandbox

GRACE_SECONDS = 15  # for the far side to say that the time was up, before it is given up
WORDS = 400
log = logging.getLogger(__name__)


class Session:
    """`follow` returns how the command ended; whatever happens, the session is deleted, which kills what is left."""

    def __init__(self, far: Far, key: str, call_seconds: float) -> None:
        self._far, self._key, self._seconds = far, key, call_seconds
        self._name = f"countersign-{secrets.token_hex(8)}"
        self._said = ""
        self.lost = False  # it could not be deleted: what it runs may go on

    @property
    def _sandbox(self) -> "AsyncSandbox":
        return self._far.sandbox

    async def run(
        self,
        argv: Sequence[str],
        *,
        cwd: str,
        env: Mapping[str, str],
        given: bytes | None,
        seconds: float,
        output: Output,
    ) -> dict[str, Any]:
        """Raises SandboxFailed where the other side did not say how the command ended."""
        head = {
            "argv": list(argv),
            "cwd": cwd,
            "env": dict(env),
            "input": given is not None,
            "seconds": seconds,
            "output": output.limit,
        }
        # By a file, not in the command line: that is kept in the vendor's records, and this may hold secrets.
        path = await self._far.leave(json.dumps(head).encode() + b"\n" + (given or b""))
        async with self._opened():
            return await self._follow(await self._start(path), seconds, output)

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[None]:
        with named(self._sandbox.id, self._key):
            await self._sandbox.process.create_session(self._name, request_timeout=self._seconds)
        try:
            yield
        finally:
            await surely(self._delete())

    async def _delete(self) -> None:
        """What is left of the command dies."""
        try:
            with named(self._sandbox.id, self._key):
                await self._sandbox.process.delete_session(self._name, request_timeout=self._seconds)
        except CountersignError as error:
            self.lost = True
            log.warning("A session of the hosted sandbox %s could not be deleted: %s", self._sandbox.id, error.what)

    async def _start(self, path: str) -> str:
        from daytona import SessionExecuteRequest

        with named(self._sandbox.id, self._key):
            asked = SessionExecuteRequest(command=f"{script('run')} {path}", run_async=True)
            started = await self._sandbox.process.execute_session_command(self._name, asked, timeout=int(self._seconds))
        return str(started.cmd_id)

    async def _follow(self, command: str, seconds: float, output: Output) -> dict[str, Any]:
        frames = Frames()
        queue: asyncio.Queue[str | None] = asyncio.Queue(maxsize=64)
        reading = asyncio.create_task(self._read(command, queue))
        try:
            async with asyncio.timeout(seconds + GRACE_SECONDS):
                while (text := await queue.get()) is not None:
                    for letter, piece in frames.take(text):
                        (output.take_stdout if letter == "o" else output.take_stderr)(piece)
                await reading
        except TimeoutError:
            raise SandboxFailed(
                "The sandbox did not end a command whose time was up.", subject=self._sandbox.id
            ) from None
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        if frames.end is None:
            raise SandboxFailed(
                f"The command ended without a word of how: {self._said.strip() or 'nothing was said'}.",
                subject=self._sandbox.id,
                way_out="Something in the sandbox may have killed what runs commands there. A new one may work.",
            )
        return frames.end

    async def _read(self, command: str, queue: asyncio.Queue[str | None]) -> None:
        """Into the queue, which holds back a flood; None is the end."""

        def words(text: str) -> None:
            self._said = (self._said + text)[-WORDS:]

        try:
            with named(self._sandbox.id, self._key):
                await self._sandbox.process.get_session_command_logs_async(self._name, command, queue.put, words)
        finally:
            await queue.put(None)

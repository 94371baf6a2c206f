"""One container for one command: it starts, waits for the command, runs it, and is thrown away.

So a command's whole process tree is the container's, and ends with it: by itself, when its time is up or when it is
cancelled. Nothing of one command is there for the next but /work.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from docker.errors import NotFound

from contracts.errors import CommandNotFound, SandboxFailed
from sandboxes import process
from sandboxes.docker import launcher
from sandboxes.docker.engine import Engine

STDERR, HEADER = 2, 8
TAIL = 4096
ATTACHED = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1}


@dataclass
class Frames:
    """Takes the engine's stream apart: 8 bytes of header (whose, and how long), then so many bytes.

    The first words on stderr are the launcher's, not the command's.
    """

    output: process.Output
    command: launcher.Command
    started: bool = False
    said: bytes = b""
    rest: bytearray = field(default_factory=bytearray)

    def take(self, chunk: bytes) -> None:
        self.rest += chunk
        start = 0
        while len(self.rest) - start >= HEADER:
            end = start + HEADER + int.from_bytes(self.rest[start + 4 : start + HEADER], "big")
            if end > len(self.rest):
                break
            whose, body = self.rest[start], bytes(self.rest[start + HEADER : end])
            start = end
            self._deliver(whose, body)
        del self.rest[:start]

    def _deliver(self, whose: int, body: bytes) -> None:
        if whose != STDERR:
            self.output.take_stdout(body)
            return
        self.said = (self.said + body)[-TAIL:]
        if self.started:
            self.output.take_stderr(body)
        elif self.said.startswith(self.command.started):
            self.started = True
            self.output.take_stderr(self.said[len(self.command.started) :])

    def check(self, code: int) -> None:
        """Raises CommandNotFound or SandboxFailed if the program never started."""
        if not self.started:
            raise SandboxFailed(f"The container ended before the command could start (exit code {code}).")
        words = self.said.decode(errors="replace").strip().splitlines()
        program = self.command.argv[0]
        why = words[-2].removeprefix("sh: ") if len(words) > 1 else "it is not there"
        if self.said.endswith(self.command.no_program):
            raise CommandNotFound(f"The sandbox can't run {program!r}: {why}.", subject=program)
        if self.said.endswith(self.command.no_folder):
            raise SandboxFailed(f"The command's folder can't be used: {why}.")


class Waiting:
    """A container that is up and waits for its one command."""

    def __init__(self, engine: Engine, identity: str, stream: socket.socket) -> None:
        self.id = identity
        self._engine = engine
        self._stream = stream
        self._running = False
        stream.setblocking(False)

    @classmethod
    async def start(cls, engine: Engine, settings: Mapping[str, Any]) -> "Waiting":
        """Raises SandboxFailed. What was made is removed when the rest fails or is cancelled."""
        making = asyncio.ensure_future(engine.call(partial(_start, engine, settings)))
        try:
            return cls(engine, *await asyncio.shield(making))
        except asyncio.CancelledError:
            with contextlib.suppress(SandboxFailed):
                await cls(engine, *await making).remove()
            raise

    def is_ready(self) -> bool:
        """Whether it still waits: one that ended, or whose engine did, has closed its stream."""
        try:
            return bool(self._stream.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except OSError:
            return False

    async def run(self, command: launcher.Command, stdin: bytes | None, output: process.Output) -> int:
        """The command's exit code. Cancelled, it leaves the command running: `remove` ends it."""
        frames = Frames(output, command)
        feeding = asyncio.create_task(self._feed(command.line + (stdin or b"")))
        self._running = True
        try:
            with contextlib.suppress(ConnectionError):
                await process.pump(self._stream.fileno(), frames.take)
        finally:
            feeding.cancel()
            await asyncio.wait([feeding])
            self._running = False
        code = await self._exit_code()
        frames.check(code)
        return code

    async def _feed(self, data: bytes) -> None:
        await process.feed(self._stream.fileno(), data)
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_WR)

    async def _exit_code(self) -> int:
        try:
            told = await self._engine.call(self._engine.api.wait, self.id)
        except NotFound:
            raise SandboxFailed("The container was removed while its command ran.", subject=self.id) from None
        return int(told["StatusCode"])

    async def pid(self) -> int:
        """Of its first process, as the host has it: its network namespace is where a broker's listener belongs."""
        told = await self._engine.call(self._engine.api.inspect_container, self.id)
        return int(told["State"]["Pid"])

    async def remove(self) -> None:
        """End it with all that runs in it. Doing it twice is fine.

        The stream goes first: an engine that can't get rid of output waits with the removal. It is closed last, and
        not while it is read from: the loop would never hear of it.
        """
        with contextlib.suppress(OSError):
            self._stream.shutdown(socket.SHUT_RDWR)
        try:
            await self._engine.removed(self.id)
        finally:
            if not self._running:
                self._stream.close()


def _start(engine: Engine, settings: Mapping[str, Any]) -> tuple[str, socket.socket]:
    """Attached before it starts, so that nothing it says is lost."""
    identity: str = engine.api.create_container_from_config(settings)["Id"]
    try:
        stream = _attach(engine, identity)
        try:
            engine.api.start(identity)
        except BaseException:
            stream.close()
            raise
    except BaseException:
        engine.remove(identity)
        raise
    return identity, stream


def _attach(engine: Engine, identity: str) -> socket.socket:
    """A socket of our own: the SDK's is tied to a response that must not be closed before it."""
    attached = engine.api.attach_socket(identity, ATTACHED)
    theirs = getattr(attached, "_sock", attached)
    stream = socket.socket(fileno=os.dup(theirs.fileno()))
    attached.close()
    return stream

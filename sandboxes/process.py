"""One bubblewrap process: start, hold until its limits are set, stream, and end with its whole tree.

Popen is called in the loop's own thread on purpose. `--die-with-parent` follows the starting *thread*: a
process started from an executor's thread dies when that thread goes. All waiting is done by the loop on
descriptors, so nothing blocks it.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import signal
import subprocess
from collections.abc import AsyncIterable, AsyncIterator, Callable, Coroutine, Sequence
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import CommandNotFound, SandboxFailed

CHUNK = 1 << 18
PIPE_BYTES = 1 << 20
READY_SECONDS = 5
STDERR_FOR_MESSAGES = 4096

Sink = Callable[[bytes], None]
Input = bytes | AsyncIterable[bytes] | None  # all at once, or as it comes: for what has to be answered in between


async def readable(descriptor: int) -> None:
    """Wait until there is something to read, an end of file, or (a pidfd) the process's end."""
    await _ready(descriptor, asyncio.get_running_loop().add_reader, asyncio.get_running_loop().remove_reader)


async def _ready(descriptor: int, add: Callable[..., object], remove: Callable[[int], object]) -> None:
    ready = asyncio.get_running_loop().create_future()

    def tell() -> None:
        if not ready.done():
            ready.set_result(None)

    add(descriptor, tell)
    try:
        await ready
    finally:
        remove(descriptor)


async def surely(work: Coroutine[Any, Any, None]) -> None:
    """Finish `work` even when cancelled meanwhile; then let the cancellation go on."""
    task, cancelled = asyncio.ensure_future(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()


async def pump(descriptor: int, sink: Sink) -> None:
    """Give everything that comes to `sink`, in chunks, until the other end is closed."""
    while True:
        try:
            chunk = os.read(descriptor, CHUNK)
        except BlockingIOError:
            await readable(descriptor)
            continue
        if not chunk:
            return
        sink(chunk)
        await asyncio.sleep(0)  # a flood must not starve the loop


async def feed(descriptor: int, data: bytes) -> None:
    """Write all of `data`. A reader that went away is no error of ours."""
    loop, rest = asyncio.get_running_loop(), memoryview(data)
    with contextlib.suppress(BrokenPipeError):
        while rest:
            try:
                rest = rest[os.write(descriptor, rest[:CHUNK]) :]
            except BlockingIOError:
                await _ready(descriptor, loop.add_writer, loop.remove_writer)


async def pieces(given: Input) -> AsyncIterator[bytes]:
    """A command's input, piece by piece."""
    if isinstance(given, bytes):
        yield given
    elif given is not None:
        async for piece in given:
            yield piece


@dataclass(frozen=True)
class User:
    """Whom a sandbox runs as, where that isn't the worker's own user."""

    uid: int
    gid: int


@dataclass
class Output:
    """Collects stdout and stderr under one common limit; what goes past it is read and dropped."""

    limit: int
    on_stdout: Sink | None = None
    stdout: list[bytes] = field(default_factory=list)
    stderr: list[bytes] = field(default_factory=list)
    truncated: bool = False

    def _room(self, chunk: bytes) -> bytes:
        kept = chunk[: self.limit]
        self.limit -= len(kept)
        self.truncated |= len(kept) < len(chunk)
        return kept

    def take_stdout(self, chunk: bytes) -> None:
        if kept := self._room(chunk):
            (self.on_stdout or self.stdout.append)(kept)

    def take_stderr(self, chunk: bytes) -> None:
        if kept := self._room(chunk):
            self.stderr.append(kept)


def memory_file(name: str, data: bytes) -> int:
    descriptor = os.memfd_create(name)
    os.write(descriptor, data)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return descriptor


@dataclass(eq=False)
class Started:
    """A bubblewrap process whose command waits to be let go.

    `init` is a pidfd of the first process inside: killing it makes the kernel kill all that live in its pid
    namespace, whatever they do about signals.
    """

    process: subprocess.Popen[bytes]
    stdin: int | None
    stdout: int
    stderr: int
    status: int
    hold: int
    process_fd: int = -1
    init: int = -1
    init_pid: int = -1
    said: bytes = b""
    gone: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait_until_ready(self) -> None:
        """Until bubblewrap has built the sandbox. Raises SandboxFailed when it couldn't."""
        if self.process_fd < 0:
            self.process_fd = os.pidfd_open(self.process.pid)
        while b"\n" not in self.said:
            await readable(self.status)
            chunk = os.read(self.status, 4096)
            if not chunk:
                raise await self._failed()
            self.said += chunk
        self.init_pid = json.loads(self.said.splitlines()[0])["child-pid"]
        try:
            self.init = os.pidfd_open(self.init_pid)
        except ProcessLookupError:
            raise await self._failed() from None

    async def _failed(self) -> SandboxFailed:
        heard = Output(limit=STDERR_FOR_MESSAGES)
        await pump(self.stderr, heard.take_stderr)
        words = b"".join(heard.stderr).decode(errors="replace").strip()
        return SandboxFailed(f"bubblewrap could not build the sandbox: {words or 'it said nothing'}.")

    def go(self) -> None:
        """Let the command start. If bubblewrap is gone, `check_command_ran` will tell why."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self.hold, b"x")

    async def ended(self) -> int:
        """The command's exit code (128 + n after signal n), once the whole tree is gone."""
        await readable(self.process_fd)
        await self.kill()
        return self.process.wait()

    def signal(self) -> None:
        """Kill everything inside, without waiting. Nothing yet, if its first process isn't known."""
        if self.init >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.init, signal.SIGKILL)

    async def kill(self) -> None:
        """Kill everything inside and wait until it is gone. One caller at a time: the loop has one reader
        for a descriptor.

        bubblewrap itself is killed only as a last resort: before it has told of its child, that one would stay.
        """
        if self.init < 0 and self.process.poll() is None:
            with contextlib.suppress(TimeoutError, SandboxFailed):
                async with asyncio.timeout(READY_SECONDS):
                    await self.wait_until_ready()
        self.signal()
        if self.init >= 0:
            await readable(self.init)
        elif self.process.poll() is None:
            self.process.kill()
        if self.process_fd >= 0:
            await readable(self.process_fd)
        self.process.wait()

    def check_command_ran(self, argv: Sequence[str], stderr: bytes) -> None:
        """Raises CommandNotFound or SandboxFailed if the program never started.

        bubblewrap reports an exit code only for a program that it could execute.
        """
        with contextlib.suppress(BlockingIOError):
            while chunk := os.read(self.status, 4096):
                self.said += chunk
        if b"exit-code" in self.said:
            return
        words = stderr.decode(errors="replace").strip().removeprefix("bwrap: ")
        if words.startswith("execvp "):
            raise CommandNotFound(f"The sandbox can't run {argv[0]!r}: {words}.", subject=argv[0])
        raise SandboxFailed(f"The sandbox ended before the command did: {words or 'it was killed'}.")

    async def feed(self, given: Input) -> None:
        """Give the command its input, and its end."""
        if self.stdin is not None:
            async for piece in pieces(given):
                await feed(self.stdin, piece)
            self.close_input()

    def close_input(self) -> None:
        if self.stdin is not None:
            os.close(self.stdin)
        self.stdin = None

    def close(self) -> None:
        """Close all descriptors."""
        self.gone.set()
        self.close_input()
        for descriptor in (self.stdout, self.stderr, self.status, self.hold, self.init, self.process_fd):
            if descriptor >= 0:
                os.close(descriptor)


def start(
    program: str, options: Sequence[str], argv: Sequence[str], *, seccomp: bytes, stdin: bool, user: User | None = None
) -> Started:
    """Start bubblewrap with an empty environment, the command held back. Raises OSError."""
    status_read, status_write = os.pipe2(os.O_CLOEXEC)
    hold_read, hold_write = os.pipe2(os.O_CLOEXEC)
    filter_fd = memory_file("seccomp", seccomp)
    fixed = ["--json-status-fd", str(status_write), "--block-fd", str(hold_read), "--seccomp", str(filter_fd)]
    options_fd = memory_file("options", b"".join(os.fsencode(part) + b"\0" for part in [*fixed, *options]))
    theirs = (status_write, hold_read, filter_fd, options_fd)
    try:
        process = subprocess.Popen(
            [program, "--args", str(options_fd), "--", *argv],
            stdin=subprocess.PIPE if stdin else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={},
            cwd="/",
            pass_fds=theirs,
            bufsize=0,
            user=user.uid if user else None,
            group=user.gid if user else None,
            extra_groups=[] if user else None,
        )
    except BaseException:
        os.close(status_read)
        os.close(hold_write)
        raise
    finally:
        for descriptor in theirs:
            os.close(descriptor)
    return _started(process, status=status_read, hold=hold_write)


def _started(process: subprocess.Popen[bytes], *, status: int, hold: int) -> Started:
    ours = [_own(stream) for stream in (process.stdin, process.stdout, process.stderr)]
    stdin, stdout, stderr = ours
    assert stdout is not None
    assert stderr is not None
    os.set_blocking(status, False)
    return Started(process, stdin=stdin, stdout=stdout, stderr=stderr, status=status, hold=hold)


def _own(stream: object) -> int | None:
    """A non-blocking descriptor that lives apart from Popen's file object."""
    if stream is None:
        return None
    descriptor: int = os.dup(stream.fileno())  # type: ignore[attr-defined]
    stream.close()  # type: ignore[attr-defined]
    os.set_blocking(descriptor, False)
    with contextlib.suppress(OSError):  # the user's share of large pipes may be used up
        fcntl.fcntl(descriptor, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
    return descriptor

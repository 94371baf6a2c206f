"""One child process: how it is started, when it is ready, how it ends."""

import asyncio
import os
import re
import signal
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from workers.processes import die_with_parent

LINE_LIMIT = 1 << 20
Ready = Callable[["Child"], Awaitable[None]]


@dataclass(frozen=True)
class Plan:
    """A child as it should be. `log`: its output goes to that file instead of to the terminal.

    `ready` returns when it can be used. It is given up after `restarts` deaths in a row; one that lived
    for a while counts from zero again. `stop_limit` is in seconds, and then it is killed.
    """

    name: str
    argv: Sequence[str]
    environment: Mapping[str, str]
    ready: Ready
    log: Path | None = None
    restarts: int = 5
    start_limit: float = 60.0
    stop_limit: float = 10.0
    cwd: Path | None = None
    started: Callable[[int], None] = field(default=lambda pid: None)
    stopped: Callable[[int], None] = field(default=lambda pid: None)


class Child:
    """A running child process."""

    def __init__(self, plan: Plan, process: asyncio.subprocess.Process, show: Callable[[str], None]) -> None:
        self.plan = plan
        self.process = process
        self.said_ready = asyncio.Event()
        self.last_lines: deque[str] = deque(maxlen=20)
        self._show = show
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(cls, plan: Plan, show: Callable[[str], None]) -> "Child":
        """Call it from the main thread: the child dies with the thread that started it."""
        log = plan.log.open("ab") if plan.log else None
        try:
            process = await asyncio.create_subprocess_exec(
                *plan.argv,
                env=dict(plan.environment),
                cwd=plan.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log or asyncio.subprocess.PIPE,
                stderr=log or asyncio.subprocess.STDOUT,
                limit=LINE_LIMIT,
                start_new_session=True,  # Ctrl-C reaches us only, and we stop them in order
                preexec_fn=die_with_parent(),
            )
        finally:
            if log:
                log.close()
        return cls(plan, process, show)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_gone(self) -> bool:
        return self.process.returncode is not None

    async def wait_ready(self) -> bool:
        """Whether it became ready, rather than ending or taking longer than its limit."""
        ready = asyncio.ensure_future(self.plan.ready(self))
        gone = asyncio.ensure_future(self.process.wait())
        try:
            done, _ = await asyncio.wait(
                {ready, gone}, timeout=self.plan.start_limit, return_when=asyncio.FIRST_COMPLETED
            )
            if ready in done:
                await ready
            return ready in done and not self.is_gone
        finally:
            for task in (ready, gone):
                task.cancel()

    async def ended(self) -> str:
        """Wait for its end, and say how it ended."""
        code = await self.process.wait()
        self.kill()  # whatever it started goes with it, and lets go of its output
        await self._reader
        return how_it_ended(code)

    async def stop(self) -> None:
        """SIGTERM, then SIGKILL when its time is up; nothing of its process group stays."""
        if not self.is_gone:
            self._signal(signal.SIGTERM)
            with suppress(TimeoutError):
                await asyncio.wait_for(self.process.wait(), self.plan.stop_limit)
        self.kill()
        await self.process.wait()
        await self._reader
        self.plan.stopped(self.pid)

    def kill(self) -> None:
        """SIGKILL to it and to all that it started (it leads its own process group)."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            self.process.send_signal(number)

    async def _read(self) -> None:
        if self.process.stdout is None:
            return
        while raw := await self._line():
            line = raw.decode(errors="replace").rstrip("\r\n")
            self.last_lines.append(line)
            if re.match(r"ready\b", line):
                self.said_ready.set()
            self._show(line)

    async def _line(self) -> bytes:
        assert self.process.stdout is not None
        try:
            return await self.process.stdout.readline()
        except ValueError:  # a line over the limit: the stream has dropped it
            return b"(a line of over a megabyte was left out)\n"


def how_it_ended(code: int) -> str:
    """An exit code in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"died with signal {-code} ({signal.Signals(-code).name})"
    except ValueError:
        return f"died with signal {-code}"


async def says_ready(child: Child) -> None:
    """Ready when it has written a line that starts with the word `ready`."""
    await child.said_ready.wait()


def answers(url: str) -> Ready:
    """Ready when GET on the URL gives 200."""

    async def ready(child: Child) -> None:
        async with httpx.AsyncClient(timeout=2, trust_env=False) as client:
            while True:
                with suppress(httpx.HTTPError):
                    if (await client.get(url)).status_code == 200:
                        return
                await asyncio.sleep(0.1)

    return ready

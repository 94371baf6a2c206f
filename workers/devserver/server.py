"""The Temporal server that we start: its settings, and a server that lives as long as a `with` block.

The settings bring a step from 105 ms to about 10; docs/running.md says what each is for.
"""

import asyncio
import json
import os
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from temporalio.client import Client
from temporalio.service import GrpcCompression, RPCError

from contracts.errors import StateUnusable, TemporalUnavailable
from contracts.search import TYPES
from workers.devserver.attributes import ensure_search_attributes
from workers.devserver.finding import Binary, find
from workers.devserver.state import ServerFolder
from workers.processes import die_with_parent, free_port, pick, require_free
from workers.settings import Settings

Synchronous = Literal["NORMAL", "FULL"]

# JSON values: the quotes around a duration are part of the value.
DYNAMIC_CONFIG = (
    "history.transferProcessorMaxPollRPS=5000",
    "history.timerProcessorMaxPollRPS=5000",
    "history.visibilityProcessorMaxPollRPS=5000",
    'history.timerProcessorMaxTimeShift="1ms"',  # safe on one host only
    'history.workflowIdReuseMinimalInterval="1ms"',
    "system.enableActivityEagerExecution=true",
    "matching.numTaskqueueReadPartitions=1",
    "matching.numTaskqueueWritePartitions=1",
)
START_LIMIT = 60.0  # seconds; one second is usual
STOP_LIMIT = 8.0
LOG_LIMIT = 20 << 20
ATTEMPTS = 3  # ephemeral ports can be taken between being chosen and being listened on


@dataclass(frozen=True)
class ServerPlan:
    """All that it takes to start a server. Ports are real ones here, never 0."""

    binary: Binary
    folder: ServerFolder
    port: int
    ui_port: int
    namespace: str = "default"
    synchronous: Synchronous = "NORMAL"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def ui(self) -> str:
        return f"http://127.0.0.1:{self.ui_port}"

    def argv(self) -> list[str]:
        flags = [
            *("--ip", "127.0.0.1", "--port", str(self.port), "--ui-port", str(self.ui_port)),
            *("--db-filename", str(self.folder.database), "--log-level", "warn", "--log-format", "json"),
            *("--namespace", self.namespace, "--color", "never"),
            *_repeat("--sqlite-pragma", ("journal_mode=WAL", f"synchronous={self.synchronous}")),
            *_repeat("--dynamic-config-value", DYNAMIC_CONFIG),
            *_repeat("--search-attribute", [f"{name}={kind}" for name, kind in TYPES.items()]),
        ]
        return [str(self.binary.path), "server", "start-dev", *flags]

    def environment(self) -> dict[str, str]:
        """Nobody's TEMPORAL_* settings reach it: they would change its flags."""
        return {**pick(os.environ), "GOGC": "400"}


async def connect(address: str, namespace: str = "default", *, api_key: str = "", tls: bool = False) -> Client:
    """A plain client, for health, search attributes and the probe. Raises RuntimeError when nobody answers."""
    return await Client.connect(
        address,
        namespace=namespace,
        api_key=api_key or None,
        tls=tls or bool(api_key),
        grpc_compression=GrpcCompression.NONE,  # costs more than it saves on one host
    )


async def wait_until_healthy(
    plan: ServerPlan, gone: Callable[[], bool] = lambda: False, limit: float = START_LIMIT
) -> Client:
    """A client of the server as soon as it answers; search attributes are there then.

    Raises TemporalUnavailable when `limit` seconds are over, or `gone()` says that the process has ended.
    """
    deadline = asyncio.get_running_loop().time() + limit
    while asyncio.get_running_loop().time() < deadline and not gone():
        with suppress(RPCError, RuntimeError, TimeoutError):
            return await asyncio.wait_for(_healthy_client(plan), 5)
        await asyncio.sleep(0.1)
    raise _did_not_start(plan)


async def _healthy_client(plan: ServerPlan) -> Client:
    client = await connect(plan.address, plan.namespace)
    if not await client.service_client.check_health():
        raise TimeoutError
    await ensure_search_attributes(client)
    return client


class DevServer:
    """A Temporal server that is up inside `async with`, and is gone after, however the block is left.

    `folder` is kept: a second server on it goes on where the first stopped. Port 0 means any free one.
    Start it from the main thread (see `die_with_parent`).
    """

    def __init__(
        self,
        folder: Path,
        *,
        binary: Binary | None = None,
        tools: Path | None = None,
        port: int = 0,
        ui_port: int = 0,
        namespace: str = "default",
        synchronous: Synchronous = "NORMAL",
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = ServerFolder(folder)
        self.say = say
        self._binary, self._tools = binary, tools
        self._ports, self._namespace, self._synchronous = (port, ui_port), namespace, synchronous
        self._process: asyncio.subprocess.Process | None = None
        self.plan: ServerPlan
        self.client: Client

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process and self._process.returncode is None else None

    @property
    def address(self) -> str:
        return self.plan.address

    @property
    def ui(self) -> str:
        return self.plan.ui

    async def start(self) -> Self:
        """Raises TemporalUnavailable, StateUnusable, PortTaken."""
        binary = self._binary or await find(self._tools or Settings().tools, self.say)
        for sentence in self.folder.prepare(binary.server):
            self.say(sentence)
        attempts = ATTEMPTS if 0 in self._ports else 1
        for attempt in range(1, attempts + 1):
            try:
                await self._start_once(self._plan(binary))
                return self
            except TemporalUnavailable:
                await self.stop()
                if attempt == attempts:
                    raise
        raise AssertionError

    async def stop(self) -> None:
        """End the server in an orderly way; kill it if that takes over eight seconds. Twice is fine."""
        if self._process is None:
            return
        process, self._process = self._process, None
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            try:
                await asyncio.wait_for(process.wait(), STOP_LIMIT)
            except TimeoutError:
                process.kill()
                await process.wait()
        self.folder.mark_ended(process.pid)

    async def kill(self) -> None:
        """End it as a crash would (kill -9)."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _plan(self, binary: Binary) -> ServerPlan:
        port, ui_port = (port or free_port() for port in self._ports)
        return ServerPlan(binary, self.folder, port, ui_port, self._namespace, self._synchronous)

    async def _start_once(self, plan: ServerPlan) -> None:
        self.plan = plan
        require_free({"COUNTERSIGN_TEMPORAL_PORT": plan.port, "COUNTERSIGN_TEMPORAL_UI_PORT": plan.ui_port})
        process = self._process = await spawn(plan)
        try:
            self.client = await wait_until_healthy(plan, lambda: process.returncode is not None)
        except BaseException:
            await self.stop()
            raise
        self.folder.mark_served(plan.binary.server, process.pid, plan.port, plan.ui_port)


async def spawn(plan: ServerPlan) -> asyncio.subprocess.Process:
    """Start the process; its output goes to the folder's log."""
    rotate(plan.folder.log)
    with plan.folder.log.open("ab") as log:
        return await asyncio.create_subprocess_exec(
            *plan.argv(),
            env=plan.environment(),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal is ours to pass on, in order
            preexec_fn=die_with_parent(),
        )


def rotate(log: Path) -> None:
    """Start a new log when the old one has grown past 20 MiB; one old one is kept."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        log.replace(log.with_suffix(".log.1"))


def _repeat(flag: str, values: Sequence[str]) -> list[str]:
    return [part for value in values for part in (flag, value)]


def _did_not_start(plan: ServerPlan) -> Exception:
    last = _last_error(plan.folder.log)
    if "file is not a database" in last or "no such table" in last or "malformed" in last:
        return StateUnusable(
            f"The Temporal server refused its database {str(plan.folder.database)!r}: {last}",
            subject=str(plan.folder.path),
            way_out=f"Nothing was changed. Move it away: mv {plan.folder.path} {plan.folder.path}.old",
        )
    return TemporalUnavailable(
        f"The Temporal server {plan.binary.path} did not come up at {plan.address}: {last or 'it said nothing'}",
        subject=plan.address,
        way_out=f"Its log says more: {plan.folder.log}",
    )


def _last_error(log: Path) -> str:
    """The last thing that the server complained of, in its own words."""
    with suppress(OSError):
        lines = log.read_text(errors="replace").splitlines()[-50:]
        errors = [line for line in lines if '"ERROR"' in line or "panic" in line or line.startswith("Error")]
        return _message((errors or lines or [""])[-1])[:500]
    return ""


def _message(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return line
    return ": ".join(str(entry[name]) for name in ("msg", "error") if name in entry) or line

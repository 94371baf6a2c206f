"""Two agents workers on one installation, each in a process of its own, to be killed."""

import asyncio
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowHandle
from temporalio.service import RPCError

from contracts.machine import MachineSpec
from contracts.policy import SandboxPolicy
from contracts.steps import AGENTS
from sandboxes import Bubblewrap, cgroups
from tests.chaos.conftest import environment
from tests.machines.own.workflows.scripted import Account, Act, Script, Told
from tests.support import forked
from tests.support.platform import Installation, Platform
from tests.support.repositories import small
from workers.devserver import Binary, DevServer

OWN = Path(__file__).parent / "own"
PATIENCE = 90.0
SMALL = 192 << 20

Handle = WorkflowHandle[Any, Account]


@dataclass
class Fleet:
    """Agents workers by name. Those that `keep` says are started again when they die.

    A fault point's name in the file `order` tells whoever comes there first to die.
    """

    here: Platform
    folder: Path
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)
    deaths: int = 0
    runs: list[Handle] = field(default_factory=list)

    @property
    def order(self) -> Path:
        return self.folder / "order"

    def start(self, *names: str) -> None:
        environ = {
            **environment(self.here.settings),
            "COUNTERSIGN_WORKFLOWS": str(OWN),
            "COUNTERSIGN_FAULT": f"@{self.order}",
        }
        for name in names:
            log = self._log(name)
            log.write_bytes(b"")
            self.processes[name] = forked.start(forked.worker, "agents", ("scripted",), environ=environ, output=log)

    async def ready(self, *names: str) -> None:
        for name in names:
            await until(lambda name=name: b"ready:" in self._log(name).read_bytes())  # type: ignore[misc]

    async def fresh(self) -> None:
        """Both alive, and nobody is to die or has died."""
        self.order.unlink(missing_ok=True)
        await self.both()
        self.deaths = 0

    async def both(self) -> None:
        """Both alive and polling, and kept so."""
        self.kept = {"one", "two"}
        self.start(*(name for name in sorted(self.kept) if not self.lives(name)))
        await self.ready("one", "two")

    def lives(self, name: str) -> bool:
        return name in self.processes and self.processes[name].is_alive()

    def kill(self, name: str, number: signal.Signals = signal.SIGKILL) -> None:
        self.send(name, number)
        self.processes[name].join()

    def send(self, name: str, number: signal.Signals) -> None:
        process = self.processes[name]
        if process.is_alive() and process.pid is not None:
            os.kill(process.pid, number)

    def holder(self, queue: str) -> str:
        """The name of the worker whose queue that is."""
        pid = queue.split("-")[-2]
        return next(name for name, process in self.processes.items() if str(process.pid) == pid)

    async def keep_alive(self) -> None:
        while True:
            for name in sorted(self.kept):
                if name in self.processes and not self.processes[name].is_alive():
                    self.deaths += 1
                    self.start(name)
            await asyncio.sleep(0.1)

    def stop(self) -> None:
        self.kept = set()
        for name in list(self.processes):
            if self.lives(name):
                self.kill(name)
        Bubblewrap(self.here.settings.state / "sandboxes").reap()

    def _log(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    async def run(self, repository: Path | None, *acts: Act, **spec: Any) -> Handle:
        policy = spec.pop("sandbox", None) or SandboxPolicy(memory_bytes=SMALL, network="open")
        script = Script(
            spec=MachineSpec(repository=str(repository or ""), sandbox=policy, **spec),
            acts=list(acts),
        )
        handle = await self.here.client.start_workflow(
            "scripted", script, id=f"scripted-{uuid.uuid4()}", task_queue=AGENTS, result_type=Account
        )
        self.runs.append(handle)
        return handle

    async def account(self, handle: Handle) -> Account:
        return await asyncio.wait_for(handle.result(), PATIENCE)

    async def told(self, handle: Handle, count: int = 1) -> list[Told]:
        """What the run has told, as soon as it is so many. A query waits for a worker, which may be dead."""
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while asyncio.get_running_loop().time() < deadline:
            with suppress(RPCError, TimeoutError):
                asked = handle.query("told", result_type=Account, rpc_timeout=timedelta(seconds=3))
                if len(told := (await asked).told) >= count:
                    return told
            await asyncio.sleep(0.1)
        raise AssertionError(f"it did not tell of {count} acts")

    async def end_runs(self) -> None:
        """Whatever a failed test left must not disturb the next one."""
        for handle in self.runs:
            with suppress(RPCError):
                await handle.terminate()
        self.runs.clear()

    async def nothing_is_left(self, patience: float = 60.0) -> None:
        """No box, disk, cgroup or process of this installation, nor room that somebody holds."""
        await until(lambda: not leftovers(self.here.settings.state), patience)


def leftovers(state: Path) -> list[str]:
    """Boxes, disks, cgroups and processes of sandboxes."""
    folder = state / "sandboxes" / "boxes"
    boxes = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    mounts = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if str(state) in line]
    pids = (path.name for path in Path("/proc").iterdir() if path.name.isdigit())
    inside = [pid for pid in pids if str(state) in _mounts_of(pid)]
    return [*boxes, *mounts, *(f"process {pid}" for pid in inside), *(groups() & seen(state, boxes))]


SEEN: dict[Path, set[str]] = {}


def seen(state: Path, boxes: list[str]) -> set[str]:
    """Names of the cgroups of all its boxes that were there at any look: other installations have some, too."""
    SEEN.setdefault(state, set()).update(cgroups.PREFIX + box for box in boxes)
    return SEEN[state]


def groups() -> set[str]:
    """Cgroups of sandboxes on this host."""
    found = cgroups.find()
    parents = found.parents.values() if found else ()
    return {path.name for parent in parents for path in parent.glob(f"{cgroups.PREFIX}*")}


def _mounts_of(pid: str) -> str:
    """What a process of another mount namespace than ours has mounted."""
    try:
        if Path(f"/proc/{pid}/ns/mnt").readlink() == Path("/proc/self/ns/mnt").readlink():
            return ""
        return Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")
    except OSError:
        return ""


async def until(condition: Callable[[], Any], patience: float = PATIENCE) -> None:
    deadline = asyncio.get_running_loop().time() + patience
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, "it did not come about in time"
        await asyncio.sleep(0.05)


class Counter:
    """Counts what commands in sandboxes do to the outside world: a line over TCP for each."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.port = 0
        self._hearing = 0

    async def told(self) -> list[str]:
        """All that was said until now. Whoever connected before is heard out: on a busy machine that takes a while."""
        _, asking = await asyncio.open_connection("127.0.0.1", self.port)
        asking.write(b"told?\n")
        while "told?" not in self.heard or self._hearing:
            await asyncio.sleep(0.01)
        self.heard.remove("told?")
        asking.close()
        return self.heard

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._hearing += 1
        self.heard.append((await reader.readline()).decode().strip())
        self._hearing -= 1
        writer.close()

    def command(self, word: str, *then: str) -> list[str]:
        """A command that tells the counter `word`, then does the rest."""
        return ["bash", "-c", "; ".join([f"echo {word} > /dev/tcp/127.0.0.1/{self.port}", *then])]


@asynccontextmanager
async def counting() -> AsyncIterator[Counter]:
    made = Counter()
    server = await asyncio.start_server(made._hear, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()


@pytest_asyncio.fixture
async def counter() -> AsyncIterator[Counter]:
    async with counting() as made:
        yield made


@pytest_asyncio.fixture(scope="package")
async def installation(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    async with AsyncExitStack() as stack:
        folder = tmp_path_factory.mktemp("machines-temporal")
        server = await stack.enter_async_context(DevServer(folder, binary=temporal_binary, say=print))
        yield await Installation(server, tmp_path_factory.mktemp("machines-state")).open(stack)


@pytest_asyncio.fixture(scope="package")
async def living(installation: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Fleet]:
    made = Fleet(installation, tmp_path_factory.mktemp("machines-workers"))
    keeper = asyncio.create_task(made.keep_alive())
    yield made
    keeper.cancel()
    made.stop()


@pytest_asyncio.fixture
async def fleet(living: Fleet) -> AsyncIterator[Fleet]:
    """Two workers, alive; a test may kill them as it likes."""
    await living.fresh()
    yield living
    await living.end_runs()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return small(tmp_path / "app", checkout=True)

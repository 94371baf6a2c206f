"""Workers in processes of their own, to be killed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
import pytest_asyncio

from sandboxes import Bubblewrap
from tests.support import forked
from tests.support.platform import Installation, Platform
from workers.devserver import Binary, DevServer
from workers.settings import Settings

ROOT = Path(__file__).parents[2]
KINDS = ("agents", "effects")


def environment(settings: Settings) -> dict[str, str]:
    """What a worker process is given: no more than `countersign up` gives it."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "COUNTERSIGN_STATE": str(settings.state),
        "TEMPORAL_ADDRESS": settings.address,
        "TEMPORAL_NAMESPACE": settings.namespace,
        "COUNTERSIGN_PERSON": settings.person,
        "COUNTERSIGN_AUTHOR_NAME": settings.author_name,
        "COUNTERSIGN_AUTHOR_EMAIL": settings.author_email,
    }


@dataclass
class Workers:
    """Both workers of an installation, as processes that serve these workflows.

    A dead one is started again, as a supervisor would. A fault point's name in the file `order` tells whoever comes
    there first to die.
    """

    here: Platform
    folder: Path
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    deaths: int = 0
    workflows: tuple[str, ...] = ("changelog",)
    noticed: float | None = None  # seconds of silence after which one counts as dead, where the steps say more
    part: int | None = None  # tickets of a part of a history

    @property
    def order(self) -> Path:
        return self.folder / "order"

    def start(self, *kinds: str) -> None:
        environ = {**environment(self.here.settings), "COUNTERSIGN_FAULT": f"@{self.order}"}
        for kind in kinds:
            log = self.folder / f"{kind}.log"
            self.processes[kind] = forked.start(
                forked.worker, kind, self.workflows, self.noticed, self.part, environ=environ, output=log
            )

    async def keep_alive(self) -> None:
        while True:
            for kind, process in list(self.processes.items()):
                if not process.is_alive():
                    self.deaths += 1
                    self.start(kind)
            await asyncio.sleep(0.1)

    async def kill(self, kind: str) -> None:
        """Kill it and whatever it started, until it is started again."""
        before = self.deaths
        _kill(self.processes[kind])
        while self.deaths == before:
            await asyncio.sleep(0.05)

    def stop(self) -> None:
        for process in self.processes.values():
            _kill(process)
        Bubblewrap(self.here.settings.state / "sandboxes").reap()


def _kill(process: ForkServerProcess) -> None:
    if process.is_alive() and process.pid is not None:
        with suppress(ProcessLookupError):  # it has only just been started, and leads no group yet
            os.killpg(process.pid, signal.SIGKILL)
    forked.kill(process)


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def living(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workers]:
    """Both, kept alive, of an installation on a server of its own."""
    folder = tmp_path_factory.mktemp("chaos")
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(folder / "temporal", binary=temporal_binary, say=print))
        made = Workers(await Installation(server, folder / "state").open(stack), folder)
        stack.callback(made.stop)
        made.start(*KINDS)
        keeper = asyncio.create_task(made.keep_alive())
        stack.callback(keeper.cancel)
        yield made


@pytest.fixture
def workers(living: Workers) -> Workers:
    living.deaths = 0
    return living

"""A whole installation in processes of its own, to be killed."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.platform import Installation, Platform
from workers.devserver import Binary, DevServer
from workers.settings import Settings

ROOT = Path(__file__).parents[2]


def environment(settings: Settings) -> dict[str, str]:
    """What a worker process is given: no more than `countersign up` gives it."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": os.environ.get("HOME", "/"),
        "COUNTERSIGN_STATE": str(settings.state),
        "TEMPORAL_ADDRESS": settings.address,
        "COUNTERSIGN_PERSON": settings.person,
        "COUNTERSIGN_AUTHOR_NAME": settings.author_name,
        "COUNTERSIGN_AUTHOR_EMAIL": settings.author_email,
    }


@dataclass
class Workers:
    """Both workers as processes. A dead one is started again, as a supervisor would.

    A fault point's name in the file `order` tells whoever comes there first to die.
    """

    settings: Settings
    log: Path
    order: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    deaths: int = 0

    def start(self, kind: str) -> None:
        extra = {"COUNTERSIGN_FAULT": f"@{self.order}"}
        with self.log.open("ab") as log:
            self.processes[kind] = subprocess.Popen(
                [sys.executable, "-m", "workers", "worker", kind],
                cwd=ROOT,
                env={**environment(self.settings), **extra},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    async def keep_alive(self) -> None:
        while True:
            for kind, process in list(self.processes.items()):
                if process.poll() is not None:
                    self.deaths += 1
                    self.start(kind)
            await asyncio.sleep(0.1)

    def kill(self, kind: str) -> None:
        os.killpg(self.processes[kind].pid, signal.SIGKILL)
        self.processes[kind].wait()

    def stop(self) -> None:
        for process in self.processes.values():
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@pytest_asyncio.fixture(scope="package")
async def installation(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """A server, a ledger and a person of their own for the tests that kill things. No workers yet."""
    async with AsyncExitStack() as stack:
        folder = tmp_path_factory.mktemp("chaos-temporal")
        server = await stack.enter_async_context(DevServer(folder, binary=temporal_binary, say=print))
        yield await Installation(server, tmp_path_factory.mktemp("chaos-state")).open(stack)


@pytest_asyncio.fixture(scope="package")
async def living(installation: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Workers]:
    """Both workers, kept alive through all tests: starting a process is what costs here."""
    folder = tmp_path_factory.mktemp("chaos-workers")
    made = Workers(installation.settings, folder / "workers.log", folder / "order")
    for kind in ("agents", "effects"):
        made.start(kind)
    keeper = asyncio.create_task(made.keep_alive())
    yield made
    keeper.cancel()
    made.stop()


@pytest.fixture
def workers(living: Workers) -> Workers:
    living.order.unlink(missing_ok=True)
    living.deaths = 0
    return living

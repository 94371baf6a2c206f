"""A console with a Temporal server behind it, and a run parked at its gate."""

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import uvicorn
from temporalio.client import Client
from temporalio.worker import Worker

from activities.gate import GateActivities
from activities.toolbox import Toolbox
from console.app import create_app
from console.deps import ConsoleDeps
from contracts.proposal import Proposal
from contracts.runs import Sealed
from contracts.steps import AGENTS
from ledger import Ledger
from tests.console.samples import proposal, run_record
from tests.console.standin import Standin, StandinActivities
from workers.common import interceptors
from workers.runner import runner


def worker(client: Client, ledger: Ledger) -> Worker:
    """The stand-in's worker, with the gate's own activities."""
    tools: Any = type("Tools", (), {"ledger": ledger})
    toolbox: Toolbox = tools
    gate, standin = GateActivities(toolbox), StandinActivities(ledger)
    return Worker(
        client,
        task_queue=AGENTS,
        workflows=[Standin],
        activities=[gate.judge, gate.note, gate.drop, standin.reseal, standin.act],
        workflow_runner=runner("ledger", "sqlalchemy"),
        interceptors=interceptors(toolbox),
    )


@dataclass
class Parked:
    """A run that waits for a decision on its proposal."""

    client: Client
    ledger: Ledger

    async def park(self, run: str, **changes: object) -> Proposal:
        stored = proposal(self.ledger, run=run, **changes)
        self.ledger.start_run(run_record(run))
        self.ledger.store_proposal(stored)
        effects = tuple(effect.key for effect in stored.effects)
        sealed = Sealed(digest=stored.digest, title=stored.title, revision=1, effects=effects, says=stored.button())
        handle = await self.client.start_workflow("standin", sealed, id=run, task_queue=AGENTS)
        self.ledger.update_run(run, temporal_run_id=handle.first_execution_run_id)
        return stored


@contextlib.contextmanager
def served(deps: ConsoleDeps, port: int, **options: Any) -> Iterator[None]:
    """The console on a port of this host, in a thread of its own, as uvicorn serves it."""
    usual = {"host": "127.0.0.1", "port": port, "log_level": "warning", "timeout_graceful_shutdown": 2}
    config = uvicorn.Config(create_app(deps), **(usual | options))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        while not server.started:
            if not thread.is_alive():
                raise RuntimeError("the console did not start")
            threading.Event().wait(0.02)
        yield
    finally:
        server.should_exit = True
        thread.join(60)


async def eventually(check: Any, seconds: float = 90.0) -> Any:
    """The first true value of `check()`."""
    deadline = asyncio.get_running_loop().time() + seconds
    while asyncio.get_running_loop().time() < deadline:
        if found := check():
            return found
        await asyncio.sleep(0.05)
    raise AssertionError("it did not happen in time")


@contextlib.asynccontextmanager
async def working(client: Client, ledger: Ledger) -> AsyncIterator[Parked]:
    async with worker(client, ledger):
        yield Parked(client, ledger)

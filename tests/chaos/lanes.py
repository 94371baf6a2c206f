"""Lanes: fixes that are killed here and there, side by side on one server, each in a namespace of its own."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import TypeVar

from activities.ticket_to_pr.reading import claim_of
from contracts.proposal import Proposal
from contracts.runs import Outcome
from contracts.ticket import TicketRequest
from sandboxes import Bubblewrap
from tests.chaos.conftest import KINDS, environment
from tests.support import forked
from tests.support.lanes import side_by_side
from tests.support.model_server import ModelServer
from tests.support.platform import Installation, Platform, settings_for
from tests.support.repositories import git
from tests.workflows.test_ticket_to_pr import KEY, bare, ticket
from workers.devserver import Binary, DevServer
from workers.devserver.attributes import ensure_search_attributes
from workers.devserver.server import ServerPlan

WORKFLOWS = ("agent", "ticket_to_pr")
T = TypeVar("T")


@dataclass
class Lane:
    """One fix, and the fault points at which its workers die, each once. `told` is what is known of it afterwards."""

    name: str
    folder: Path
    files: dict[str, bytes]
    points: tuple[str, ...] = ()
    search_seconds: float = 2
    model: ModelServer | None = None
    kill_while_it_waits: bool = False
    here: Platform = field(init=False)
    processes: dict[str, ForkServerProcess] = field(default_factory=dict)
    deaths: int = 0
    run: str = ""
    claimed_meanwhile: str = ""
    proposal: Proposal = field(init=False)
    outcome: Outcome = field(init=False)

    @property
    def order(self) -> Path:
        return self.folder / "order"

    @property
    def repository(self) -> Path:
        return self.folder / "app.git"

    @property
    def state(self) -> Path:
        return self.folder / "state"

    async def go(self, server: DevServer) -> "Lane":
        """From the ticket to the merge, whatever dies on the way."""
        self.order.mkdir(parents=True)
        for point in self.points:
            (self.order / point).touch()
        bare(self.folder, **self.files)
        async with AsyncExitStack() as stack:
            await self._open(server, stack)
            stack.callback(self._stop)
            keeper = asyncio.create_task(self._keep_alive())
            stack.callback(keeper.cancel)
            await self._fix()
        return self

    async def _open(self, server: DevServer, stack: AsyncExitStack) -> None:
        self.here = await apart(server, self.state, self.name, stack)

    async def _fix(self) -> None:
        request = TicketRequest(
            ticket=ticket(self.folder, "It gives the wrong result", "add(2, 3) gives -1"),
            repository=str(self.repository),
            search_seconds=self.search_seconds,
        )
        self.run = await self.here.start("ticket_to_pr", request)
        self.proposal = await self.here.waiting(self.run, patience=240)
        self.claimed_meanwhile = self.here.ledger.claim(claim_of("T-7", str(self.repository)), "another")
        if self.kill_while_it_waits:
            await self._kill_all()
        await self.here.decide(self.proposal, "approve")
        self.outcome = await self.here.outcome(self.run)

    async def _kill_all(self) -> None:
        """When the last death at a point is over: a proposal is seen before the worker that made it has died."""
        while self.deaths < len(self.points) or not all(each.is_alive() for each in self.processes.values()):
            await asyncio.sleep(0.05)
        for process in self.processes.values():
            forked.kill(process)

    def _start(self, kind: str) -> None:
        environ = {**environment(self.here.settings), "COUNTERSIGN_FAULT": f"@{self.order}"}
        if self.model is not None:
            environ |= {
                "ANTHROPIC_API_KEY": KEY,
                "ANTHROPIC_BASE_URL": self.model.anthropic_url,
                "COUNTERSIGN_PRICES_OF": "anthropic",
            }
        log = self.folder / f"{kind}.log"
        self.processes[kind] = forked.start(forked.worker, kind, WORKFLOWS, environ=environ, output=log)

    async def _keep_alive(self) -> None:
        while True:
            for kind in KINDS:
                if kind not in self.processes:
                    self._start(kind)
                elif not self.processes[kind].is_alive():
                    self.deaths += 1
                    self._start(kind)
            await asyncio.sleep(0.05)

    def _stop(self) -> None:
        for process in self.processes.values():
            forked.kill(process)
        Bubblewrap(self.state / "sandboxes").reap()

    def merged(self) -> tuple[str, str]:
        """How many commits the branch has, and what its newest holds."""
        return git(self.repository, "rev-list", "--count", "main"), git(self.repository, "rev-parse", "main^{tree}")


async def apart(server: DevServer, state: Path, namespace: str, stack: AsyncExitStack) -> Platform:
    """An installation in a namespace of its own."""
    installation = Installation(server, state)
    installation.settings = settings_for(server, state, TEMPORAL_NAMESPACE=namespace)
    here = await installation.open(stack)
    await ensure_search_attributes(here.client)
    return here


@dataclass(frozen=True)
class WideServerPlan(ServerPlan):
    """With a namespace for each lane: those that are made later are usable after half a minute only."""

    namespaces: tuple[str, ...] = ()

    def argv(self) -> list[str]:
        return [*super().argv(), *(word for name in self.namespaces for word in ("--namespace", name))]


class WideServer(DevServer):
    """A Temporal server with these namespaces beside the usual one."""

    def __init__(self, folder: Path, binary: Binary, namespaces: Iterable[str]) -> None:
        super().__init__(folder, binary=binary, say=print)
        self.namespaces = tuple(namespaces)

    def _plan(self, binary: Binary) -> ServerPlan:
        return WideServerPlan(**vars(super()._plan(binary)), namespaces=self.namespaces)


@asynccontextmanager
async def in_lanes(
    names: Sequence[str],
    folder: Path,
    binary: Binary,
    opened: Callable[[DevServer, Path, str, AsyncExitStack], Awaitable[T]],
    work: Callable[[T, str], Awaitable[None]],
    points: Iterable[str],
) -> AsyncIterator[dict[str, "asyncio.Task[None]"]]:
    """For each point, what its test waits for: `work`, done in whichever of the lanes of these names is free.

    `opened` makes a lane: an installation in a folder and a namespace of its own, on one server.
    """
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(WideServer(folder / "temporal", binary, names))
        lanes = [await opened(server, folder / name, name, stack) for name in names]
        yield await stack.enter_async_context(side_by_side(lanes, work, points))

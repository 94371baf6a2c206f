"""A project whose tests need packages: they come by the operator's registry, and the tests run without a network."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from contracts.proposal import MarkdownPanel, Proposal
from contracts.ticket import TicketRequest
from sandboxes import choose
from sandboxes.egress import Egress, Operator, Request
from tests.support.package_index import NAME, VERSION, package_index, wheel
from tests.support.platform import Installation, Platform
from tests.support.repositories import git
from tests.workflows.test_ticket_to_pr import bare, table, ticket
from workers import machines
from workers.devserver import Binary, DevServer
from workers.registries import registries
from workers.worker import build as build_worker

HOST = "index.test"
SUMS = b"""\
from tinysum import plus


def total(numbers):
    found = 1
    for number in numbers:
        found = plus(found, number)
    return found
"""
SUMS_TEST = b"""\
import socket

import pytest
from sums import total


def test_total():
    assert total([2, 3]) == 5


def test_nothing():
    assert total([]) == 0


def test_there_is_no_network():
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", 3128), 2)
"""
ASKS = b'[project]\nname = "sums"\nversion = "1"\ndependencies = ["tinysum>=1"]\n'
FILES = {"pyproject.toml": ASKS, "sums.py": SUMS, "test_sums.py": SUMS_TEST}


class Index:
    """The registry, which can be away."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.address = ["127.0.0.1"]
        self.told: list[Request] = []

    async def tell(self, request: Request) -> None:
        self.told.append(request)

    async def ask(self, host: str, port: int) -> list[str]:
        return self.address


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Platform, Index]]:
    """An installation whose operator allows one registry."""
    folder, index = tmp_path_factory.mktemp("installing"), Index()
    async with AsyncExitStack() as stack:
        port = stack.enter_context(package_index(index.asked))
        server = DevServer(folder / "temporal", binary=temporal_binary, say=print)
        await stack.enter_async_context(server)
        state = folder / "state"
        platform = await Installation(server, state).open(stack)
        egress = Egress(index.tell, Operator(frozenset({(HOST, port)})), ask=index.ask)
        tools = replace(
            platform.tools,
            leases=machines.leases(state, 0),
            sandboxes=choose(state / "sandboxes", egress),
            registries=registries(f"pip=http://{HOST}:{port}/simple"),
        )
        platform = replace(platform, tools=tools)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build_worker(platform.client, kind, tools, cached_workflows=0))
        await stack.enter_async_context(machines.serving(platform.client, tools))
        yield platform, index


def asked(folder: Path, *, install: bool = True, search: float = 30) -> TicketRequest:
    return TicketRequest(
        ticket=ticket(folder, "total() is one too high", "total([2, 3]) gives 6"),
        repository=str(bare(folder, **FILES)),
        install=install,
        search_seconds=search,
    )


def said(proposal: Proposal) -> str:
    [panel] = [each for each in proposal.panels if each.title == "Packages for the tests"]
    assert isinstance(panel, MarkdownPanel)
    return panel.text


async def test_what_the_project_asks_for_is_installed_shown_and_used_offline(
    world: tuple[Platform, Index], tmp_path: Path
) -> None:
    here, index = world
    run = await here.start("ticket_to_pr", asked(tmp_path))
    proposal = await here.waiting(run)
    proof = {row[1]: row[2] for row in table(proposal, "The proof")}
    assert "test_sums.py::test_total" in proof["Failed before, pass now"]
    measured = {row[1]: row[2] for row in table(proposal, "What else was measured")}
    assert measured["Passed before, still pass"] == "1", "the test that tries the network"
    [title] = [panel.title for panel in proposal.panels if panel.title.startswith("Packages for the tests")]
    assert "Installed 1 package that pyproject.toml asks for" in title
    assert table(proposal, title) == [[NAME, VERSION, f"sha256:{hashlib.sha256(wheel()).hexdigest()}"]]
    assert {(each.host, each.decision) for each in index.told} == {(HOST, "allowed")}
    await here.decide(proposal, "approve")
    assert (await here.outcome(run)).state == "done"
    assert git(tmp_path / "app.git", "diff", "--name-only", "main~1", "main") == "sums.py"
    assert here.tools.leases is not None
    assert here.tools.leases.all() == []


@pytest.mark.parametrize(
    ("install", "away", "words"),
    [
        (False, False, "nobody asked for what pyproject.toml names (--install)"),
        (True, True, "Not installed:"),
    ],
)
async def test_without_packages_the_proposal_says_so(
    world: tuple[Platform, Index], tmp_path: Path, install: bool, away: bool, words: str
) -> None:
    here, index = world
    index.address = ["192.0.2.1"] if away else ["127.0.0.1"]  # an address of nobody's, which is no public one either
    run = await here.start("ticket_to_pr", asked(tmp_path, install=install, search=0))
    proposal = await here.waiting(run)
    index.address = ["127.0.0.1"]
    assert proposal.effects == ()
    assert words in said(proposal)
    await here.decide(proposal, "reject", reason="not needed")
    assert (await here.outcome(run)).state == "rejected"

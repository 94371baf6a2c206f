"""A project whose tests need packages: they come by the operator's registry, and the tests run without a network."""

import hashlib
import json
import shutil
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from activities.models import models_from_environment
from contracts.proposal import MarkdownPanel, Proposal
from contracts.ticket import TicketRequest
from sandboxes import choose
from sandboxes.egress import Egress, Operator, Request
from tests.support import npm_registry
from tests.support.model_server import ModelServer, Scripted
from tests.support.npm_registry import NpmRegistry
from tests.support.package_index import NAME, VERSION, package_index, wheel
from tests.support.platform import Installation, Platform
from tests.support.repositories import git
from tests.support.tls_host import authority, serving
from tests.workflows.test_ticket_to_pr import KEY, bare, calls, table, ticket
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


# The same in JavaScript, without a .gitignore.
SUMS_JS = b"""\
const { sum } = require("tinysum");

exports.total = numbers => sum([1, ...numbers]);
"""
SUMS_TEST_JS = b"""\
const assert = require("node:assert");
const net = require("node:net");
const { total } = require("./sums");

net.connect(3128, "127.0.0.1").on("connect", () => process.exit(7)).on("error", () => console.log("no network"));
process.on("exit", code => code || assert.strictEqual(total([2, 3]), 5));
"""
ASKS_JS = b'{"name": "sums", "dependencies": {"tinysum": "^1.0.0"}, "scripts": {"test": "node sums.test.js"}}\n'
FILES_JS = {"package.json": ASKS_JS, "sums.js": SUMS_JS, "sums.test.js": SUMS_TEST_JS}


class Index:
    """The registries, which can be away."""

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
    temporal_binary: Binary, running_model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[tuple[Platform, Index]]:
    """An installation with a model, whose operator allows a registry for pip and one for npm."""
    folder, index = tmp_path_factory.mktemp("installing"), Index()
    environ = {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": running_model_server.anthropic_url,
        "COUNTERSIGN_PRICES_OF": "anthropic",
    }
    async with AsyncExitStack() as stack:
        port = stack.enter_context(package_index(index.asked))
        npm, (ca, pem) = NpmRegistry(), authority(folder, [npm_registry.HOST])
        npm.port = await stack.enter_async_context(serving(npm.serve, pem))
        server = DevServer(folder / "temporal", binary=temporal_binary, say=print)
        await stack.enter_async_context(server)
        state = folder / "state"
        platform = await Installation(server, state).open(stack, models=models_from_environment(environ))
        private = frozenset({(HOST, port), (npm_registry.HOST, npm.port)})
        egress = Egress(index.tell, Operator(private, ca), ask=index.ask)
        tools = replace(
            platform.tools,
            leases=machines.leases(state, 0),
            sandboxes=choose(state / "sandboxes", egress),
            registries=registries(f"pip=http://{HOST}:{port}/simple,npm={npm.url}"),
        )
        platform = replace(platform, tools=tools)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build_worker(platform.client, kind, tools, cached_workflows=0))
        await stack.enter_async_context(machines.serving(platform.client, tools))
        yield platform, index


def asked(
    folder: Path, files: Mapping[str, bytes] = FILES, *, install: bool = True, search: float = 30
) -> TicketRequest:
    return TicketRequest(
        ticket=ticket(folder, "total() is one too high", "total([2, 3]) gives 6"),
        repository=str(bare(folder, **files)),
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


@pytest.mark.skipif(not shutil.which("npm", path="/usr/bin:/usr/local/bin"), reason="no system npm to try with")
async def test_npm_s_packages_are_there_for_a_model_s_fix_and_its_proof_and_no_part_of_it(
    world: tuple[Platform, Index], model_server: ModelServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    here, index = world
    monkeypatch.setattr(model_server, "key", KEY)
    model_server.script(
        calls("test"),
        calls("edit", path="sums.js", old="[1, ...numbers]", new="[0, ...numbers]"),
        calls("test"),
        Scripted(text="total() began at 1; it begins at 0 now."),
    )
    index.told.clear()
    run = await here.start("ticket_to_pr", asked(tmp_path, FILES_JS))
    proposal = await here.waiting(run)
    said = [json.dumps(request.body) for request in model_server.requests]
    assert "Cannot find module" not in "".join(said)
    assert "6 !== 5" in said[1], "the tests ran with the package, and found the bug"
    assert "no network" in said[1]
    [title] = [panel.title for panel in proposal.panels if panel.title.startswith("Packages for the tests")]
    assert "Installed 2 packages that package.json asks for" in title
    assert {row[0] for row in table(proposal, title)} == {npm_registry.SUM, npm_registry.PLUS}
    assert all(row[2].startswith("sha512-") for row in table(proposal, title))
    assert table(proposal, "What was tried")[0][2] == "the proof holds"
    assert {panel.path for panel in proposal.panels if panel.kind == "diff"} == {"sums.js"}
    assert {(each.host, each.decision) for each in index.told} == {(npm_registry.HOST, "allowed")}
    await here.decide(proposal, "approve")
    assert (await here.outcome(run)).state == "done"
    assert git(tmp_path / "app.git", "diff", "--name-only", "main~1", "main") == "sums.js"


@pytest.mark.parametrize(
    ("install", "away", "words"),
    [
        (False, False, "nobody asked for what pyproject.toml names (--install)"),
        (True, True, "Not installed:"),
    ],
)
async def test_without_packages_the_proposal_says_so(
    world: tuple[Platform, Index],
    model_server: ModelServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    install: bool,
    away: bool,
    words: str,
) -> None:
    here, index = world
    monkeypatch.setattr(model_server, "key", KEY)
    model_server.script(Scripted(text="I can't.", stop="refusal"))
    index.address = ["192.0.2.1"] if away else ["127.0.0.1"]  # an address of nobody's, which is no public one either
    run = await here.start("ticket_to_pr", asked(tmp_path, install=install, search=0))
    proposal = await here.waiting(run)
    index.address = ["127.0.0.1"]
    assert proposal.effects == ()
    assert words in said(proposal)
    await here.decide(proposal, "reject", reason="not needed")
    assert (await here.outcome(run)).state == "rejected"

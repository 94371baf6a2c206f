"""A whole installation for tests: a real Temporal server, both workers, a ledger, an enrolled person.

The server is found the way `countersign up` finds it, started once a session, and thrown away. Workers run in this
process with the workflow cache off, so that every step also replays what was before it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from pydantic import BaseModel
from temporalio.client import Client

from activities.models import Tiers
from activities.toolbox import Toolbox
from contracts.decision import RejectReason, SignedDecision, Verdict
from contracts.proposal import Proposal
from contracts.runs import Outcome
from ledger import FolderArtifacts, Ledger
from tests.e2e.hasty import Hasty
from tests.workflows.own.workflows.guarded import ByTwo, Escalating, Hurried, Unruled
from tests.workflows.sending import POLICY
from workers import discovery, keys, statements
from workers.cli.common import Platform as CommandPlatform
from workers.cli.decisions import revise
from workers.cli.new import new
from workers.cli.runs import start
from workers.client import connect
from workers.devserver import DevServer
from workers.installation import open_ledger
from workers.settings import Settings
from workers.watcher import watch
from workers.worker import build, toolbox

PATIENCE = 120.0
# The effects' worker looks up a gate in its own code; workflows that only tests have are part of it here.
OF_TESTS = {
    "sending": POLICY,
    **{discovery.workflow_name(each): each.policy for each in (ByTwo, Unruled, Escalating, Hurried, Hasty)},
}


@dataclass(frozen=True)
class Platform:
    """What a test does as a person or a platform engineer would."""

    settings: Settings
    ledger: Ledger
    client: Client
    tools: Toolbox

    @property
    def command(self) -> CommandPlatform:
        return CommandPlatform(self.settings, self.ledger, self.client)

    def accept(self, name: str, *roles: str) -> None:
        """Sign for somebody whose key asks, as the administrator here. Without roles: for what they asked for."""
        statement = statements.membership(self.ledger, name, roles or None, None)
        self.ledger.register(keys.registered(self.settings, statement))

    async def start(self, workflow: str, request: BaseModel) -> str:
        return await start(self.command, discovery.workflow_named(workflow), request)

    async def waiting(self, run: str, *, revision: int = 1, patience: float = PATIENCE) -> Proposal:
        """The run's open proposal of that revision or a later one, as soon as the run waits for it."""
        deadline = asyncio.get_running_loop().time() + patience
        while asyncio.get_running_loop().time() < deadline:
            record = self.ledger.runs(limit=1000)
            state = next((each for each in record if each.run == run), None)
            if state is not None and state.state not in ("running", "waiting"):
                raise AssertionError(f"{run} ended {state.state!r} instead of waiting: {state.says}")
            open_ones = self.ledger.proposals(state="open", run=run)
            if open_ones and open_ones[0].revision >= revision:
                return self.ledger.proposal(open_ones[0].digest)
            await asyncio.sleep(0.05)
        raise AssertionError(f"{run} did not come to wait within {patience} s")

    def sign(
        self, proposal: Proposal, verdict: Verdict, *, reason: RejectReason | None = None, words: str = ""
    ) -> SignedDecision:
        return keys.sign(self.settings, proposal, verdict, reason=reason, words=words)

    async def signal(self, run: str, signed: SignedDecision) -> None:
        await self.client.get_workflow_handle(run).signal("decide", signed)

    async def decide(
        self, proposal: Proposal, verdict: Verdict, *, reason: RejectReason | None = None, words: str = ""
    ) -> SignedDecision:
        signed = self.sign(proposal, verdict, reason=reason, words=words)
        await self.signal(proposal.run, signed)
        return signed

    async def edit(self, proposal: Proposal, text: str) -> Proposal:
        sealed = await revise(self.command, proposal, text)
        return self.ledger.proposal(sealed.digest)

    async def outcome(self, run: str) -> Outcome:
        handle = self.client.get_workflow_handle(run, result_type=Outcome)
        return await asyncio.wait_for(handle.result(), PATIENCE)


def settings_for(server: DevServer, state: Path, **more: object) -> Settings:
    """Settings of an installation on that server, deaf to the environment of whoever runs the tests."""
    known = {
        "state": state,
        "TEMPORAL_ADDRESS": server.address,
        "temporal_ui_url": server.ui,
        "person": "ana",
        "author_name": "Ana Reviewer",
        "author_email": "ana@example.com",
        "committer_name": "Countersign",
        "committer_email": "countersign@example.com",
    }
    return Settings.model_validate({**known, **more})


class Installation:
    """Opens an installation: settings, ledger, client, person. Workers are started around it."""

    def __init__(self, server: DevServer, state: Path) -> None:
        self.settings = settings_for(server, state)

    async def open(self, stack: AsyncExitStack, *, models: Tiers | None = None) -> Platform:
        ledger = open_ledger(self.settings, seals=True, keeps=True)
        stack.callback(ledger.close)
        keys.enrol_local_person(self.settings, ledger)
        client = await connect(self.settings, FolderArtifacts(self.settings.artifacts))
        tools = toolbox(self.settings, ledger, models=False)
        tools = replace(tools, models=models, policies={**tools.policies, **OF_TESTS})
        return Platform(self.settings, ledger, client, tools)


@pytest_asyncio.fixture(scope="session")
async def here(temporal_server: DevServer, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """An installation with both workers running, without a model, shared by the session's tests.

    It also serves `memo`, a workflow just written by `countersign new` into a folder of its own.
    """
    own = tmp_path_factory.mktemp("own")
    new("memo", own)
    discovery.add_folder(str(own))
    async with AsyncExitStack() as stack:
        platform = await Installation(temporal_server, tmp_path_factory.mktemp("state")).open(stack)
        for kind in ("agents", "effects"):
            worker = build(platform.client, kind, platform.tools, cached_workflows=0)
            await stack.enter_async_context(worker)
        watcher = asyncio.create_task(watch(platform.client, platform.ledger))
        stack.callback(watcher.cancel)
        yield platform

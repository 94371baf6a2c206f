"""The gate's timers, on Temporal's time-skipping server: two days and thirty days pass in a second."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.service import RPCError

from contracts.changelog import ChangelogRequest
from contracts.decision import SignedDecision
from contracts.proposal import Proposal
from contracts.runs import GateView
from ledger import FolderArtifacts, Ledger
from tests.support.platform import Platform, settings_for
from tests.support.time_skipping import SkippingServer
from tests.workflows.test_changelog import branches, small_repository
from workers import keys
from workers.client import connect
from workers.worker import build, toolbox

DAY = timedelta(days=1)


@dataclass
class World:
    """An installation whose server and ledger have one clock, which the test moves."""

    server: SkippingServer
    state: Path
    ahead: timedelta = timedelta()
    stack: AsyncExitStack = field(default_factory=AsyncExitStack)
    here: Platform = field(init=False)

    def now(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    async def open(self) -> None:
        settings = settings_for(self.server, self.state)  # type: ignore[arg-type]
        settings.state.mkdir()
        artifacts = FolderArtifacts(settings.artifacts)
        ledger = Ledger.open(settings.database, artifacts, clock=self.now)
        self.stack.callback(ledger.close)
        keys.enrol_local_person(settings, ledger)
        client = await connect(settings, artifacts)
        await self.server.prepare(client)
        self.ahead = await self.server.now(client) - datetime.now(UTC)
        self.here = Platform(settings, ledger, client, toolbox(settings, ledger, models=False))
        for kind in ("agents", "effects"):
            await self.stack.enter_async_context(build(client, kind, self.here.tools, cached_workflows=0))  # type: ignore[arg-type]

    async def skip(self, time: timedelta) -> None:
        self.ahead += time
        await self.server.skip(self.here.client, time)

    def approval(self, proposal: Proposal) -> SignedDecision:
        return keys.sign(self.here.settings, proposal, "approve", at=self.now())

    async def parked(self, repository: Path) -> Proposal:
        return await self.here.waiting(
            await self.here.start("changelog", ChangelogRequest(repository=str(small_repository(repository))))
        )

    async def is_waiting(self, run: str) -> bool:
        view: GateView = await self.here.client.get_workflow_handle(run).query("gate", result_type=GateView)
        return view.waiting

    def entries(self, run: str, name: str) -> list[str]:
        return [entry.says for entry in self.here.ledger.entries(run=run) if entry.name == name]


@pytest_asyncio.fixture
async def world(time_skipping: SkippingServer, tmp_path: Path) -> AsyncIterator[World]:
    made = World(time_skipping, tmp_path / "state")
    async with made.stack:
        await made.open()
        yield made


async def test_after_two_days_a_reminder_after_thirty_it_expires_and_nothing_was_done(
    world: World, tmp_path: Path
) -> None:
    proposal = await world.parked(tmp_path / "app")
    run, ledger = proposal.run, world.here.ledger
    await world.skip(2 * DAY - timedelta(hours=1))
    assert world.entries(run, "gate.reminder") == []
    await world.skip(timedelta(hours=2))
    assert world.entries(run, "gate.reminder") == [f"Still waiting for reviewer: {proposal.title}"]
    await world.skip(27 * DAY)
    assert await world.is_waiting(run), "a reminder is one, and decides nothing"
    assert ledger.proposal_record(proposal.digest).state == "open"

    await world.skip(2 * DAY)
    outcome = await world.here.outcome(run)
    assert (outcome.state, outcome.effects, outcome.signed_by) == ("expired", (), None)
    assert ledger.run(run).state == "expired"
    assert ledger.proposal_record(proposal.digest).state == "expired"
    assert len(world.entries(run, "gate.reminder")) == 1
    assert ledger.effects(run=run) == []
    assert ledger.decisions(run) == []
    assert branches(tmp_path / "app") == []


async def test_a_decision_after_expiry_is_refused(world: World, tmp_path: Path) -> None:
    proposal = await world.parked(tmp_path / "app")
    run = proposal.run
    await world.skip(31 * DAY)
    assert (await world.here.outcome(run)).state == "expired"
    late = world.approval(proposal)
    with pytest.raises(RPCError):
        await world.here.signal(run, late)
    ruling = world.here.ledger.judge(late, run=run, digest=proposal.digest)
    assert not ruling.accepted
    assert "expired" in ruling.why.lower()
    assert branches(tmp_path / "app") == []


async def test_a_decision_signed_in_time_that_comes_too_late_is_refused_too(world: World, tmp_path: Path) -> None:
    """The ledger's clock is past the proposal's end before the run's timer has fired."""
    proposal = await world.parked(tmp_path / "app")
    signed = world.approval(proposal)
    world.ahead += 30 * DAY + timedelta(minutes=1)
    await world.here.signal(proposal.run, signed)
    await world.skip(timedelta(minutes=1))
    [(_, ruling)] = world.here.ledger.decisions(proposal.run)
    assert not ruling.accepted
    assert ruling.error == "Expired"
    await world.skip(30 * DAY)
    assert (await world.here.outcome(proposal.run)).state == "expired"
    assert branches(tmp_path / "app") == []


async def test_an_edit_keeps_the_gate_open_and_can_be_signed_late(world: World, tmp_path: Path) -> None:
    proposal = await world.parked(tmp_path / "app")
    await world.skip(5 * DAY)
    assert proposal.editable
    edited = await world.here.edit(proposal, proposal.editable.text.replace("CSV", "tables"))
    await world.skip(20 * DAY)
    assert await world.is_waiting(proposal.run)
    assert world.here.ledger.proposal_record(edited.digest).state == "open"
    await world.here.signal(edited.run, world.approval(edited))
    outcome = await world.here.outcome(proposal.run)
    assert (outcome.state, outcome.digest) == ("done", edited.digest)
    assert len(branches(tmp_path / "app")) == 1

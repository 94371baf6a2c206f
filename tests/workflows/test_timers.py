"""The gate's timers, on Temporal's time-skipping server: two days and thirty days pass in a second."""

import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio
from temporalio.service import RPCError

from activities.ticket_to_pr.reading import claim_of
from contracts.changelog import ChangelogRequest
from contracts.decision import SignedDecision
from contracts.proposal import Proposal
from contracts.runs import GateView
from ledger import FolderArtifacts, Ledger
from tests.support.platform import OF_TESTS, Platform, settings_for
from tests.support.time_skipping import SkippingServer
from tests.workflows.own.workflows.guarded import Escalating
from tests.workflows.test_changelog import branches, small_repository
from tests.workflows.test_ticket_to_pr import asked, bare
from workers import keys, machines
from workers.client import connect
from workers.worker import build, toolbox

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
GUARDED = "guarded-in-time"
NEW_YORK = ZoneInfo("America/New_York")


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
        tools = toolbox(settings, ledger, models=False)
        known = {**tools.policies, **OF_TESTS}
        tools = replace(tools, leases=machines.leases(settings.state, 0), policies=known)
        self.here = Platform(settings, ledger, client, tools)
        for kind in ("agents", "effects"):
            await self.stack.enter_async_context(build(client, kind, self.here.tools, cached_workflows=0))  # type: ignore[arg-type]
        guarded = build(
            client, "agents", self.here.tools, cached_workflows=0, workflows=[Escalating], activities=[], queue=GUARDED
        )
        await self.stack.enter_async_context(guarded)
        await self.stack.enter_async_context(machines.serving(client, tools))

    async def skip(self, time: timedelta) -> None:
        self.ahead += time
        await self.server.skip(self.here.client, time)

    def approval(self, proposal: Proposal) -> SignedDecision:
        return keys.sign(self.here.settings, proposal, "approve", at=self.now())

    async def parked(self, repository: Path) -> Proposal:
        return await self.here.waiting(
            await self.here.start("changelog", ChangelogRequest(repository=str(small_repository(repository))))
        )

    async def escalating(self, repository: Path) -> Proposal:
        request, run = ChangelogRequest(repository=str(small_repository(repository))), f"escalating-{uuid.uuid4()}"
        await self.here.client.start_workflow(Escalating.run, request, id=run, task_queue=GUARDED)
        return await self.here.waiting(run)

    async def skip_to(self, moment: datetime) -> None:
        await self.skip(moment - self.now())

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


async def test_weeks_without_a_decision_are_told_in_working_hours_and_end_undecided(
    world: World, tmp_path: Path
) -> None:
    proposal = await world.escalating(tmp_path / "app")
    run, ledger = proposal.run, world.here.ledger
    lead, others = proposal.escalations
    for moment in (lead.at, others.at):
        there = moment.astimezone(NEW_YORK)
        assert there.weekday() < 5
        assert 8 <= there.hour < 18
    assert proposal.created_at + 5 * DAY <= lead.at <= proposal.created_at + 8 * DAY
    await world.skip_to(lead.at - HOUR)
    assert world.entries(run, "gate.reminder") == [f"Still waiting for release: {proposal.title}"]
    assert world.entries(run, "gate.escalation") == []
    await world.skip_to(lead.at + HOUR)
    assert world.entries(run, "gate.escalation") == [f"Nobody has decided: it is with lead now: {proposal.title}"]

    early = world.approval(proposal)
    await world.here.signal(run, early)
    await world.skip(HOUR)
    [(_, ruling)] = ledger.decisions(run)
    assert (ruling.accepted, ruling.error) == (False, "MissingRole"), "being told is not being asked"

    await world.skip_to(others.at + HOUR)
    told = f"Nobody has decided: it is with administrator now, who may decide, too: {proposal.title}"
    assert world.entries(run, "gate.escalation")[1:] == [told]
    assert ledger.proposal_record(proposal.digest).state == "open", "no escalation decides"
    await world.skip_to(proposal.expires_at + HOUR)
    assert (await world.here.outcome(run)).state == "expired"
    assert len(world.entries(run, "gate.reminder")) == 1
    assert branches(tmp_path / "app") == []


async def test_after_the_escalation_they_may_decide(world: World, tmp_path: Path) -> None:
    proposal = await world.escalating(tmp_path / "app")
    await world.skip_to(proposal.escalations[1].at + HOUR)
    await world.here.signal(proposal.run, world.approval(proposal))
    outcome = await world.here.outcome(proposal.run)
    assert (outcome.state, outcome.signed_by) == ("done", "ana")
    assert len(branches(tmp_path / "app")) == 1


async def test_a_decision_in_quiet_hours_is_taken_at_once(world: World, tmp_path: Path) -> None:
    proposal = await world.escalating(tmp_path / "app")
    quiet = (proposal.escalations[1].at + DAY).astimezone(NEW_YORK).replace(hour=23)
    await world.skip_to(quiet)
    assert Escalating.policy.gate.quiet
    assert Escalating.policy.gate.quiet.over(world.now()) > world.now()
    await world.here.signal(proposal.run, world.approval(proposal))
    assert (await world.here.outcome(proposal.run)).state == "done"


async def test_an_edit_begins_the_times_anew(world: World, tmp_path: Path) -> None:
    proposal = await world.parked(tmp_path / "app")
    await world.skip(3 * DAY)
    assert proposal.editable
    edited = await world.here.edit(proposal, proposal.editable.text.replace("CSV", "tables"))
    await world.skip(3 * DAY)
    assert len(world.entries(proposal.run, "gate.reminder")) == 2
    await world.skip_to(proposal.expires_at + HOUR)
    assert await world.is_waiting(proposal.run), "the page says when the revision expires, and so it does"
    await world.skip_to(edited.expires_at + HOUR)
    assert (await world.here.outcome(proposal.run)).state == "expired"


async def test_a_ticket_whose_run_expired_is_free_for_another(world: World, tmp_path: Path) -> None:
    here, repository = world.here, bare(tmp_path, **{"main.c": b"int main(void) { return 1; }\n"})
    request, claim = asked(tmp_path, repository, "It exits with 1"), claim_of("T-7", str(repository))
    first = await here.start("ticket_to_pr", request)
    old = await here.waiting(first)
    await world.skip(29 * DAY)
    assert here.ledger.claim(claim, "another") == first, "it waits, and keeps its ticket"
    await world.skip(2 * DAY)
    assert (await here.outcome(first)).state == "expired"
    second = await here.start("ticket_to_pr", request)
    new = await here.waiting(second)
    assert here.ledger.claim(claim, "another") == second
    late = world.approval(old)
    assert not here.ledger.judge(late, run=first, digest=old.digest).accepted
    await here.client.get_workflow_handle(new.run).terminate()

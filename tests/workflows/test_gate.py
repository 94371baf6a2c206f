"""The gate: a decision binds to one digest, is signed, and counts once. Run on a workflow fresh from its template."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from temporalio.client import WorkflowUpdateFailedError

from contracts.decision import Revision, SignedDecision
from contracts.errors import BadInput, Refused
from contracts.proposal import Proposal
from contracts.runs import GateView
from contracts.text import TextRequest
from tests.support.platform import Platform
from workers import keys
from workers.cli import decisions
from workers.cli.common import Platform as CommandPlatform
from workers.watcher import root_message


async def parked(here: Platform, subject: str = "gate") -> Proposal:
    return await here.waiting(await here.start("memo", TextRequest(subject=subject)))


async def opened(here: Platform, proposal: Proposal) -> GateView:
    """The run's gate once it waits: a moment after its proposal can be read."""
    handle = here.client.get_workflow_handle(proposal.run)
    for _ in range(200):
        view: GateView = await handle.query("gate", result_type=GateView)
        if view.waiting:
            return view
        await asyncio.sleep(0.05)
    raise AssertionError("the gate did not open within 10 s")


async def ruling(here: Platform, signed: SignedDecision) -> str:
    """Why the decision was refused; empty when it was accepted. A worker that died is given up for its run by Temporal
    after ten seconds, and only then another one sees the signal."""
    for _ in range(1200):
        for decision, ruled in here.ledger.decisions(signed.statement.run):
            if decision.id == signed.id:
                return ruled.why
        await asyncio.sleep(0.05)
    raise AssertionError("no ruling within 60 s")


def with_statement(signed: SignedDecision, **changes: object) -> SignedDecision:
    return signed.model_copy(update={"statement": signed.statement.model_copy(update=changes)})


async def test_a_run_parks_and_a_signature_ends_it(here: Platform) -> None:
    proposal = await parked(here)
    view = await opened(here, proposal)
    assert view.digest == proposal.digest
    await here.decide(proposal, "approve")
    outcome = await here.outcome(proposal.run)
    assert (outcome.state, outcome.digest) == ("done", proposal.digest)
    assert here.ledger.run(proposal.run).state == "done"
    assert here.ledger.proposal_record(proposal.digest).decided_by == "ana"


async def test_a_rejection_says_why(here: Platform) -> None:
    proposal = await parked(here)
    await here.decide(proposal, "reject", reason="not needed")
    outcome = await here.outcome(proposal.run)
    assert outcome.state == "rejected"
    assert "not needed" in outcome.says


async def test_an_altered_verdict_is_refused_and_logged_and_the_run_waits_on(here: Platform) -> None:
    proposal = await parked(here)
    forged = with_statement(here.sign(proposal, "reject", reason="style"), verdict="approve", reason=None)
    await here.signal(proposal.run, forged)
    assert "signature" in (await ruling(here, forged)).lower()
    assert here.ledger.proposal_record(proposal.digest).state == "open"
    assert any(entry.outcome == "refused" for entry in here.ledger.entries(run=proposal.run))
    await here.decide(proposal, "approve")
    assert (await here.outcome(proposal.run)).state == "done"


async def test_a_decision_for_another_run_is_refused(here: Platform) -> None:
    mine, other = await parked(here, "mine"), await parked(here, "other")
    signed = here.sign(other, "approve")
    await here.signal(mine.run, signed)
    await asyncio.sleep(0.5)
    assert here.ledger.proposal_record(mine.digest).state == "open"
    assert here.ledger.proposal_record(other.digest).state == "open"
    for each in (mine, other):
        await here.decide(each, "approve")
        assert (await here.outcome(each.run)).state == "done"


async def test_a_key_nobody_enrolled_is_refused(here: Platform, tmp_path) -> None:  # type: ignore[no-untyped-def]
    proposal = await parked(here)
    stranger = here.settings.model_copy(update={"state": tmp_path, "person": "mallory"})
    keys.generate(keys.key_path(stranger), comment="mallory")
    signed = keys.sign(stranger, proposal, "approve")
    await here.signal(proposal.run, signed)
    assert "enrolled" in await ruling(here, signed)
    assert here.ledger.proposal_record(proposal.digest).state == "open"
    await here.decide(proposal, "approve")
    await here.outcome(proposal.run)


async def test_the_same_signal_ten_times_is_one_decision(here: Platform) -> None:
    proposal = await parked(here)
    signed = here.sign(proposal, "approve")
    await asyncio.gather(*(here.signal(proposal.run, signed) for _ in range(10)), return_exceptions=True)
    assert (await here.outcome(proposal.run)).state == "done"
    accepted = [one for one, ruled in here.ledger.decisions(proposal.run) if ruled.accepted]
    assert [one.id for one in accepted] == [signed.id]


async def test_one_signature_ends_two_runs_and_no_third(here: Platform) -> None:
    one, two, third = [await parked(here, subject) for subject in ("one", "two", "third")]
    signed = {each.statement.digest: each for each in keys.sign_batch(here.settings, [one, two])}
    moved = with_statement(signed[one.digest], run=third.run, digest=third.digest)
    await here.signal(third.run, moved)
    assert "does not say this" in await ruling(here, moved)
    for _ in range(2):
        await asyncio.gather(
            *(here.signal(each.run, signed[each.digest]) for each in (one, two)), return_exceptions=True
        )
    for each in (one, two):
        outcome = await here.outcome(each.run)
        assert (outcome.state, outcome.digest) == ("done", each.digest)
        assert len(here.ledger.decisions(each.run)) == 1
    assert here.ledger.proposal_record(third.digest).state == "open"
    await here.decide(third, "approve")
    await here.outcome(third.run)


async def test_the_command_approves_all_or_none(here: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    @asynccontextmanager
    async def opened() -> AsyncIterator[CommandPlatform]:
        yield here.command

    monkeypatch.setattr(decisions, "platform", opened)
    one, two, gone = [await parked(here, subject) for subject in ("one", "two", "gone")]
    await here.decide(gone, "reject", reason="other")
    await here.outcome(gone.run)
    with pytest.raises(Refused, match=f"Nothing of the batch is approved, because {gone.id}|decided before"):
        await decisions.approve_all([one.id, two.id, gone.id], yes=True)
    assert {here.ledger.proposal_record(each.digest).state for each in (one, two)} == {"open"}
    with pytest.raises(BadInput, match="one proposal"):
        await decisions.approve_all([one.id, one.digest], yes=True)
    await decisions.approve_all([one.id, two.id], yes=True)
    assert [(await here.outcome(each.run)).state for each in (one, two)] == ["done", "done"]


async def test_two_opposite_decisions_at_once_are_ordered(here: Platform) -> None:
    proposal = await parked(here)
    await asyncio.gather(
        here.decide(proposal, "approve"),
        here.decide(proposal, "reject", reason="duplicate"),
        return_exceptions=True,
    )
    outcome = await here.outcome(proposal.run)
    accepted = [one for one, ruled in here.ledger.decisions(proposal.run) if ruled.accepted]
    assert len(accepted) == 1
    assert outcome.state == {"approve": "done", "reject": "rejected"}[accepted[0].statement.verdict]


async def test_an_edit_has_a_new_digest_and_the_old_one_no_longer_approves(here: Platform) -> None:
    first = await parked(here)
    before = here.sign(first, "approve")
    second = await here.edit(first, "- what the person wrote")
    assert second.digest != first.digest
    assert (second.edited_by, second.revision) == ("ana", first.revision + 1)
    assert here.ledger.proposal_record(first.digest).state == "superseded"
    await here.signal(first.run, before)
    assert await ruling(here, before)
    assert here.ledger.proposal_record(second.digest).state == "open"
    await here.decide(second, "approve")
    outcome = await here.outcome(first.run)
    assert outcome.digest == second.digest


async def test_an_edit_against_an_older_revision_is_told_so(here: Platform) -> None:
    first = await parked(here)
    await here.edit(first, "- newer")
    handle = here.client.get_workflow_handle(first.run)
    with pytest.raises(WorkflowUpdateFailedError) as told:
        await handle.execute_update("revise", Revision(digest=first.digest, text="- late", person="ana"))
    assert "changed meanwhile" in root_message(told.value)
    await handle.cancel()


async def test_an_empty_edit_is_refused_before_it_reaches_history(here: Platform) -> None:
    proposal = await parked(here)
    handle = here.client.get_workflow_handle(proposal.run)
    with pytest.raises(WorkflowUpdateFailedError):
        await handle.execute_update("revise", Revision(digest=proposal.digest, text="  \n", person="ana"))
    events = [event.event_type async for event in handle.fetch_history_events()]
    assert not any("UPDATE_ACCEPTED" in str(event) for event in events)
    await handle.cancel()


async def test_a_rubbish_signal_does_no_harm(here: Platform) -> None:
    proposal = await parked(here)
    handle = here.client.get_workflow_handle(proposal.run)
    for rubbish in ("approve", {"verdict": "approve"}, None, [1, 2], {"statement": {}}):
        await handle.signal("decide", rubbish)
    await handle.signal("decide")
    await handle.signal("decide", args=["one", "too many"])
    await here.decide(proposal, "approve")
    assert (await here.outcome(proposal.run)).state == "done"


async def test_an_edit_after_the_decision_is_refused_at_once(here: Platform) -> None:
    proposal = await parked(here)
    await here.decide(proposal, "approve")
    await here.outcome(proposal.run)
    with pytest.raises(Exception, match=r"completed|not waiting|could not be sent"):
        await here.edit(proposal, "- too late")


async def test_an_edit_right_after_the_proposal_is_stored_is_taken(here: Platform) -> None:
    """The inbox may show a proposal before its run has heard that it was sealed."""
    for number in range(3):
        proposal = await parked(here, f"quick {number}")
        edited = await here.edit(proposal, f"- edited {number}")
        assert edited.revision == 2
        await here.decide(edited, "approve")
        assert (await here.outcome(proposal.run)).digest == edited.digest


async def test_a_decision_that_comes_while_the_run_is_being_closed_is_ruled_on(
    here: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await parked(here)
    closing, sent, update = threading.Event(), threading.Event(), here.ledger.update_run

    def slowly(name: str, **changes: object) -> None:
        if name == proposal.run and changes.get("state") == "done" and not closing.is_set():
            closing.set()
            sent.wait(60)
        update(name, **changes)

    monkeypatch.setattr(here.ledger, "update_run", slowly)
    await here.decide(proposal, "approve")
    await asyncio.to_thread(closing.wait, 60)
    late = await here.decide(proposal, "reject", reason="not needed")
    sent.set()
    assert (await here.outcome(proposal.run)).state == "done"
    assert await ruling(here, late) != "", "it is refused, and there is an entry of it"

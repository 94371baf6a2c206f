"""An attacker with Temporal access, and no person's key: every way to have an effect ends in a refusal.

The attacker runs a worker of their own, whose workflow calls the effects' activity directly with whatever they
have: decisions from histories, forged ones, other keys, other runs. Nothing they do makes a branch.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.client import WorkflowFailureError
from temporalio.common import RetryPolicy
from temporalio.exceptions import ApplicationError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from contracts.changelog import ChangelogRequest
from contracts.decision import SignedDecision
from contracts.proposal import Proposal
from contracts.records import Person
from contracts.requirements import Requirement
from contracts.runs import CarryOut, Done
from contracts.steps import CARRY_OUT
from tests.support.platform import Platform
from tests.support.repositories import Commit, build, git
from tests.workflows.own.workflows.guarded import ByTwo
from workers import keys

QUEUE = "mallory"


@workflow.defn(name="mallory", sandboxed=False)
class Mallory:
    """Calls the effects' activity with whatever it is given, once."""

    @workflow.run
    async def run(self, request: CarryOut) -> Done:
        return await workflow.execute_activity(
            CARRY_OUT.name,
            request,
            result_type=Done,
            task_queue=CARRY_OUT.queue,
            start_to_close_timeout=timedelta(seconds=60),
            retry_policy=RetryPolicy(maximum_attempts=1),
        )


@pytest_asyncio.fixture
async def mallory(here: Platform) -> AsyncIterator[None]:
    async with Worker(here.client, task_queue=QUEUE, workflows=[Mallory], workflow_runner=UnsandboxedWorkflowRunner()):
        yield


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    commits = [Commit("Start", {"a.py": b"a = 1\n"}, tag="v1.0.0"), Commit("feat: Export as CSV", {"b.py": b"b = 2\n"})]
    return build(tmp_path / "app", commits, checkout=True)


async def proposed(here: Platform, repository: Path) -> Proposal:
    run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
    return await here.waiting(run)


def request_for(proposal: Proposal, decision: SignedDecision, **changes: str) -> CarryOut:
    known = {"run": proposal.run, "digest": proposal.digest, "effect": proposal.effects[0].key}
    return CarryOut(decision=decision, **{**known, **changes})


async def attack(here: Platform, request: CarryOut, *, run: str = "") -> str:
    """The name of the error that the effects' worker answers with; empty when it acted."""
    try:
        await here.client.execute_workflow("mallory", request, id=run or f"mallory-{uuid.uuid4()}", task_queue=QUEUE)
    except WorkflowFailureError as failed:
        cause = failed.cause.__cause__ if failed.cause else None
        return (cause.type or "") if isinstance(cause, ApplicationError) else repr(failed)
    return ""


def branches(repository: Path) -> str:
    return git(repository, "for-each-ref", "refs/heads/countersign/").strip()


@pytest.mark.usefixtures("mallory")
async def test_without_an_approval_of_these_very_bytes_nothing_is_carried_out(here: Platform, repository: Path) -> None:
    proposal = await proposed(here, repository)
    approval = here.sign(proposal, "approve")
    rejection = here.sign(proposal, "reject", reason="style")
    changes = here.sign(proposal, "request_changes", words="Shorter.")
    stranger = here.settings.model_copy(update={"state": repository.parent / "own", "person": "ana"})
    keys.generate(keys.key_path(stranger), comment="mallory")

    def edited(**fields: object) -> SignedDecision:
        return approval.model_copy(update={"statement": approval.statement.model_copy(update=fields)})

    attempts = {
        "a rejection": (request_for(proposal, rejection), "NotSigned"),
        "a request for changes": (request_for(proposal, changes), "NotSigned"),
        "a rejection turned": (
            request_for(proposal, rejection.model_copy(update={"statement": approval.statement})),
            "BadSignature",
        ),
        "words added": (request_for(proposal, edited(words="and more")), "BadSignature"),
        "another person named": (request_for(proposal, edited(person="bob")), "UnknownKey"),
        "another realm": (request_for(proposal, edited(realm=str(uuid.uuid4()))), "WrongRun"),
        "another run asked for": (request_for(proposal, approval, run="changelog-other"), "WrongRun"),
        "another run signed for": (
            request_for(proposal, edited(run="changelog-other"), run="changelog-other"),
            "BadSignature",
        ),
        "an effect that is not listed": (request_for(proposal, approval, effect="git.commit_file/0"), "NotSigned"),
        "a part of the digest": (request_for(proposal, approval, digest=proposal.digest[:20]), "WrongDigest"),
        "a key of nobody here": (request_for(proposal, keys.sign(stranger, proposal, "approve")), "UnknownKey"),
    }
    said = {name: await attack(here, request) for name, (request, _) in attempts.items()}
    assert said == {name: error for name, (_, error) in attempts.items()}
    refusals = here.ledger.entries(run=proposal.run, kind="refusal")
    assert {entry.facts["error"] for entry in refusals} >= {"NotSigned", "BadSignature", "UnknownKey", "WrongRun"}
    assert branches(repository) == ""
    assert here.ledger.proposal_record(proposal.digest).state == "open", "and the person can still decide"
    await here.client.get_workflow_handle(proposal.run).cancel()


@pytest.mark.usefixtures("mallory")
async def test_a_person_without_the_role_signs_nothing(here: Platform, repository: Path, tmp_path: Path) -> None:
    proposal = await proposed(here, repository)
    guest = here.settings.model_copy(update={"state": tmp_path / "guest", "person": "guest"})
    _, key, _ = keys.enrol_local_person(guest, here.ledger)
    here.accept("guest", "viewer")
    here.ledger.enrol(Person(name="guest", display_name="Guest", roles=("reviewer",)))
    signed = keys.sign(guest, proposal, "approve")
    assert await attack(here, request_for(proposal, signed)) == "MissingRole"
    here.accept("guest", "reviewer")
    here.ledger.revoke_key(key.fingerprint)
    assert await attack(here, request_for(proposal, signed)) == "UnknownKey"
    assert branches(repository) == ""
    await here.client.get_workflow_handle(proposal.run).cancel()


@pytest.mark.usefixtures("mallory")
async def test_an_old_revision_and_a_used_decision_are_worth_nothing(here: Platform, repository: Path) -> None:
    first = await proposed(here, repository)
    early = here.sign(first, "approve")
    entry = first.editable.text if first.editable else ""
    second = await here.edit(first, entry.replace("Export", "Exports"))
    assert await attack(here, request_for(first, early)) == "WrongDigest"
    assert await attack(here, request_for(second, early)) == "WrongDigest"
    assert branches(repository) == ""

    approval = await here.decide(second, "approve")
    assert (await here.outcome(first.run)).state == "done"
    made = branches(repository)
    assert made.count("\n") == 0
    again = await attack(here, request_for(second, approval))
    assert again == "", "the same decision for the same effect: it says what happened, and does nothing"
    assert branches(repository) == made
    other = await proposed(here, build(repository.parent / "other", [Commit("feat: Sort", {"c.py": b"c\n"})]))
    assert await attack(here, request_for(other, approval)) == "WrongRun"
    assert branches(repository.parent / "other") == ""
    await here.client.get_workflow_handle(other.run).cancel()


@pytest.mark.usefixtures("mallory")
async def test_a_run_of_the_attackers_own_under_the_same_name_pays_nothing_twice(
    here: Platform, repository: Path
) -> None:
    proposal = await proposed(here, repository)
    approval = await here.decide(proposal, "approve")
    await here.outcome(proposal.run)
    made = branches(repository)
    assert await attack(here, request_for(proposal, approval), run=proposal.run) == ""
    assert branches(repository) == made
    assert [effect.state for effect in here.ledger.effects(run=proposal.run)] == ["done"]


@pytest.mark.usefixtures("mallory")
async def test_a_worker_that_was_taken_over_seals_no_gate_of_its_own(here: Platform, repository: Path) -> None:
    """It may write any proposal, and a person may sign it: the gate is that of the effects' own code."""
    honest = await proposed(here, repository)
    await here.client.get_workflow_handle(honest.run).cancel()
    by_one = Requirement(rule="changelogs", roles=("reviewer",), effects=(honest.effects[0].key,))
    forged = {"workflow": "by_two", "run": "by-two-forged", "role": "", "needs": (by_one,), "digest": ""}
    sealed = honest.model_copy(update=forged).seal()
    here.ledger.store_proposal(sealed)
    assert await attack(here, request_for(sealed, here.sign(sealed, "approve"))) == "WeakerGate"
    unknown = honest.model_copy(update={"workflow": "nobodys", "run": "nobodys-forged", "digest": ""}).seal()
    here.ledger.store_proposal(unknown)
    assert await attack(here, request_for(unknown, here.sign(unknown, "approve"))) == "UnknownWorkflow"
    assert branches(repository) == ""


async def test_a_gate_that_became_stricter_while_a_run_was_parked_counts(
    here: Platform, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    proposal = await proposed(here, repository)
    stricter = ByTwo.policy.model_copy(update={"version": "2"})
    monkeypatch.setitem(here.tools.policies, "changelog", stricter)
    await here.decide(proposal, "approve")
    with pytest.raises(WorkflowFailureError):
        await here.outcome(proposal.run)
    async with asyncio.timeout(30):
        while (ended := here.ledger.run(proposal.run)).state != "failed":
            await asyncio.sleep(0.1)
    assert "(version 1) than this release's gate asks for (version 2), and the stricter one counts." in ended.says
    assert "start the run again" in ended.says
    assert branches(repository) == ""

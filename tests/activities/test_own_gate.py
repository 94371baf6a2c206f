"""The effects' process believes no seal: the gate in its own code has to be satisfied, too."""

import asyncio
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from contracts.batch import Batch, BatchItem
from contracts.decision import Signature, SignedDecision
from contracts.errors import KindNotAllowed, Refused, UnknownWorkflow, WeakerGate
from contracts.gate import Escalation, Gate, GateRule
from contracts.policy import Policy
from contracts.proposal import Proposal
from contracts.requirements import Escalated, Requirement, StartedBy
from contracts.runs import CarryOut
from contracts.signatures import sshsig_sign
from tests.activities.effect_world import World, branches
from tests.ledger.support import enrolled
from workers import discovery

COMMITS = ("git.commit_file",)
BY_TWO = Gate(rules=(GateRule(name="two", roles=("reviewer",), needs=2),))
APART = Gate(rules=(GateRule(name="apart", roles=("reviewer",), separate_from=("starter",)),))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    world = World.open(tmp_path)
    yield world
    world.ledger.close()


def under(world: World, gate: Gate, effects: tuple[str, ...] = COMMITS, **policy: Any) -> World:
    """The same world, whose code has that gate for its only workflow."""
    known = {"changelog": Policy(summary="Stricter", gate=gate, effects=effects, **policy)}
    return replace(world, toolbox=replace(world.toolbox, policies=known))


async def refusal(world: World, request: CarryOut) -> Refused:
    with pytest.raises(Refused) as refused:
        await world.carry_out(request)
    return refused.value


def signed(world: World, repository: Path, run: str = "run-1", **fields: Any) -> tuple[Proposal, CarryOut]:
    effect = world.effect(repository, run=run)
    proposal, decision = world.sign(effect, run=run, **fields)
    return proposal, CarryOut(run=proposal.run, digest=proposal.digest, effect=effect.key, decision=decision)


async def test_a_seal_that_asks_for_less_than_the_code_makes_no_effect(world: World) -> None:
    """What a worker that was taken over would seal: anybody, one approval."""
    repository = world.repository()
    anybody = Requirement(rule="two", roles=("reviewer", "guest"), effects=(world.effect(repository).key,))
    proposal, request = signed(world, repository, role="", needs=(anybody,))
    refused = await refusal(under(world, BY_TWO), request)
    assert isinstance(refused, WeakerGate)
    assert "Missing: 1 of 2 by reviewer (rule 'two')." in refused.what
    assert "start the run again" in refused.way_out
    assert branches(repository) == []
    [entry] = world.ledger.entries(run=proposal.run, kind="refusal")
    assert (entry.facts["error"], entry.outcome) == ("WeakerGate", "refused")
    assert world.ledger.effects(run=proposal.run) == [], "no intent, either"


async def test_enough_by_both_is_carried_out(world: World) -> None:
    repository = world.repository()
    proposal, request = signed(world, repository)
    ben = enrolled(world.ledger, "ben").decide(proposal, decided_at=datetime.now(UTC))
    await under(world, BY_TWO).carry_out(request.model_copy(update={"others": (ben,)}))
    assert len(branches(repository)) == 1


async def test_a_role_that_was_replaced_in_the_seal_counts_as_the_code_says_it(world: World) -> None:
    repository = world.repository()
    _, request = signed(world, repository, role="reviewer")
    refused = await refusal(under(world, Gate(role="release"), version="2"), request)
    assert "sealed with less (version 1)" in refused.what
    assert "asks for (version 2), and the stricter one counts. Missing: 0 of 1 by release." in refused.what
    assert branches(repository) == []


async def test_whom_the_code_keeps_apart_the_seal_does_not_let_in(world: World) -> None:
    repository = world.repository()
    _, request = signed(world, repository, started_by=StartedBy(kind="person", name="ana"))
    refused = await refusal(under(world, APART), request)
    assert "0 of 1 by reviewer (rule 'apart'), not ana, who started this run" in refused.what
    _, nobody = signed(world, repository, "run-2")
    assert "nobody knows who that was" in (await refusal(under(world, APART), nobody)).what
    assert branches(repository) == []


async def test_an_escalation_that_only_the_seal_has_lets_nobody_decide(world: World) -> None:
    repository, now = world.repository(), datetime.now(UTC)
    forged = (Escalated(at=now - timedelta(days=9), people=("ana",), may_decide=True),)
    _, request = signed(world, repository, role="release", escalations=forged)
    assert isinstance(await refusal(under(world, Gate(role="release")), request), WeakerGate)
    chain = (Escalation(after=timedelta(seconds=1), people=("ana",), may_decide=True),)
    ago = now - timedelta(hours=1)
    _, request = signed(world, repository, "run-2", role="release", escalations=forged, created_at=ago)
    await under(world, Gate(role="release", escalate=chain)).carry_out(request)
    assert len(branches(repository)) == 1


async def test_a_time_that_only_the_seal_gives_is_not_given(world: World) -> None:
    repository, ago = world.repository(), datetime.now(UTC) - timedelta(days=2)
    _, request = signed(world, repository, created_at=ago)
    refused = await refusal(under(world, Gate(expire_after=timedelta(days=1))), request)
    assert "and ana came later" in refused.what
    assert branches(repository) == []


async def test_what_the_code_calls_critical_is_carried_out_by_no_batch(world: World) -> None:
    repository = world.repository()
    both = [signed(world, repository), signed(world, repository, "run-2")]
    request, now = both[0][1], datetime.now(UTC)
    items = tuple(sorted((BatchItem(run=p.run, digest=p.digest) for p, _ in both), key=lambda each: each.digest))
    batch = Batch(realm=both[0][0].realm, items=items, person="ana", decided_at=now, nonce="n" * 32)
    value = sshsig_sign(world.signer.private, batch.signing_bytes(), "countersign")
    signature = Signature(scheme="sshsig", key=world.signer.fingerprint, value=value)
    decision = next(each for each in SignedDecision.each_of(batch, signature) if each.statement.run == request.run)
    critical = Gate(rules=(GateRule(name="alone", roles=("reviewer",), critical=True),))
    refused = await refusal(under(world, critical), request.model_copy(update={"decision": decision}))
    assert "a signature of its own, and it came in a batch" in refused.what
    assert branches(repository) == []


async def test_an_effect_that_no_rule_of_the_code_is_for_is_refused(world: World) -> None:
    repository = world.repository()
    _, request = signed(world, repository)
    docs = Gate(rules=(GateRule(name="docs", paths=("docs/**",), roles=("reviewer",)),))
    assert "No rule of the gate is for an effect 'git.commit_file'" in (await refusal(under(world, docs), request)).what
    assert branches(repository) == []


async def test_a_workflow_that_the_code_does_not_have_is_refused(world: World) -> None:
    repository = world.repository()
    proposal, request = signed(world, repository, workflow="mine")
    refused = await refusal(world, request)
    assert isinstance(refused, UnknownWorkflow)
    assert "COUNTERSIGN_WORKFLOWS" in refused.way_out
    assert branches(repository) == []
    [entry] = world.ledger.entries(run=proposal.run, kind="refusal")
    assert entry.facts["error"] == "UnknownWorkflow"


async def test_kinds_that_the_policy_does_not_list_are_refused_all_together(world: World) -> None:
    repository = world.repository()
    listed, other = world.effect(repository), world.change(repository, {"b": b"3"})
    request = world.request(listed, other)
    refused = await refusal(under(world, Gate()), request)
    assert isinstance(refused, KindNotAllowed)
    assert refused.what == "The policy of 'changelog' allows no effect 'git.change'; it lists git.commit_file."
    assert isinstance(await refusal(under(world, Gate(), effects=()), request), KindNotAllowed)
    assert branches(repository) == []


OWN = """
from temporalio import workflow

from workflows.changelog import Changelog

with workflow.unsafe.imports_passed_through():
    from contracts.changelog import ChangelogRequest
    from contracts.policy import Gate, GateRule
    from contracts.runs import Outcome


@workflow.defn(name="mine")
class Mine(Changelog):
    policy = Changelog.policy.model_copy(
        update={"gate": Gate(rules=(GateRule(name="mine", roles=("reviewer",), needs=NEEDS),))}
    )

    @workflow.init
    def __init__(self, request: ChangelogRequest) -> None:
        super().__init__(request)

    @workflow.run
    async def run(self, request: ChangelogRequest) -> Outcome:
        return await super().run(request)
"""


@pytest.mark.parametrize(("needs", "says"), [(1, "Committed"), (2, "WeakerGate: 1 of 2 by reviewer (rule 'mine')")])
async def test_a_folder_of_somebody_s_own_workflows_has_its_own_gates(world: World, needs: int, says: str) -> None:
    """A process with COUNTERSIGN_WORKFLOWS, as `countersign worker effects` puts it together."""
    repository, own = world.repository(), world.folder / "own"
    (own / "workflows").mkdir(parents=True)
    (own / "workflows" / "mine.py").write_text(OWN.replace("NEEDS", str(needs)))
    _, request = signed(world, repository, workflow="mine")
    (world.folder / "request.json").write_text(request.model_dump_json())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.activities.own_process", str(world.folder)),
        env={**os.environ, "COUNTERSIGN_WORKFLOWS": str(own), "COUNTERSIGN_STATE": str(world.folder)},
        stdout=asyncio.subprocess.PIPE,
    )
    said, _ = await process.communicate()
    assert says in said.decode()
    assert len(branches(repository)) == (needs == 1)


def test_the_policies_of_the_workflows_are_those_in_the_code() -> None:
    found = discovery.policies()
    assert found["changelog"].effects == COMMITS
    assert set(found["ticket_to_pr"].effects) == {"git.change", "git.pull_request"}
    assert "agent" not in found, "a piece that others start proposes nothing"

"""Two signatures for one change, end to end: from a run that ana started to a commit that ben and cyn approved."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

from contracts.changelog import ChangelogRequest
from contracts.decision import SignedDecision, Verdict
from contracts.errors import NotIndependent, Refused
from contracts.proposal import Proposal
from contracts.requirements import StartedBy
from contracts.runs import STARTED_BY, CarryOut, Outcome
from tests.e2e.test_attacks import QUEUE as MALLORY
from tests.e2e.test_attacks import Mallory, attack
from tests.support.platform import Platform
from tests.support.repositories import git
from tests.workflows.own.workflows.guarded import ByTwo, Unruled
from tests.workflows.test_changelog import branches, small_repository
from tests.workflows.test_gate import ruling
from workers import keys
from workers.cli import decisions
from workers.cli.common import out
from workers.cli.show import print_standing
from workers.watcher import root_message
from workers.worker import build

QUEUE = "guarded"


@dataclass(frozen=True)
class Team:
    """People at their own keyboards: each has a key in a state folder of their own."""

    here: Platform
    folder: Path

    def enrol(self, name: str) -> None:
        settings = self.here.settings.model_copy(update={"person": name, "state": self.folder / name})
        keys.enrol_local_person(settings, self.here.ledger)
        self.here.accept(name)

    def sign(self, name: str, proposal: Proposal, verdict: Verdict = "approve", **more: str) -> SignedDecision:
        settings = self.here.settings
        if name != settings.person:
            settings = settings.model_copy(update={"person": name, "state": self.folder / name})
        return keys.sign(settings, proposal, verdict, **more)  # type: ignore[arg-type]

    async def start(self, cls: type, repository: Path, memo: dict[str, object] | None = None) -> str:
        by_ana = {STARTED_BY: StartedBy(kind="person", name="ana")}
        run = f"{cls.__name__.lower()}-{uuid.uuid4()}"
        await self.here.client.start_workflow(
            cls.run,  # type: ignore[attr-defined]
            ChangelogRequest(repository=str(repository)),
            id=run,
            task_queue=QUEUE,
            memo=by_ana if memo is None else memo,
        )
        return run

    async def told(self, run: str, signed: SignedDecision) -> str:
        await self.here.signal(run, signed)
        return await ruling(self.here, signed)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def team(here: Platform, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Team]:
    made = Team(here, tmp_path_factory.mktemp("team"))
    for name in ("ben", "cyn"):
        made.enrol(name)
    guarded = build(
        here.client, "agents", here.tools, cached_workflows=0, workflows=[ByTwo, Unruled], activities=[], queue=QUEUE
    )
    mallory = Worker(here.client, task_queue=MALLORY, workflows=[Mallory], workflow_runner=UnsandboxedWorkflowRunner())
    async with guarded, mallory:
        yield made


async def test_two_sign_and_each_way_around_it_is_refused_with_its_reason(team: Team, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    here, run = team.here, await team.start(ByTwo, repository)
    proposal = await here.waiting(run)
    assert proposal.started_by == StartedBy(kind="person", name="ana")
    [needed] = proposal.needs
    assert (needed.rule, needed.needs, needed.roles) == ("changelogs", 2, ("reviewer",))

    said = await team.told(run, team.sign("ana", proposal))
    assert said.startswith("'ana' started this run: somebody else has to approve it by the rule 'changelogs'.")

    genuine = team.sign("ben", proposal)
    words = genuine.statement.model_copy(update={"nonce": "f" * 32})
    assert "does not match" in await team.told(run, genuine.model_copy(update={"statement": words}))

    assert await team.told(run, genuine) == ""
    assert here.ledger.progress(proposal).says == "1 of 2 by reviewer"
    assert here.ledger.proposal_record(proposal.digest).state == "open"
    assert here.ledger.run(run).says == "Waiting for review. Approved: 1 of 2 by reviewer"

    assert "a person counts once" in await team.told(run, team.sign("ben", proposal))

    team.enrol("dan")
    revoked = team.sign("dan", proposal)
    here.ledger.revoke_key(revoked.signature.key)
    assert "was revoked" in await team.told(run, revoked)
    assert here.ledger.proposal_record(proposal.digest).state == "open"
    assert branches(repository) == []

    last = team.sign("cyn", proposal)
    assert await team.told(run, last) == ""
    outcome = await here.outcome(run)
    assert (outcome.state, outcome.signed_by) == ("done", "ben and cyn")
    [branch] = branches(repository)
    message = git(repository, "log", "-1", "--format=%B", branch)
    for signed in (genuine, last):
        assert f"Countersigned-by: {signed.statement.person} (key {signed.signature.key})" in message


async def test_the_effects_process_wants_both_whoever_asks_it(team: Team, tmp_path: Path) -> None:
    """An agents' worker that was taken over asks for the effect with one of two signatures."""
    repository = small_repository(tmp_path / "app")
    here, run = team.here, await team.start(ByTwo, repository)
    proposal = await here.waiting(run)
    one = team.sign("ben", proposal)
    assert await team.told(run, one) == ""
    team.enrol("pia")
    here.accept("pia", "payments:reviewer")
    of_another_team = team.sign("pia", proposal)
    assert "of another team than 'platform'" in await team.told(run, of_another_team)
    key = proposal.effects[0].key
    tried = (((), "NotEnough"), ((one,), "NotEnough"), ((team.sign("ana", proposal),), "NotIndependent"))
    for others, error in (*tried, ((of_another_team,), "MissingRole")):
        order = CarryOut(run=run, digest=proposal.digest, effect=key, decision=one, others=others)
        assert await attack(here, order) == error
    assert branches(repository) == []
    await here.signal(run, team.sign("cyn", proposal, "reject", reason="other"))
    assert (await here.outcome(run)).state == "rejected"
    assert here.ledger.effects(run=run) == []


async def test_who_takes_their_approval_back_is_not_counted(team: Team, tmp_path: Path) -> None:
    here, run = team.here, await team.start(ByTwo, small_repository(tmp_path / "app"))
    proposal = await here.waiting(run)
    given = team.sign("ben", proposal)
    assert await team.told(run, given) == ""
    assert await team.told(run, team.sign("ben", proposal, "withdraw", withdraws=given.id)) == ""
    assert await team.told(run, team.sign("cyn", proposal)) == ""
    assert here.ledger.progress(proposal).says == "1 of 2 by reviewer"
    assert here.ledger.proposal_record(proposal.digest).state == "open"
    assert await team.told(run, team.sign("ben", proposal)) == ""
    assert (await here.outcome(run)).signed_by == "cyn and ben"


async def test_an_approval_whose_key_is_gone_by_the_second_one_is_no_more(team: Team, tmp_path: Path) -> None:
    here, run = team.here, await team.start(ByTwo, small_repository(tmp_path / "app"))
    proposal = await here.waiting(run)
    team.enrol("eve")
    early = team.sign("eve", proposal)
    assert await team.told(run, early) == ""
    here.ledger.revoke_key(early.signature.key)
    assert await team.told(run, team.sign("ben", proposal)) == ""
    assert here.ledger.progress(proposal).says == "1 of 2 by reviewer"
    assert await team.told(run, team.sign("cyn", proposal)) == ""
    assert (await here.outcome(run)).signed_by == "ben and cyn"


async def test_who_edits_the_text_leaves_it_to_others(team: Team, tmp_path: Path) -> None:
    here, run = team.here, await team.start(ByTwo, small_repository(tmp_path / "app"))
    first = await here.waiting(run)
    assert await team.told(run, team.sign("ben", first)) == ""
    assert first.editable
    edited = await here.edit(first, first.editable.text.replace("CSV", "tables"))
    assert here.ledger.progress(edited).says == "0 of 2 by reviewer", "what ben read is not this"
    said = await team.told(run, team.sign("ana", edited))
    assert "'ana' started this run and edited this text" in said
    await here.client.get_workflow_handle(run).cancel()


@pytest.mark.parametrize("memo", [{}, {STARTED_BY: "rubbish"}, {STARTED_BY: {"kind": "ghost"}}])
async def test_nobody_knows_who_started_it_so_nothing_is_proposed(
    team: Team, tmp_path: Path, memo: dict[str, object]
) -> None:
    run = await team.start(ByTwo, small_repository(tmp_path / "app"), memo)
    assert "nobody knows who that was" in await failed(team.here, run)


async def test_what_no_rule_is_for_is_not_proposed(team: Team, tmp_path: Path) -> None:
    run = await team.start(Unruled, small_repository(tmp_path / "app"))
    assert "No rule of the gate is for an effect 'git.commit_file' of 'CHANGELOG.md'." in await failed(team.here, run)


async def failed(here: Platform, run: str) -> str:
    with pytest.raises(WorkflowFailureError) as told:
        await asyncio.wait_for(here.client.get_workflow_handle(run, result_type=Outcome).result(), 120)
    return root_message(told.value)


async def test_the_command_line_says_the_same(
    team: Team, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    here, run = team.here, await team.start(ByTwo, small_repository(tmp_path / "app"))
    proposal = await here.waiting(run)
    with pytest.raises(NotIndependent) as told:
        decisions.may_approve(here.command, proposal)
    assert told.value.what.startswith("'ana' started this run: somebody else has to approve it by the rule")
    with pytest.raises(Refused, match="no approval of proposal"):
        decisions.own_approval(here.command, proposal)
    assert await team.told(run, team.sign("ben", proposal)) == ""
    print_standing(out, proposal, here.ledger.standing(proposal))
    said = " ".join(capsys.readouterr().out.split())
    for line in ("changelogs: 1 of 2 by reviewer", "Approved by ben.", "Not ana, who started this run."):
        assert line in said
    assert "cyn" in said.partition("May still approve:")[2].partition(".")[0]
    await here.client.get_workflow_handle(run).cancel()

"""The changelog on a standing approval: measured, proposed, signed, used, counted, revoked; on a real server."""

import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from activities.effects.carry_out import EffectActivities
from contracts.changelog import ChangelogRequest
from contracts.decision import Signature, SignedDecision, standing_statement
from contracts.runs import CarryOut
from contracts.signatures import sshsig_sign
from contracts.standing import Bounds, StandingApproval
from contracts.suggesting import ENOUGH, MeasuredRun
from ledger.schema import measured
from tests.support.platform import Platform
from tests.support.repositories import git
from tests.workflows.test_changelog import branches, proposed, small_repository
from workers import keys

AUTHOR = ("-c", "user.name=Bo", "-c", "user.email=bo@example.org")


def seen_before(here: Platform, run: str) -> None:
    """As if people had signed as many more like this one as it takes."""
    with here.ledger.store.read() as connection:
        body = connection.scalar(measured.select().with_only_columns(measured.c.body).where(measured.c.run == run))
    row = MeasuredRun.model_validate(body)
    for number in range(1, ENOUGH):
        earlier = row.decided_at - timedelta(minutes=number)
        here.ledger.measure_run(row.model_copy(update={"run": f"{run}-{number}", "decided_at": earlier}))


def more(repository: Path, subject: str) -> None:
    """One more commit that readers want."""
    git(repository, *AUTHOR, "commit", "--quiet", "--allow-empty", "-m", subject)


async def test_what_people_signed_each_time_is_proposed_signed_used_and_revoked(here: Platform, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    first = await proposed(here, repository)
    await here.decide(first, "approve")
    await here.outcome(first.run)
    mine = [each for each in here.ledger.standing_suggestions("changelog") if str(repository) in str(each.bounds)]
    assert mine == [], "one decision proves nothing"
    seen_before(here, first.run)
    [suggested] = [
        each for each in here.ledger.standing_suggestions("changelog") if str(repository) in str(each.bounds)
    ]
    assert suggested.bounds.paths == ("CHANGELOG.md",)
    assert "20 in a row" in suggested.says
    assert "84 of 100" in suggested.says

    now = datetime.now(UTC)
    standing = suggested.approval(realm=here.ledger.realm, person="ana", now=now, nonce=secrets.token_hex(16), uses=2)
    standing = standing.model_copy(update={"most_a_day": 1})
    here.ledger.sign_standing(standing, keys.signature(here.settings, standing.signing_bytes()))
    assert suggested.id not in {each.id for each in here.ledger.standing_suggestions()}

    more(repository, "feat: Import reports from CSV (#14)")
    run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
    outcome = await here.outcome(run)
    assert (outcome.state, outcome.signed_by) == ("done", "ana")
    assert len(branches(repository)) == 2
    [use] = here.ledger.standing_uses(standing=standing.digest, unseen=True)
    [record] = here.ledger.proposals(state="", run=run)
    assert (use.run, record.state, record.decided_by) == (run, "approved", "ana")
    assert outcome.digest is not None
    done = here.ledger.proposal(outcome.digest)
    assert here.ledger.progress(done).enough

    more(repository, "feat: Print reports (#15)")
    again = await proposed(here, repository)  # it is used up for today, so it waits for a person
    await here.decide(again, "reject", reason="not needed")
    await here.outcome(again.run)
    assert "suspended" in here.ledger.standing_approval(standing.digest).ended
    assert len(branches(repository)) == 2


async def test_a_taken_over_agents_worker_makes_nothing_of_one_that_it_forged(here: Platform, tmp_path: Path) -> None:
    """It knows the code, the database and Temporal; it has no person's key."""
    repository = small_repository(tmp_path / "app")
    proposal = await proposed(here, repository)
    now = datetime.now(UTC)
    bounds = Bounds(
        kinds=("git.commit_file",),
        destinations=(str(repository),),
        paths=("**",),
        most_effects=9,
        most_files=9,
        most_lines=999,
    )
    standing = StandingApproval(
        realm=here.ledger.realm,
        workflow="changelog",
        version="1",
        drafted_by=("baseline", "model"),
        bounds=bounds,
        valid_from=proposal.created_at,
        valid_until=now + timedelta(days=1),
        most_uses=9,
        most_a_day=9,
        person="ana",
        nonce=secrets.token_hex(16),
    )
    [anas] = [key.fingerprint for key in here.ledger.keys("ana")][:1]
    value = sshsig_sign(Ed25519PrivateKey.generate(), standing.signing_bytes())
    signature = Signature(scheme="sshsig", key=anas, value=value)
    decision = SignedDecision(
        statement=standing_statement(standing, proposal),
        signature=signature,
        via="standing approval",
        standing=standing,
    )
    handle = here.client.get_workflow_handle(proposal.run)
    await handle.signal("decide", decision)
    request = CarryOut(run=proposal.run, digest=proposal.digest, effect=proposal.effects[0].key, decision=decision)
    answer = await EffectActivities(here.tools).carry_out(request)
    assert (answer.waits, branches(repository)) == (True, [])
    await here.decide(proposal, "approve")
    assert (await here.outcome(proposal.run)).state == "done"

"""One signature for several proposals: all or none, and never for one that it does not name."""

import secrets

import pytest

from contracts.batch import Batch, BatchItem
from contracts.decision import Signature, SignedDecision
from contracts.errors import BadSignature, NotInBatch
from contracts.proposal import Effect, Proposal
from contracts.requirements import Requirement
from contracts.signatures import sshsig_sign
from ledger import Ledger
from tests.ledger.support import NOW, Clock, Signer, enrolled, proposal


def stored(ledger: Ledger, number: int, **fields: object) -> Proposal:
    effects = (Effect(kind="git.change", key=f"run-{number}/k", says=f"Commit {number}", params={}),)
    made = proposal(ledger, run=f"run-{number}", effects=effects, **fields)
    ledger.store_proposal(made)
    return made


def batch(signer: Signer, *proposals: Proposal) -> dict[str, SignedDecision]:
    items = tuple(BatchItem(run=each.run, digest=each.digest) for each in sorted(proposals, key=lambda one: one.digest))
    signed = Batch(
        realm=proposals[0].realm, items=items, person=signer.person, decided_at=NOW, nonce=secrets.token_hex(16)
    )
    value = sshsig_sign(signer.private, signed.signing_bytes())
    signature = Signature(scheme="sshsig", key=signer.fingerprint, value=value)
    return {each.statement.digest: each for each in SignedDecision.each_of(signed, signature)}


def take(ledger: Ledger, decision: SignedDecision) -> str:
    statement = decision.statement
    ruling = ledger.judge(decision, run=statement.run, digest=statement.digest)
    ledger.record_decision(decision, ruling)
    if ruling.accepted:
        ledger.set_proposal_state(statement.digest, "approved", by=statement.person)
    return ruling.error


def test_one_signature_approves_each_of_them_and_counts_once(ledger: Ledger) -> None:
    made, ana = [stored(ledger, number) for number in range(3)], enrolled(ledger)
    signed = batch(ana, *made)
    for _ in range(2):
        assert [take(ledger, signed[each.digest]) for each in made] == ["", "", ""]
    for each in made:
        ledger.require_all([signed[each.digest]], run=each.run, digest=each.digest)
        assert len(ledger.decisions(each.run)) == 1
        [entry] = ledger.entries(run=each.run, kind="decision")
        assert Batch.model_validate(entry.facts["batch"]) == signed[each.digest].batch, "what was signed is kept"


def test_one_that_has_expired_leaves_none(ledger: Ledger, clock: Clock) -> None:
    made, ana = [stored(ledger, number) for number in range(9)], enrolled(ledger)
    late = stored(ledger, 9, expires_at=NOW)
    signed = batch(ana, *made, late)
    assert {take(ledger, signed[each.digest]) for each in made} == {"NotInBatch"}
    assert take(ledger, signed[late.digest]) == "Expired"
    assert {ledger.proposal_record(each.digest).state for each in made} == {"open"}


def test_a_batch_says_nothing_of_a_proposal_that_it_does_not_name(ledger: Ledger) -> None:
    one, two, other, ana = stored(ledger, 1), stored(ledger, 2), stored(ledger, 3), enrolled(ledger)
    given = batch(ana, one, two)[one.digest]
    moved = given.statement.model_copy(update={"run": other.run, "digest": other.digest})
    assert given.batch
    items = tuple(sorted((*given.batch.items, BatchItem(run=other.run, digest=other.digest)), key=lambda i: i.digest))
    wider = given.batch.model_copy(update={"items": items})
    unsorted = given.batch.model_copy(update={"items": given.batch.items[::-1]})
    for forged in (
        given.model_copy(update={"statement": moved}),
        given.model_copy(update={"statement": moved, "batch": wider}),
        given.model_copy(update={"batch": None}),
        given.model_copy(update={"batch": unsorted}),
    ):
        with pytest.raises(BadSignature):
            ledger.require(forged, run=forged.statement.run, digest=forged.statement.digest)


@pytest.mark.parametrize("asked", [{"critical": True}, {"needs": 2}])
def test_what_is_critical_or_needs_two_is_in_no_batch(ledger: Ledger, asked: dict[str, object]) -> None:
    ana, plain = enrolled(ledger), stored(ledger, 1)
    needs = (Requirement.model_validate({"roles": ("reviewer",), "effects": ("run-2/k",), **asked}),)
    grave = stored(ledger, 2, role="", needs=needs)
    signed = batch(ana, plain, grave)
    for each in (plain, grave):
        with pytest.raises(NotInBatch):
            ledger.require(signed[each.digest], run=each.run, digest=each.digest)
    ledger.require(ana.decide(grave), run=grave.run, digest=grave.digest)

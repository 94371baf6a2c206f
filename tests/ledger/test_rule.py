"""The rule that stands between a decision and the world: every way around it, tried."""

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.decision import Signature, SignedDecision, Statement
from contracts.errors import NotSigned, Refused
from contracts.proposal import Proposal
from contracts.records import Person
from contracts.signatures import raw_sign
from ledger import Ledger
from ledger.schema import proposals
from tests.ledger.support import NOW, Clock, Signer, enrolled, person_key, proposal, statement


@pytest.fixture
def url(sqlite_template: Path, tmp_path: Path) -> str:
    """One database is enough here: the rule asks it nothing that other tests do not ask both."""
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def proposed(ledger: Ledger) -> Proposal:
    made = proposal(ledger)
    ledger.store_proposal(made)
    return made


@pytest.fixture
def ana(ledger: Ledger) -> Signer:
    return enrolled(ledger)


def refused(ledger: Ledger, decision: SignedDecision, error: str, why: str, **at: str) -> None:
    """The rule says no, for this reason, the same way by both doors."""
    place = {"run": "run-1", "digest": decision.statement.digest} | at
    ruling = ledger.judge(decision, **place)
    assert not ruling.accepted
    assert (ruling.error, ruling.decision) == (error, decision.id)
    assert why in ruling.why
    with pytest.raises(Refused) as caught:
        ledger.require(decision, **place)
    assert caught.value.name == error


def stands(ledger: Ledger, decision: SignedDecision) -> bool:
    return ledger.judge(decision, run="run-1", digest=decision.statement.digest).accepted


@pytest.mark.parametrize(
    "fields",
    [
        {"verdict": "approve"},
        {"verdict": "reject", "reason": "too risky"},
        {"verdict": "request_changes", "words": "Say which API"},
    ],
)
def test_a_good_decision_stands(ledger: Ledger, proposed: Proposal, ana: Signer, fields: Any) -> None:
    assert stands(ledger, ana.decide(proposed, **fields))


def test_a_browsers_signature_stands(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    said = statement(proposed)
    value = raw_sign(ana.private, said.signing_bytes())
    signature = Signature(scheme="ed25519", key=ana.fingerprint, value=value)
    assert stands(ledger, SignedDecision(statement=said, signature=signature, via="console"))


def test_another_digest(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    other = proposal(ledger, title="Something else")
    refused(ledger, ana.decide(proposed), "WrongDigest", "is what would happen", digest=other.digest)
    refused(ledger, ana.decide(other), "WrongDigest", "No proposal with this digest")


@pytest.mark.parametrize("length", [6, 20, 63])
def test_a_part_of_the_digest(ledger: Ledger, proposed: Proposal, ana: Signer, length: int) -> None:
    part = proposed.digest[: len("sha256:") + length]
    said = ana.sign(statement(proposed, digest=part))
    refused(ledger, said, "WrongDigest", "")


def test_a_digest_that_is_none(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    refused(ledger, ana.sign(statement(proposed, digest="%")), "WrongDigest", "No proposal")


def test_another_run(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    refused(ledger, ana.decide(proposed), "WrongRun", "not for 'run-2'", run="run-2")
    moved = ana.sign(statement(proposed, run="run-2"))
    refused(ledger, moved, "WrongRun", "belongs to another run", run="run-2")


def test_another_installation(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    said = ana.sign(statement(proposed, realm="0000"))
    refused(ledger, said, "WrongRun", "another installation")


def test_an_unknown_key(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    stranger = Signer("ana", Ed25519PrivateKey.generate())
    refused(ledger, stranger.decide(proposed), "UnknownKey", "not enrolled")


def test_a_revoked_key_even_for_a_decision_that_stood(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    decision = ana.decide(proposed)
    ledger.record_decision(decision, ledger.judge(decision, run="run-1", digest=proposed.digest))
    ledger.revoke_key(ana.fingerprint)
    refused(ledger, decision, "UnknownKey", "revoked")


def test_the_key_of_another_person(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    ben = enrolled(ledger, "ben")
    as_ana = ben.sign(statement(proposed, person="ana"))
    refused(ledger, as_ana, "UnknownKey", "not theirs")


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "reject", "reason": "style"},
        {"words": "and delete everything"},
        {"decided_at": NOW - timedelta(seconds=1)},
        {"nonce": "0" * 32},
    ],
)
def test_altered_words(ledger: Ledger, proposed: Proposal, ana: Signer, change: dict[str, Any]) -> None:
    decision = ana.decide(proposed, words="fine")
    altered = decision.model_copy(update={"statement": decision.statement.model_copy(update=change)})
    refused(ledger, altered, "BadSignature", "does not match")


def test_a_signature_of_another_decision(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    one, two = ana.decide(proposed), ana.decide(proposed)
    swapped = one.model_copy(update={"signature": two.signature})
    refused(ledger, swapped, "BadSignature", "does not match")


def test_a_signature_in_another_namespace(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    refused(ledger, ana.sign(statement(proposed), namespace="git"), "BadSignature", "does not match")


def test_the_key_named_is_not_the_one_that_signed(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    forger = Ed25519PrivateKey.generate()
    forged = Signer("ana", forger).decide(proposed)
    named = forged.model_copy(update={"signature": forged.signature.model_copy(update={"key": ana.fingerprint})})
    refused(ledger, named, "BadSignature", "does not match")


@pytest.mark.parametrize("field", [{"verdict": "approve_all"}, {"verdict": "reject"}, {"type": "other/v1"}])
def test_a_statement_that_no_validator_saw(
    ledger: Ledger, proposed: Proposal, ana: Signer, field: dict[str, Any]
) -> None:
    odd = Statement.model_construct(**(dict(statement(proposed)) | field))
    value = raw_sign(ana.private, odd.signing_bytes())
    signature = Signature(scheme="ed25519", key=ana.fingerprint, value=value)
    refused(ledger, SignedDecision.model_construct(statement=odd, signature=signature), "Refused", "coherent")


def body_file(ledger: Ledger, folder: Path, digest: str) -> Path:
    with ledger.store.read() as connection:
        ref = connection.scalar(sa.select(proposals.c.body).where(proposals.c.digest == digest))
    assert ref is not None
    digits = ref.removeprefix("sha256:")
    return folder / "artifacts" / digits[:2] / digits[2:]


def test_a_body_changed_on_disk(ledger: Ledger, proposed: Proposal, ana: Signer, tmp_path: Path) -> None:
    path = body_file(ledger, tmp_path, proposed.digest)
    path.chmod(0o600)
    path.write_bytes(path.read_bytes().replace(b"Commit 3 lines", b"Commit 9 lines"))
    refused(ledger, ana.decide(proposed), "WrongDigest", "changed or lost")


def test_a_body_lost_from_disk(ledger: Ledger, proposed: Proposal, ana: Signer, tmp_path: Path) -> None:
    body_file(ledger, tmp_path, proposed.digest).unlink()
    refused(ledger, ana.decide(proposed), "WrongDigest", "changed or lost")


def test_a_body_swapped_in_the_database(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    """Somebody stores other effects under the digest that was signed."""
    evil = proposal(ledger, title="Delete everything").model_copy(update={"digest": proposed.digest})
    with ledger.store.write() as connection:
        connection.execute(sa.update(proposals).values(body=ledger.artifacts.put_model(evil)))
    refused(ledger, ana.decide(proposed), "WrongDigest", "changed or lost")


def test_an_honest_body_of_another_proposal(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    other = proposal(ledger, title="Delete everything")
    with ledger.store.write() as connection:
        connection.execute(sa.update(proposals).values(body=ledger.artifacts.put_model(other)))
    refused(ledger, ana.decide(proposed), "WrongDigest", "changed or lost")


def test_expired(ledger: Ledger, proposed: Proposal, ana: Signer, clock: Clock) -> None:
    decision = ana.decide(proposed)
    clock.forward(days=30)
    refused(ledger, decision, "Expired", "could be decided until")


def test_an_expiry_moved_in_the_row_moves_nothing(
    ledger: Ledger, proposed: Proposal, ana: Signer, clock: Clock
) -> None:
    later = sa.update(proposals).values(expires_at=NOW + timedelta(days=400), role="anybody")
    with ledger.store.write() as connection:
        connection.execute(later)
    clock.forward(days=31)
    refused(ledger, ana.decide(proposed), "Expired", "could be decided until")


def test_a_decision_that_stood_in_time_is_carried_out_late(
    ledger: Ledger, proposed: Proposal, ana: Signer, clock: Clock
) -> None:
    decision = ana.decide(proposed)
    ledger.record_decision(decision, ledger.judge(decision, run="run-1", digest=proposed.digest))
    ledger.set_proposal_state(proposed.digest, "approved", by="ana")
    clock.forward(days=60)
    assert stands(ledger, decision)


def test_a_refused_decision_gains_nothing_by_being_recorded(
    ledger: Ledger, proposed: Proposal, ana: Signer, clock: Clock
) -> None:
    clock.forward(days=31)
    decision = ana.decide(proposed)
    ledger.record_decision(decision, ledger.judge(decision, run="run-1", digest=proposed.digest))
    refused(ledger, decision, "Expired", "could be decided until")


@pytest.mark.parametrize("shift", [timedelta(days=1), timedelta(days=-1)])
def test_a_decision_from_another_time(ledger: Ledger, proposed: Proposal, ana: Signer, shift: timedelta) -> None:
    refused(ledger, ana.decide(proposed, decided_at=NOW + shift), "Refused", "says it was made")


def test_superseded(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    ledger.store_proposal(proposal(ledger, revision=2))
    refused(ledger, ana.decide(proposed), "WrongDigest", "superseded by a later revision")


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("expired", "Expired"),
        ("withdrawn", "Refused"),
        ("approved", "AlreadyUsed"),
        ("rejected", "AlreadyUsed"),
        ("changes requested", "AlreadyUsed"),
    ],
)
def test_closed(ledger: Ledger, proposed: Proposal, ana: Signer, state: str, error: str) -> None:
    ledger.set_proposal_state(proposed.digest, state, by="ben")
    refused(ledger, ana.decide(proposed), error, proposed.id)


def test_a_second_decision_cannot_turn_the_first(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    """A recorded approval is no licence once the proposal was rejected."""
    yes, no = ana.decide(proposed), ana.decide(proposed, verdict="reject", reason="other")
    for decision in (yes, no):
        ledger.record_decision(decision, ledger.judge(decision, run="run-1", digest=proposed.digest))
    ledger.set_proposal_state(proposed.digest, "rejected", by="ana")
    assert stands(ledger, no)
    refused(ledger, yes, "AlreadyUsed", "decided before: rejected")


def test_a_missing_role(ledger: Ledger, proposed: Proposal) -> None:
    viewer = enrolled(ledger, "vic", roles=("viewer",))
    refused(ledger, viewer.decide(proposed), "MissingRole", "'reviewer'")
    nobody = enrolled(ledger, "nobody", roles=())
    refused(ledger, nobody.decide(proposed), "MissingRole", "'reviewer'")


def test_a_role_taken_away_counts_at_once(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    assert stands(ledger, ana.decide(proposed))
    ledger.enrol(Person(name="ana", display_name="Ana", roles=("viewer",)))
    refused(ledger, ana.decide(proposed), "MissingRole", "'reviewer'")


def test_a_rejection_carries_nothing_out(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    no = ana.decide(proposed, verdict="reject", reason="other")
    with pytest.raises(NotSigned, match="'reject'"):
        ledger.require(no, run="run-1", digest=proposed.digest, verdict="approve")
    ledger.require(ana.decide(proposed), run="run-1", digest=proposed.digest, verdict="approve")


def test_a_second_key_of_a_person_stands(ledger: Ledger, proposed: Proposal, ana: Signer) -> None:
    second = Signer("ana", Ed25519PrivateKey.generate())
    ledger.add_key(person_key(second, label="phone"))
    ledger.revoke_key(ana.fingerprint)
    assert stands(ledger, second.decide(proposed))

"""Handing on: by a signature, to somebody who may decide too, and without a power that they don't have."""

import secrets
from datetime import timedelta
from typing import Any

import pytest

from contracts.decision import Signature
from contracts.delegation import Delegation, DelegationRecord, SignedDelegation
from contracts.errors import (
    AlreadyUsed,
    BadSignature,
    Expired,
    MissingRole,
    NotDelegable,
    NotFound,
    NotIndependent,
    Refused,
    UnknownKey,
)
from contracts.proposal import Proposal
from contracts.requirements import Barred, Requirement
from contracts.signatures import sshsig_sign
from ledger import Ledger
from tests.ledger.support import NOW, Clock, Signer, enrolled, proposal


def stored(ledger: Ledger, **fields: Any) -> Proposal:
    made = proposal(ledger, **fields)
    ledger.store_proposal(made)
    return made


def needing(**asked: Any) -> dict[str, Any]:
    one = {"rule": "deploy", "roles": ("reviewer",), "effects": ("run-1/commit",), **asked}
    return {"role": "", "needs": (Requirement.model_validate(one),)}


def said(ledger: Ledger, by: Signer, **fields: Any) -> SignedDelegation:
    nonce = secrets.token_hex(16)
    made = Delegation(realm=ledger.realm, person=by.person, decided_at=ledger.clock(), nonce=nonce, **fields)
    value = sshsig_sign(by.private, made.signing_bytes())
    return SignedDelegation(statement=made, signature=Signature(scheme="sshsig", key=by.fingerprint, value=value))


def hand(ledger: Ledger, by: Signer, to: str, made: Proposal | None = None, **fields: Any) -> DelegationRecord:
    which = {"run": made.run, "digest": made.digest} if made else {"until": ledger.clock() + timedelta(days=7)}
    return ledger.delegate(said(ledger, by, to=to, **{**which, **fields}))


def to_whom(ledger: Ledger, made: Proposal) -> list[str]:
    return [each.statement.to for each in ledger.handed(made)]


def test_one_is_handed_on_until_it_is_ended_by_either(ledger: Ledger) -> None:
    ana, ben, made = enrolled(ledger, "ana"), enrolled(ledger, "ben"), stored(ledger)
    assert [person.name for person in ledger.may_have(made, "ana")] == ["ben"]
    for by in (ana, ben):
        record = hand(ledger, ana, "ben", made, words="You know the pump.")
        assert to_whom(ledger, made) == ["ben"]
        assert to_whom(ledger, proposal(ledger, run="run-2")) == []
        assert ledger.delegations("ben") == [record]
        ended = ledger.delegate(said(ledger, by, revokes=record.id))
        assert ended.ended_by == by.person
        assert ledger.delegations("ana") == []
        assert to_whom(ledger, made) == []
    names = [entry.name for entry in ledger.entries(kind="person") if entry.name.startswith("delegation.")]
    assert sorted(names) == ["delegation.ended", "delegation.ended", "delegation.made", "delegation.made"]
    assert [entry.run for entry in ledger.entries(run="run-1", kind="person")] == ["run-1", "run-1"]


def test_the_same_again_is_one(ledger: Ledger) -> None:
    ana, _, made = enrolled(ledger, "ana"), enrolled(ledger, "ben"), stored(ledger)
    signed = said(ledger, ana, to="ben", run=made.run, digest=made.digest)
    assert ledger.delegate(signed) == ledger.delegate(signed)
    assert len(ledger.delegations()) == 1


def test_it_counts_nobody_twice(ledger: Ledger) -> None:
    """Two of three have to approve: handing on brings no second vote, and takes none away."""
    ana, ben = enrolled(ledger, "ana"), enrolled(ledger, "ben")
    made = stored(ledger, **needing(needs=2))
    hand(ledger, ana, "ben", made)
    ruling = ledger.judge(ben.decide(made), run=made.run, digest=made.digest)
    ledger.record_decision(ben.decide(made), ruling)
    assert (ruling.enough, ruling.progress) == (False, "1 of 2 by reviewer")
    again = ben.decide(made)
    assert ledger.judge(again, run=made.run, digest=made.digest).error == "AlreadyUsed"
    assert to_whom(ledger, made) == [], "ben has done what he can"
    with pytest.raises(AlreadyUsed):
        hand(ledger, ana, "ben", made)
    assert ledger.judge(ana.decide(made), run=made.run, digest=made.digest).enough


def test_who_is_kept_apart_or_has_no_say_gets_nothing(ledger: Ledger) -> None:
    ana = enrolled(ledger, "ana")
    enrolled(ledger, "ben"), enrolled(ledger, "cyn", ("release",)), enrolled(ledger, "bot", ("agent", "reviewer"))
    made = stored(ledger, **needing(barred=(Barred(person="ben", why="started this run"),)))
    for name, error in {
        "ben": NotIndependent, "cyn": MissingRole, "bot": NotIndependent, "eve": MissingRole,
    }.items():  # fmt: skip
        with pytest.raises(error):
            hand(ledger, ana, name, made)
    hand(ledger, ana, "ben")
    assert to_whom(ledger, made) == [], "all of ana's is not what ben may not have"
    assert ledger.may_have(made, "ana") == []
    assert len(ledger.entries(kind="refusal")) == 4
    cyns = stored(ledger, run="run-2", role="release")
    with pytest.raises(MissingRole):
        hand(ledger, ana, "cyn", cyns)


def test_a_rule_may_forbid_it(ledger: Ledger) -> None:
    ana, _ = enrolled(ledger, "ana"), enrolled(ledger, "ben")
    made = stored(ledger, **needing(delegable=False))
    with pytest.raises(NotDelegable):
        hand(ledger, ana, "ben", made)
    assert ledger.may_have(made, "ana") == []


def test_all_of_ones_own_until_a_date(ledger: Ledger, clock: Clock) -> None:
    ana, _ = enrolled(ledger, "ana"), enrolled(ledger, "ben")
    hand(ledger, ana, "ben", until=NOW + timedelta(days=2))
    made = stored(ledger, run="run-9")
    assert to_whom(ledger, made) == ["ben"]
    ledger.enrol(ledger.person("ben").model_copy(update={"roles": ("viewer",)}))
    assert to_whom(ledger, made) == [], "a role that was lost is lost here, too"
    ledger.enrol(ledger.person("ben").model_copy(update={"roles": ("reviewer",)}))
    clock.forward(days=3)
    assert to_whom(ledger, made) == []
    assert ledger.delegations() == []
    enrolled(ledger, "vic", ("viewer",))
    with pytest.raises(NotDelegable):
        hand(ledger, ana, "vic")


def test_only_a_fresh_signature_of_ones_own_counts(ledger: Ledger, clock: Clock) -> None:
    ana, cyn, made = enrolled(ledger, "ana"), enrolled(ledger, "cyn"), stored(ledger)
    enrolled(ledger, "ben")
    signed = said(ledger, ana, to="ben", run=made.run, digest=made.digest)
    moved = signed.model_copy(update={"statement": signed.statement.model_copy(update={"to": "cyn"})})
    with pytest.raises(BadSignature):
        ledger.delegate(moved)
    with pytest.raises(UnknownKey):
        ledger.delegate(signed.model_copy(update={"statement": signed.statement.model_copy(update={"person": "cyn"})}))
    clock.forward(minutes=11)
    with pytest.raises(Expired):
        ledger.delegate(signed)
    record = hand(ledger, ana, "ben", made)
    with pytest.raises(Refused, match="Only who handed it on"):
        ledger.delegate(said(ledger, cyn, revokes=record.id))
    with pytest.raises(NotFound):
        ledger.delegate(said(ledger, cyn, revokes="sha256:" + "0" * 64))
    ledger.set_proposal_state(made.digest, "rejected")
    with pytest.raises(AlreadyUsed):
        hand(ledger, ana, "ben", made)


@pytest.mark.parametrize(
    "fields",
    [
        {"to": "ana", "run": "r", "digest": "d"},
        {"to": ""},
        {"to": "ben"},
        {"to": "ben", "digest": "d"},
        {"to": "ben", "until": NOW},
        {"to": "ben", "until": NOW + timedelta(days=93)},
        {"to": "ben", "revokes": "x"},
    ],
)
def test_what_says_nothing_sensible_is_no_delegation(fields: dict[str, Any]) -> None:
    said = {"realm": "r", "person": "ana", "decided_at": NOW, "nonce": "n" * 16, **fields}
    assert Delegation.model_validate(said).problem

"""Several approvals for one proposal: which count, which don't, and when they are enough."""

import shutil
from datetime import timedelta
from itertools import combinations, permutations
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.decision import Ruling, SignedDecision
from contracts.errors import AlreadyUsed, MissingRole, NoRule, NotEnough, NotIndependent, NotSigned, Refused, UnknownKey
from contracts.proposal import Effect, Proposal
from contracts.records import Person
from contracts.requirements import Barred, Escalated, Requirement
from ledger import Ledger
from ledger.schema import decisions, proposals
from tests.ledger.support import NOW, Clock, Signer, enrolled, person_key, proposal

KEY = "run-1/commit"
STARTED = Barred(person="sam", why="started this run")
TWO = Requirement(rule="deploy", roles=("release",), needs=2, barred=(STARTED,), effects=(KEY,))
SECURITY = Requirement(rule="keys", people=("ana", "sid"), effects=(KEY,))


@pytest.fixture
def url(sqlite_template: Path, tmp_path: Path) -> str:
    shutil.copy(sqlite_template, tmp_path / "ledger.db")
    return f"sqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def people(ledger: Ledger) -> dict[str, Signer]:
    roles = {"ana": "release", "ben": "release", "cyn": "release", "sam": "release", "sid": "security", "vic": "viewer"}
    return {name: enrolled(ledger, name, (role,)) for name, role in roles.items()}


def stored(ledger: Ledger, *needs: Requirement, **fields: Any) -> Proposal:
    made = proposal(ledger, role="", needs=needs or (TWO,), **fields)
    ledger.store_proposal(made)
    return made


def take(ledger: Ledger, decision: SignedDecision) -> Ruling:
    """As the run's gate does it."""
    statement = decision.statement
    ruling = ledger.judge(decision, run="run-1", digest=statement.digest)
    ledger.record_decision(decision, ruling)
    return ruling


def refused(ledger: Ledger, decision: SignedDecision, error: type[Refused], why: str) -> None:
    ruling = ledger.judge(decision, run="run-1", digest=decision.statement.digest)
    assert (ruling.accepted, ruling.error) == (False, error.__name__)
    assert why in ruling.why


def test_one_of_two_is_taken_and_not_enough(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    first = take(ledger, people["ana"].decide(made))
    assert (first.accepted, first.enough, first.progress) == (True, False, "1 of 2 by release")
    assert ledger.progress(made).says == "1 of 2 by release"
    second = take(ledger, people["ben"].decide(made))
    assert (second.accepted, second.enough, second.progress) == (True, True, "2 of 2 by release")
    assert [each.statement.person for each in second.approvals] == ["ana", "ben"]


def test_the_same_ruling_again_after_a_crash(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    one, two = people["ana"].decide(made), people["ben"].decide(made)
    assert take(ledger, one) == take(ledger, one)
    assert take(ledger, two) == take(ledger, two)


def test_a_person_counts_once_whatever_key_they_use(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    take(ledger, people["ana"].decide(made))
    refused(ledger, people["ana"].decide(made), AlreadyUsed, "'ana' has approved proposal")
    second = Signer("ana", Ed25519PrivateKey.generate())
    ledger.add_key(person_key(second, label="phone"))
    again = second.decide(made)
    refused(ledger, again, AlreadyUsed, "a person counts once")
    with pytest.raises(Refused):
        ledger.require_all([people["ana"].decide(made), again], run="run-1", digest=made.digest)


def test_who_started_the_run_may_turn_it_down_and_not_approve_it(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    refused(ledger, people["sam"].decide(made), NotIndependent, "'sam' started this run: somebody else has to approve")
    assert take(ledger, people["sam"].decide(made, verdict="reject", reason="other")).accepted


def test_a_rejection_by_one_ends_it_for_all(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    yes, no = people["ana"].decide(made), people["ben"].decide(made, verdict="reject", reason="too risky")
    take(ledger, yes)
    ruling = take(ledger, no)
    assert (ruling.accepted, ruling.enough) == (True, True)
    ledger.set_proposal_state(made.digest, "rejected", by="ben")
    refused(ledger, people["cyn"].decide(made), AlreadyUsed, "decided before: rejected")
    refused(ledger, yes, AlreadyUsed, "decided before: rejected")


def test_who_has_no_say_ends_nothing(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    refused(ledger, people["vic"].decide(made, verdict="reject", reason="other"), MissingRole, "'release'")


def test_an_agent_with_every_role_decides_nothing(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    bot = enrolled(ledger, "bot", ("release", "administrator", "agent"))
    refused(ledger, bot.decide(made), NotIndependent, "agents decide nothing")
    no = bot.decide(made, verdict="reject", reason="other")
    assert not ledger.judge(no, run="run-1", digest=made.digest).accepted


def test_all_rules_have_to_be_met_and_one_person_may_meet_two(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger, TWO, SECURITY)
    assert take(ledger, people["ben"].decide(made)).progress == "1 of 2 by release, 0 of 1 by ana or sid"
    assert take(ledger, people["sid"].decide(made)).progress == "1 of 2 by release, 1 of 1 by ana or sid"
    last = take(ledger, people["ana"].decide(made))
    assert (last.enough, last.progress) == (True, "2 of 2 by release, 1 of 1 by ana or sid")


def test_an_approval_stands_no_more_once_its_key_or_role_is_gone(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    ana, ben = people["ana"].decide(made), people["ben"].decide(made)
    take(ledger, ana)
    ledger.revoke_key(people["ana"].fingerprint)
    assert ledger.progress(made).says == "0 of 2 by release"
    assert not take(ledger, ben).enough
    with pytest.raises(UnknownKey, match="revoked"):
        ledger.require_all([ana, ben], run="run-1", digest=made.digest)
    ledger.enrol(Person(name="ben", display_name="Ben", roles=("viewer",)))
    assert ledger.progress(made).says == "0 of 2 by release"
    with pytest.raises(MissingRole):
        ledger.require_all([ben], run="run-1", digest=made.digest)


def test_with_a_new_key_a_person_may_approve_again(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    take(ledger, people["ana"].decide(made))
    ledger.revoke_key(people["ana"].fingerprint)
    new = Signer("ana", Ed25519PrivateKey.generate())
    ledger.add_key(person_key(new, label="new"))
    assert take(ledger, new.decide(made)).progress == "1 of 2 by release"


def test_effects_want_all_of_them(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    ana, ben = people["ana"].decide(made), people["ben"].decide(made)
    for few in ([ana], [ana, ana], [ben]):
        with pytest.raises(NotEnough, match="1 of 2 by release"):
            ledger.require_all(few, run="run-1", digest=made.digest)
    no = people["ben"].decide(made, verdict="reject", reason="other")
    with pytest.raises(NotSigned, match="'reject'"):
        ledger.require_all([ana, no], run="run-1", digest=made.digest)
    ledger.require_all([ana, ben], run="run-1", digest=made.digest)
    with pytest.raises(NotIndependent):
        ledger.require_all([ana, ben, people["sam"].decide(made)], run="run-1", digest=made.digest)


def test_a_row_that_says_accepted_counts_for_nothing_without_a_signature(
    ledger: Ledger, people: dict[str, Signer]
) -> None:
    """Somebody who has the database writes approvals into it."""
    made = stored(ledger)
    stranger = Signer("ben", Ed25519PrivateKey.generate()).decide(made)
    genuine = people["ben"].decide(made)
    forged = genuine.model_copy(update={"statement": genuine.statement.model_copy(update={"nonce": "0" * 32})})
    elsewhere = people["cyn"].decide(proposal(ledger, title="Another"))
    for each in (stranger, forged, elsewhere):
        row = {"id": each.id, "accepted": True, "run": "run-1", "digest": made.digest, "person": "ben"}
        more = {"verdict": "approve", "why": "", "error": "", "body": each.model_dump(mode="json"), "recorded_at": NOW}
        with ledger.store.write() as connection:
            connection.execute(sa.insert(decisions), [row | more])
    assert ledger.progress(made).says == "0 of 2 by release"
    assert take(ledger, people["ana"].decide(made)).progress == "1 of 2 by release"


def test_a_changed_row_asks_for_no_less(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    with ledger.store.write() as connection:
        connection.execute(sa.update(proposals).values(role="viewer", state="open"))
    assert not take(ledger, people["ana"].decide(made)).enough
    refused(ledger, people["vic"].decide(made), MissingRole, "'release'")
    weaker = made.model_copy(update={"needs": (TWO.model_copy(update={"needs": 1, "barred": ()}),)})
    assert not weaker.is_intact, "what is asked for is under the digest"


def test_an_effect_that_nothing_asks_for_is_refused(ledger: Ledger, people: dict[str, Signer]) -> None:
    more = Effect(kind="git.commit_file", key="run-1/other", says="Commit more", params={})
    made = stored(ledger, effects=(more,))
    refused(ledger, people["ana"].decide(made), NoRule, "'run-1/other'")


def test_an_escalation_lets_others_decide_from_its_time_on(
    ledger: Ledger, people: dict[str, Signer], clock: Clock
) -> None:
    step = Escalated(at=NOW + timedelta(days=3), roles=("viewer",), may_decide=True)
    made = stored(ledger, escalations=(step,))
    take(ledger, people["ana"].decide(made))
    refused(ledger, people["vic"].decide(made), MissingRole, "'release'")
    clock.forward(days=3)
    backdated = people["vic"].decide(made, decided_at=NOW)
    refused(ledger, backdated, MissingRole, "'release'")
    ruling = take(ledger, people["vic"].decide(made, decided_at=clock()))
    assert ruling.enough
    ledger.require_all(ruling.approvals, run="run-1", digest=made.digest)


def test_no_order_and_no_repetition_makes_enough_of_too_few(ledger: Ledger, people: dict[str, Signer]) -> None:
    """Whatever comes in whatever order: it is enough exactly when each rule has its number of different people."""
    made = stored(ledger, TWO, SECURITY)
    signed = {name: signer.decide(made) for name, signer in people.items()}
    release, security = {"ana", "ben", "cyn"}, {"ana", "sid"}
    for size in range(1, 5):
        for names in combinations(sorted(people), size):
            given = [signed[name] for name in names] * 2
            Random(size).shuffle(given)
            enough = len(release & set(names)) >= 2 and bool(security & set(names))
            try:
                ledger.require_all(given, run="run-1", digest=made.digest)
            except Refused:
                assert not enough or set(names) - release - security
            else:
                assert enough, names


def test_the_order_in_which_they_come_changes_nothing(ledger: Ledger, people: dict[str, Signer]) -> None:
    for number, names in enumerate(permutations(("ben", "cyn", "sid"))):
        made = stored(ledger, TWO, SECURITY, revision=number + 1)
        rulings = [take(ledger, people[name].decide(made)) for name in names]
        assert [each.enough for each in rulings] == [False, False, True]


def test_an_approval_can_be_withdrawn_until_the_last_one_is_there(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    ana = people["ana"].decide(made)
    take(ledger, ana)
    back = take(ledger, people["ana"].decide(made, verdict="withdraw", withdraws=ana.id))
    assert (back.accepted, back.enough, back.progress) == (True, False, "0 of 2 by release")
    assert not take(ledger, people["ben"].decide(made)).enough
    refused(ledger, ana, Refused, "'ana' has withdrawn this approval.")
    with pytest.raises(Refused, match="has withdrawn"):
        ledger.require_all([ana, people["ben"].decide(made)], run="run-1", digest=made.digest)
    again = take(ledger, people["ana"].decide(made))
    assert (again.enough, len(again.approvals)) == (True, 2)
    ledger.require_all(again.approvals, run="run-1", digest=made.digest)
    ledger.set_proposal_state(made.digest, "approved", by="ana")
    late = people["ana"].decide(made, verdict="withdraw", withdraws=again.decision)
    refused(ledger, late, AlreadyUsed, "decided before: approved")


def test_nobody_withdraws_what_they_did_not_approve(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    ana = people["ana"].decide(made)
    take(ledger, ana)
    for name, given in (("ben", ana.id), ("ana", "sha256:other")):
        back = people[name].decide(made, verdict="withdraw", withdraws=given)
        refused(ledger, back, Refused, f"{name!r} has no approval of proposal")
    stranger = Signer("ana", Ed25519PrivateKey.generate())
    refused(ledger, stranger.decide(made, verdict="withdraw", withdraws=ana.id), UnknownKey, "not enrolled")
    assert ledger.progress(made).says == "1 of 2 by release"


def test_a_withdrawal_twice_is_one(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    ana = people["ana"].decide(made)
    take(ledger, ana)
    back = people["ana"].decide(made, verdict="withdraw", withdraws=ana.id)
    assert take(ledger, back) == take(ledger, back)
    refused(ledger, people["ana"].decide(made, verdict="withdraw", withdraws=ana.id), Refused, "no approval")


def test_a_withdrawal_outlives_the_key_that_signed_it(ledger: Ledger, people: dict[str, Signer]) -> None:
    made = stored(ledger)
    ana, phone = people["ana"].decide(made), Signer("ana", Ed25519PrivateKey.generate())
    ledger.add_key(person_key(phone, label="phone"))
    take(ledger, ana)
    take(ledger, phone.decide(made, verdict="withdraw", withdraws=ana.id))
    ledger.revoke_key(phone.fingerprint)
    assert ledger.progress(made).says == "0 of 2 by release"
    refused(ledger, ana, Refused, "has withdrawn")

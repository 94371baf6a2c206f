"""People, keys, sessions and runs."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.errors import BadInput, Conflict, NotFound, Refused
from contracts.records import Person, RunRecord
from ledger import Ledger
from ledger.schema import tokens
from tests.ledger.support import NOW, Clock, Signer, enrolled, person_key


def test_people_and_keys_are_kept_and_noted(ledger: Ledger, clock: Clock) -> None:
    ana = enrolled(ledger)
    clock.forward(minutes=1)
    ledger.enrol(Person(name="ana", display_name="Ana", roles=("reviewer", "release")))
    assert ledger.person("ana").roles == ("reviewer", "release")
    assert ledger.people() == [ledger.person("ana")]
    assert ledger.keys("ana") == ledger.keys() == [person_key(ana)]
    ledger.revoke_key(ana.fingerprint)
    ledger.revoke_key(ana.fingerprint)
    assert ledger.keys("ana")[0].revoked_at == clock()
    names = [one.name for one in ledger.entries(kind="person")]
    assert names == ["person.enrolled", "person.key_added", "person.enrolled", "person.key_revoked"]


def test_a_key_is_enrolled_once_and_for_one_person(ledger: Ledger) -> None:
    ana, _ = enrolled(ledger), enrolled(ledger, "ben")
    ledger.add_key(person_key(ana))
    with pytest.raises(Conflict, match="belongs to 'ana'"):
        ledger.add_key(person_key(ana, person="ben"))
    ledger.revoke_key(ana.fingerprint)
    with pytest.raises(Conflict, match="revoked"):
        ledger.add_key(person_key(ana))
    assert len(ledger.keys("ana")) == 1


def test_keys_that_cannot_be(ledger: Ledger) -> None:
    ana = enrolled(ledger)
    other = Signer("ana", Ed25519PrivateKey.generate())
    with pytest.raises(BadInput, match="fingerprint"):
        ledger.add_key(person_key(other, fingerprint=ana.fingerprint))
    with pytest.raises(NotFound, match="'carl'"):
        ledger.add_key(person_key(other, person="carl"))
    with pytest.raises(NotFound):
        ledger.revoke_key("SHA256:none")
    with pytest.raises(NotFound, match="'carl'"):
        ledger.person("carl")


def test_an_invitation_opens_once(ledger: Ledger) -> None:
    enrolled(ledger)
    token = ledger.create_invitation("ana", seconds=60)

    def redeem(_: int) -> bool:
        try:
            return ledger.redeem_invitation(token).name == "ana"
        except Refused:
            return False

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(redeem, range(8))) == 1


def test_an_invitation_runs_out(ledger: Ledger, clock: Clock) -> None:
    enrolled(ledger)
    token = ledger.create_invitation("ana", seconds=60)
    clock.forward(seconds=60)
    with pytest.raises(Refused, match="run out"):
        ledger.redeem_invitation(token)
    with pytest.raises(NotFound):
        ledger.create_invitation("carl", seconds=60)


def test_a_session_lives_until_it_ends(ledger: Ledger, clock: Clock) -> None:
    ana = enrolled(ledger)
    one, two = ledger.create_session("ana", 3600), ledger.create_session("ana", 3600)
    assert ledger.session(one) == ledger.person(ana.person)
    ledger.end_session(one)
    assert ledger.session(one) is None
    assert ledger.session(two) is not None
    clock.forward(hours=1)
    assert ledger.session(two) is None
    assert ledger.session("") is None
    assert ledger.session("\ud800") is None


def test_tokens_are_not_interchangeable_and_not_stored(ledger: Ledger) -> None:
    enrolled(ledger)
    invitation, session = ledger.create_invitation("ana", seconds=60), ledger.create_session("ana", 60)
    assert ledger.session(invitation) is None
    with pytest.raises(Refused):
        ledger.redeem_invitation(session)
    with ledger.store.read() as connection:
        kept = str(connection.execute(sa.select(tokens)).all())
    assert invitation not in kept
    assert session not in kept


def run_record(run: str, **fields: object) -> RunRecord:
    return RunRecord.model_validate({"run": run, "workflow": "changelog", "started_at": NOW} | fields)


def test_runs_are_kept_changed_and_listed(ledger: Ledger) -> None:
    ledger.start_run(run_record("run-1", says="first"))
    ledger.start_run(run_record("run-1", says="again"))
    ledger.start_run(run_record("run-2", started_at=NOW + timedelta(hours=1), workflow="tickets"))
    assert ledger.run("run-1").says == "first"
    ledger.update_run("run-1", state="waiting", cost_usd=None, finished_at=NOW)
    changed = ledger.run("run-1")
    assert (changed.state, changed.cost_usd, changed.finished_at) == ("waiting", None, NOW)
    assert [one.run for one in ledger.runs()] == ["run-2", "run-1"]
    assert [one.run for one in ledger.runs(state="waiting")] == ["run-1"]
    assert [one.run for one in ledger.runs(workflow="tickets")] == ["run-2"]
    assert len(ledger.runs(limit=1)) == 1


@pytest.mark.parametrize("changes", [{"colour": "red"}, {"state": "odd"}])
def test_changes_that_a_run_cannot_have(ledger: Ledger, changes: dict[str, str]) -> None:
    ledger.start_run(run_record("run-1"))
    with pytest.raises(BadInput):
        ledger.update_run("run-1", **changes)
    with pytest.raises(NotFound, match="'run-7'"):
        ledger.update_run("run-7", state="done")

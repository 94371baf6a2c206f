"""The register on both databases: rows alone make nobody a signer, and what was seen is not forgotten."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.engine import Connection

from contracts.decision import Signature
from contracts.enrolment import Enrolment
from contracts.errors import Conflict, MissingRole, StateUnusable, UnknownKey
from contracts.records import Person
from contracts.register import Invitation, Membership, NewKey, Registered, Revocation
from contracts.signatures import public_line, sshsig_sign
from ledger import FolderArtifacts, Ledger, Trust
from ledger.enrolments import invitation_key
from ledger.schema import people, person_keys, register
from tests.ledger.support import NOW, Clock, Signer, enrolled, person_key, proposal, tamper

Open = Callable[..., Ledger]


@pytest.fixture
def ana() -> Signer:
    return Signer("ana", Ed25519PrivateKey.generate())


@pytest.fixture
def opened(url: str, tmp_path: Path, clock: Clock) -> Open:
    """Opens the ledger as the effects' process, or as another one with the same roots."""

    def open_one(*, keeps: bool = True, folder: str = "trust") -> Ledger:
        trust = Trust(tmp_path / folder, keeps=keeps)
        return Ledger.open(url, FolderArtifacts(tmp_path / "artifacts"), clock=clock, trust=trust)

    return open_one


@pytest.fixture
def effects(opened: Open, ana: Signer) -> Ledger:
    """What the effects' process believes, with ana pinned on its host."""
    ledger = opened()
    assert ledger.trust is not None
    ledger.trust.pin("ana", ana.line)
    return ledger


def signed(statement: Membership | Invitation | Revocation, *by: Signer) -> Registered:
    data = statement.signing_bytes()
    signatures = [
        Signature(scheme="sshsig", key=each.fingerprint, value=sshsig_sign(each.private, data)) for each in by
    ]
    return Registered(statement=statement, signatures=tuple(signatures))


def member(ledger: Ledger, signer: Signer, *roles: str, hours: int = 1, keys: bool = True) -> Membership:
    first = (NewKey(public_key=signer.line, label="laptop"),) if keys else ()
    person = Person(name=signer.person, display_name=signer.person.title(), roles=roles)
    return Membership(realm=ledger.realm, person=person, keys=first, at=NOW + timedelta(hours=hours))


def says(ledger: Ledger, name: str) -> list[str]:
    return [entry.says for entry in ledger.entries(kind="person") if entry.name == name]


def test_rows_make_nobody_a_signer(effects: Ledger, ana: Signer) -> None:
    mallory = enrolled(effects, "mallory", roles=("reviewer",))
    sealed = proposal(effects)
    effects.store_proposal(sealed)
    with pytest.raises(UnknownKey, match="nobody who may has signed for it"):
        effects.require(mallory.decide(sealed), run=sealed.run, digest=sealed.digest)
    effects.register(signed(member(effects, mallory, "viewer"), ana))
    with pytest.raises(MissingRole):
        effects.require(mallory.decide(sealed), run=sealed.run, digest=sealed.digest)
    effects.register(signed(member(effects, mallory, "reviewer", hours=2, keys=False), ana))
    effects.require(mallory.decide(sealed), run=sealed.run, digest=sealed.digest)


def test_where_nothing_is_pinned_the_effects_process_believes_nobody(opened: Open) -> None:
    effects, console = opened(folder="elsewhere"), opened(keeps=False, folder="none")
    signer = enrolled(effects)
    assert console.trusted_key(signer.fingerprint) is not None
    assert effects.trusted_key(signer.fingerprint) is None
    with pytest.raises(MissingRole, match="Nobody who may has signed"):
        effects.trusted_person("ana")


def test_a_forged_statement_counts_for_nothing_and_is_told_of(effects: Ledger) -> None:
    mallory = Signer("mallory", Ed25519PrivateKey.generate())
    forged = signed(member(effects, mallory, "administrator"), mallory)
    with pytest.raises(UnknownKey):
        effects.register(forged)
    row = {"id": forged.id, "body": forged.model_dump_json(), "recorded_at": NOW}
    with effects.store.write() as connection:
        connection.execute(sa.insert(register), [row, {"id": "x", "body": "{", "recorded_at": NOW}])
    assert effects.trusted_key(mallory.fingerprint) is None
    assert effects.trusted_key(mallory.fingerprint) is None
    [told] = says(effects, "register.idle")
    assert "counts for nothing" in told


def test_a_dropped_revocation_stays_known_and_is_put_back(effects: Ledger, ana: Signer, opened: Open) -> None:
    ben = Signer("ben", Ed25519PrivateKey.generate())
    effects.register(signed(member(effects, ben, "reviewer"), ana))
    revocation = signed(Revocation(realm=effects.realm, key=ben.fingerprint, at=NOW), ben)
    effects.register(revocation)

    def drop(connection: Connection) -> None:
        connection.execute(sa.delete(register).where(register.c.id == revocation.id))
        connection.execute(sa.update(person_keys).values(revoked_at=None))

    tamper(effects, drop)
    for ledger in (effects, opened()):
        key = ledger.trusted_key(ben.fingerprint)
        assert key is not None
        assert key.revoked_at is not None
    [told] = says(effects, "register.put_back")
    assert ben.fingerprint in told
    fresh = opened(keeps=False, folder="fresh")
    assert fresh.trust is not None
    fresh.trust.pin("ana", ana.line)
    found = fresh.trusted_key(ben.fingerprint)
    assert found is not None
    assert found.revoked_at is not None


def test_a_row_that_says_revoked_is_believed_and_remembered(effects: Ledger, ana: Signer, opened: Open) -> None:
    ben = Signer("ben", Ed25519PrivateKey.generate())
    effects.register(signed(member(effects, ben, "reviewer"), ana))
    effects.revoke_key(ben.fingerprint)
    effects.known()
    tamper(effects, lambda connection: connection.execute(sa.update(person_keys).values(revoked_at=None)))
    found = opened().trusted_key(ben.fingerprint)
    assert found is not None
    assert found.revoked_at is not None


def test_a_role_in_the_table_is_not_the_role(effects: Ledger, ana: Signer) -> None:
    ben = Signer("ben", Ed25519PrivateKey.generate())
    effects.register(signed(member(effects, ben, "viewer"), ana))
    roles = ["administrator", "viewer"]
    tamper(effects, lambda connection: connection.execute(sa.update(people).values(roles=roles)))
    assert effects.person("ben").roles == ("administrator", "viewer")
    assert effects.trusted_person("ben").roles == ("viewer",)
    effects.enrol(effects.person("ben").model_copy(update={"roles": ()}))
    assert effects.trusted_person("ben").roles == (), "a provider that gives no role any more is believed"


def test_a_link_lets_one_key_in_where_it_was_signed_for(effects: Ledger, ana: Signer) -> None:
    effects.register(signed(member(effects, ana, "administrator"), ana))
    token, browser, second, stray = effects.create_invitation("ana", seconds=60), *(_browser("ana") for _ in range(3))
    line = public_line(invitation_key(token))
    asked = Invitation(realm=effects.realm, person="ana", key=line, expires_at=NOW + timedelta(minutes=1), at=NOW)
    effects.register(signed(asked, ana))
    for each, link in ((browser, token), (second, token), (stray, effects.create_invitation("ana", seconds=60))):
        effects.enrol_invited(link, person_key(each))
    assert effects.trusted_key(browser.fingerprint) is not None
    assert effects.trusted_key(second.fingerprint) is None
    assert effects.trusted_key(stray.fingerprint) is None
    assert effects.key(stray.fingerprint) is not None


def test_another_persons_link_is_an_administrators_for_a_first_key_only(effects: Ledger, ana: Signer) -> None:
    ben = _browser("ben")
    effects.register(signed(member(effects, ben, "reviewer", keys=False), ana))
    invited = Ed25519PrivateKey.generate()
    asked = Invitation(
        realm=effects.realm, person="ben", key=public_line(invited), expires_at=NOW + timedelta(minutes=1), at=NOW
    )
    effects.register(signed(asked, ana))
    wish = Enrolment(realm=effects.realm, person="ben", key=ben.fingerprint, label="browser", asked_at=NOW)
    by = Signer("ben", invited)
    value = Signature(scheme="sshsig", key=by.fingerprint, value=sshsig_sign(invited, wish.signing_bytes()))
    effects.add_key(person_key(ben))
    effects.register(Registered(statement=wish, signatures=(value,), public_key=ben.line))
    assert effects.trusted_key(ben.fingerprint) is not None
    again = asked.model_copy(update={"key": public_line(Ed25519PrivateKey.generate())})
    with pytest.raises(UnknownKey, match="their own invitations"):
        effects.register(signed(again, ana))


def test_statements_are_never_changed_and_known_to_all(effects: Ledger, ana: Signer, opened: Open) -> None:
    effects.register(signed(member(effects, ana, "administrator"), ana))
    with pytest.raises(Exception, match="append-only"), effects.store.write() as connection:
        connection.execute(sa.delete(register))
    assert opened(keeps=False).trusted_person("ana").display_name == "Ana"
    with pytest.raises(Conflict):
        effects.register(signed(member(effects, ana, "viewer", hours=0), ana))


def test_roots_that_others_may_write_are_refused(effects: Ledger) -> None:
    assert effects.trust is not None
    effects.trust.file.chmod(0o666)
    with pytest.raises(StateUnusable, match="may be changed by others"):
        effects.trust.roots()
    effects.trust.file.chmod(0o600)
    effects.trust.file.write_text("not a key\n")
    with pytest.raises(StateUnusable, match="no name and key"):
        effects.trust.roots()


def _browser(name: str) -> Signer:
    return Signer(name, Ed25519PrivateKey.generate())

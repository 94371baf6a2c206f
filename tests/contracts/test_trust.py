"""What statements add up to: nothing without a chain of signatures to a pinned key."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.decision import Signature
from contracts.enrolment import Enrolment
from contracts.errors import Conflict, NotEnough, UnknownKey
from contracts.records import Person, PersonKey
from contracts.register import Invitation, Membership, NewKey, Recovery, Registered, Revocation
from contracts.signatures import public_line, raw_sign, sshsig_sign
from contracts.trust import PINNED, Known
from contracts.wire import fingerprint

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def new() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


def mark(key: Ed25519PrivateKey) -> str:
    return fingerprint(public_line(key))


def signed(statement: Membership | Invitation | Recovery | Revocation, *keys: Ed25519PrivateKey) -> Registered:
    data = statement.signing_bytes()
    by = tuple(Signature(scheme="sshsig", key=mark(key), value=sshsig_sign(key, data)) for key in keys)
    return Registered(statement=statement, signatures=by)


def member(name: str, key: Ed25519PrivateKey | None, *roles: str, after: int = 1) -> Membership:
    keys = (NewKey(public_key=public_line(key), label="first"),) if key else ()
    person = Person(name=name, display_name=name, roles=roles)
    return Membership(realm="here", person=person, keys=keys, at=NOW + timedelta(hours=after))


def founded(root: Ed25519PrivateKey, quorum: int = 1) -> Known:
    line = public_line(root)
    pinned = PersonKey(fingerprint=mark(root), person="ana", public_key=line, label="pinned", enrolled_at=PINNED)
    return Known("here", [pinned], quorum)


def test_a_key_that_signs_for_itself_is_nobodys() -> None:
    known, mallory = founded(new()), new()
    with pytest.raises(UnknownKey):
        known.apply(signed(member("mallory", mallory, "administrator"), mallory))
    assert mark(mallory) not in known.keys


def test_a_revoked_key_stays_revoked_and_an_old_role_does_not_come_back() -> None:
    root, ben = new(), new()
    known = founded(root)
    joined = signed(member("ben", ben, "reviewer"), root)
    known.apply(joined)
    known.apply(signed(member("ben", None, "viewer", after=3), root))
    with pytest.raises(Conflict):
        known.apply(signed(member("ben", None, "release", after=2), root))
    assert known.people["ben"].roles == ("viewer",)
    known.apply(signed(Revocation(realm="here", key=mark(ben), at=NOW), ben))
    known.apply(joined)
    assert known.keys[mark(ben)].revoked_at is not None


def test_a_recovery_needs_the_quorum_of_others_and_ends_the_old_keys() -> None:
    root, ben, cyn, fresh = new(), new(), new(), new()
    known = founded(root, quorum=2)
    known.apply(signed(member("ben", ben, "administrator"), root))
    known.apply(signed(member("cyn", cyn, "administrator"), root, ben))
    recovery = Recovery(realm="here", person="cyn", key=NewKey(public_key=public_line(fresh), label="new"), at=NOW)
    for too_few in ((root,), (root, root), (root, cyn)):
        with pytest.raises(NotEnough):
            known.apply(signed(recovery, *too_few))
    known.apply(signed(recovery, root, ben))
    assert known.keys[mark(cyn)].revoked_at is not None
    assert known.keys[mark(fresh)].revoked_at is None


def test_a_link_is_worth_no_more_than_the_key_that_signed_for_it() -> None:
    root, lost, fresh, link, thief = new(), new(), new(), new(), new()
    known = founded(root)
    known.apply(signed(member("ben", lost, "reviewer"), root))
    late = NOW + timedelta(days=9)
    asked = Invitation(realm="here", person="ben", key=public_line(link), expires_at=late, at=NOW + timedelta(days=5))
    known.apply(signed(asked, lost))
    recovery = Recovery(realm="here", person="ben", key=NewKey(public_key=public_line(fresh), label="new"), at=NOW)
    known.apply(signed(recovery, root))
    wish = Enrolment(realm="here", person="ben", key=mark(thief), label="x", asked_at=NOW + timedelta(days=6))
    by = Signature(scheme="ed25519", key=mark(link), value=raw_sign(link, wish.signing_bytes()))
    with pytest.raises(UnknownKey, match="was revoked"):
        known.apply(Registered(statement=wish, signatures=(by,), public_key=public_line(thief)))
    assert {key.fingerprint for key in known.keys_of("ben") if key.revoked_at is None} == {mark(fresh)}


def test_what_is_remembered_still_has_to_lead_to_a_root() -> None:
    root, other, ben, cyn = new(), new(), new(), new()
    of_root, of_other = signed(member("ben", ben, "reviewer"), root), signed(member("cyn", cyn, "reviewer"), other)
    known = founded(root, quorum=3)
    for change in (of_root, of_other, of_root):
        known.remember(change)
    assert mark(ben) in known.keys
    assert mark(cyn) not in known.keys
    assert known.quorum == 3

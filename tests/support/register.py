"""Signs for people, keys and links as the one whose key is pinned."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.decision import Signature
from contracts.records import ADMINISTRATOR, Person
from contracts.register import Invitation, Membership, NewKey, Recovery, Registered, Revocation
from contracts.signatures import public_line, sshsig_sign
from contracts.wire import fingerprint
from ledger import Ledger, Trust
from ledger.enrolments import invitation_key


def signed(statement: Membership | Invitation | Revocation | Recovery, *keys: Ed25519PrivateKey) -> Registered:
    data = statement.signing_bytes()
    by = [Signature(scheme="sshsig", key=fingerprint(public_line(key)), value=sshsig_sign(key, data)) for key in keys]
    return Registered(statement=statement, signatures=tuple(by))


def found(ledger: Ledger, folder: Path, person: Person) -> Ed25519PrivateKey:
    """From now on this ledger is the effects' process's, with a new key of the person's pinned, and them signed for."""
    root = Ed25519PrivateKey.generate()
    ledger.trust = Trust(folder, keeps=True)
    ledger.trust.pin(person.name, public_line(root))
    first = NewKey(public_key=public_line(root), label="pinned")
    person = person.model_copy(update={"roles": (*person.roles, ADMINISTRATOR)})
    now = datetime.now(UTC)
    ledger.register(signed(Membership(realm=ledger.realm, person=person, keys=(first,), at=now), root))
    return root


def invited(ledger: Ledger, person: str, root: Ed25519PrivateKey) -> str:
    """The token of a link that they signed for."""
    token, now = ledger.create_invitation(person, seconds=60), datetime.now(UTC)
    line, until = public_line(invitation_key(token)), now + timedelta(seconds=60)
    ledger.register(signed(Invitation(realm=ledger.realm, person=person, key=line, expires_at=until, at=now), root))
    return token

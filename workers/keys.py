"""The private key of the person at this host. Only the command line opens it; no worker does."""

import getpass
import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_ssh_private_key,
)

from contracts import signatures, wire
from contracts.batch import Batch, BatchItem
from contracts.decision import RejectReason, Signature, SignedDecision, Statement, Verdict
from contracts.delegation import Delegation, SignedDelegation
from contracts.erasure import Erasure, SignedErasure
from contracts.errors import BadInput, NotFound, Refused, StateUnusable
from contracts.proposal import Proposal
from contracts.records import Person, PersonKey
from contracts.register import Invitation, Membership, NewKey, Recovery, Registered, Revocation
from ledger import Ledger
from ledger.enrolments import invitation_key
from workers.settings import Settings


def person_name(settings: Settings) -> str:
    """Who is at the keyboard: COUNTERSIGN_PERSON, else the operating system's user."""
    return settings.person or getpass.getuser()


def key_path(settings: Settings) -> Path:
    return settings.keys / f"{person_name(settings)}_ed25519"


def enrol_local_person(settings: Settings, ledger: Ledger) -> tuple[Person, PersonKey, bool]:
    """The local person and key, made on first use. The last value tells whether they are new."""
    name, path = person_name(settings), key_path(settings)
    new = not path.exists()
    if new:
        generate(path, comment=("countersign demo, " if settings.demo else "") + name)
    line = path.with_suffix(".pub").read_text().strip()
    person = Person(name=name, display_name=name, roles=("reviewer", "approver", "administrator"))
    key = PersonKey(
        fingerprint=wire.fingerprint(line),
        person=name,
        public_key=line,
        label="demo key" if settings.demo else "this computer",
        enrolled_at=datetime.now(UTC),
    )
    known = {each.fingerprint: each for each in ledger.keys(name)}
    if key.fingerprint not in known:
        ledger.enrol(person)
        ledger.add_key(key)
    found(settings, ledger, person, key)
    return person, known.get(key.fingerprint, key), new


def found(settings: Settings, ledger: Ledger, person: Person, key: PersonKey) -> bool:
    """Pin the local person's key where nothing is pinned and nobody has signed for anybody, and sign for their roles.

    Whoever comes later is accepted by an administrator: nothing is done then, and the answer is no.
    """
    trust = ledger.trust
    if trust is None or ledger.has_statements():
        return False
    if not trust.is_pinned:
        trust.pin(person.name, key.public_key)
    elif key.fingerprint not in {root.fingerprint for root in trust.roots()}:
        return False
    first = NewKey(public_key=key.public_key, label=key.label)
    ledger.register(
        registered(settings, Membership(realm=ledger.realm, person=person, keys=(first,), at=datetime.now(UTC)))
    )
    return True


def registered(settings: Settings, statement: Membership | Invitation | Revocation | Recovery) -> Registered:
    """The statement, signed with the local person's key."""
    return Registered(statement=statement, signatures=(signature(settings, statement.signing_bytes()),))


def invite(settings: Settings, ledger: Ledger, person: str, *, seconds: float) -> tuple[str, bool]:
    """The token of a one-time link, and whether the local person could sign for the key that it brings.

    They can for themselves, and as an administrator for somebody who never had a key. Anybody else opens it with a key
    that they have.
    """
    token = ledger.create_invitation(person, seconds=seconds)
    if ledger.trust is not None:
        now = datetime.now(UTC)
        line = signatures.public_line(invitation_key(token))
        until = now + timedelta(seconds=seconds)
        asked = Invitation(realm=ledger.realm, person=person, key=line, expires_at=until, at=now)
        try:
            ledger.register(registered(settings, asked))
        except Refused:
            return token, False
    return token, True


def revoke(settings: Settings, ledger: Ledger, key: str) -> str:
    """Revoke a key, with the local person's signature where they may give it. Else the words why it has none.

    The row alone is believed, too. Raises NotFound for a key that isn't enrolled.
    """
    if ledger.key(key) is None:
        ledger.revoke_key(key)
    why = ""
    if ledger.trust is not None:
        try:
            ledger.register(registered(settings, Revocation(realm=ledger.realm, key=key, at=datetime.now(UTC))))
        except (Refused, NotFound, StateUnusable) as error:
            why = f"Without a signature for it: {error.what}"
    ledger.revoke_key(key)
    return why


def generate(path: Path, *, comment: str) -> None:
    """A new Ed25519 key pair in OpenSSH's format: `path` with mode 0600 and `path.pub`."""
    private = Ed25519PrivateKey.generate()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    body = private.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(body)
    path.with_suffix(".pub").write_text(signatures.public_line(private, comment) + "\n")


def load_private(path: Path) -> Ed25519PrivateKey:
    """The private key at `path`, which must be the owner's alone."""
    if not path.exists():
        raise NotFound(
            f"There is no signing key at {path}.",
            subject=str(path),
            way_out="Enrol yourself on this computer: `countersign enrol`.",
        )
    if path.stat().st_mode & 0o077:
        raise StateUnusable(
            f"The signing key {path} can be read by others.", subject=str(path), way_out=f"chmod 600 {path}"
        )
    private = load_ssh_private_key(path.read_bytes(), password=None)
    if not isinstance(private, Ed25519PrivateKey):
        raise StateUnusable(
            f"The signing key {path} is not an Ed25519 key.",
            subject=str(path),
            way_out="Move it away and run `countersign enrol`.",
        )
    return private


def signature(settings: Settings, data: bytes) -> Signature:
    """By the local person's key."""
    return signatures.sshsig(load_private(key_path(settings)), data)


def sign_batch(settings: Settings, proposals: Sequence[Proposal]) -> tuple[SignedDecision, ...]:
    """The local person's approval of all of these by one signature: a decision for each."""
    items = sorted({each.digest: BatchItem(run=each.run, digest=each.digest) for each in proposals}.items())
    batch = Batch(
        realm=proposals[0].realm,
        items=tuple(item for _, item in items),
        person=person_name(settings),
        decided_at=datetime.now(UTC),
        nonce=secrets.token_hex(16),
    )
    return SignedDecision.each_of(batch, signature(settings, batch.signing_bytes()))


def sign_erasure(settings: Settings, erasure: Erasure) -> SignedErasure:
    """The local person's signature under an erasure."""
    private = load_private(key_path(settings))
    made = signatures.sshsig(private, erasure.signing_bytes())
    return SignedErasure(erasure=erasure, signature=made, public_key=signatures.public_line(private))


def sign_delegation(settings: Settings, realm: str, **said: Any) -> SignedDelegation:
    """The local person's delegation, or the end of one, made now. BadInput for one that says nothing sensible."""
    now, nonce = datetime.now(UTC), secrets.token_hex(16)
    fixed = {"realm": realm, "person": person_name(settings), "decided_at": now, "nonce": nonce}
    statement = Delegation.model_validate({**said, **fixed})
    if statement.problem:
        raise BadInput(
            f"It can't be handed on like that: {statement.problem}.", way_out="`countersign delegate --help`"
        )
    return SignedDelegation(statement=statement, signature=signature(settings, statement.signing_bytes()))


def sign(
    settings: Settings,
    proposal: Proposal,
    verdict: Verdict,
    *,
    reason: RejectReason | None = None,
    words: str = "",
    withdraws: str = "",
    at: datetime | None = None,
) -> SignedDecision:
    """The local person's signed decision on exactly this proposal, made now unless told otherwise."""
    statement = Statement(
        realm=proposal.realm,
        run=proposal.run,
        digest=proposal.digest,
        verdict=verdict,
        reason=reason,
        words=words,
        withdraws=withdraws,
        person=person_name(settings),
        decided_at=at or datetime.now(UTC),
        nonce=secrets.token_hex(16),
    )
    return SignedDecision(
        statement=statement,
        signature=signature(settings, statement.signing_bytes()),
        via="demo" if settings.demo else "command line",
    )

"""What the statements of the register add up to: who may sign, with which keys and roles.

It starts from roots, which whoever runs the platform has pinned outside the database, and believes nothing but what
a chain of signatures leads to. Pure functions over what they are given; nothing here reads a file.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from contracts.decision import Signature
from contracts.enrolment import Enrolment
from contracts.errors import (
    BadInput,
    BadSignature,
    Conflict,
    CountersignError,
    Expired,
    MissingRole,
    NotEnough,
    Refused,
    UnknownKey,
    WrongRun,
)
from contracts.passkeys import is_passkey
from contracts.records import ADMINISTRATOR, Person, PersonKey
from contracts.register import Invitation, Membership, NewKey, Recovery, Registered, Revocation
from contracts.requirements import AGENT
from contracts.signatures import verify
from contracts.wire import fingerprint

PINNED = datetime(1970, 1, 1, tzinfo=UTC)  # since when a root is a key: before all others
CLOCK_SKEW = timedelta(minutes=5)


class Known:
    """Who may sign, as far as statements were applied. Not safe to share by threads while they are."""

    def __init__(self, realm: str, roots: Iterable[PersonKey], quorum: int = 1) -> None:
        """`quorum`: how many administrators have to sign a membership or a recovery."""
        self.realm, self.quorum = realm, quorum
        self.keys = {key.fingerprint: key for key in roots}
        self.people = {key.person: _root(key.person) for key in self.keys.values()}
        self.applied: dict[str, Registered] = {}
        self._since: dict[str, datetime] = {}  # of whom which membership, or recovery, is the last
        self._invitations: dict[str, Registered] = {}  # by the key that each lets sign

    def apply(self, change: Registered) -> None:
        """Take a statement in; the same again is nothing. Refused, Conflict or BadInput: nothing has changed."""
        if change.id not in self.applied:
            self.check(change)
            self.take(change)

    def remember(self, change: Registered) -> None:
        """Take in one that counted in an earlier life of this process: it counts where it still leads to a root.

        How many administrators had to sign was asked then. What led to a root that is pinned no more is let go.
        """
        if change.id in self.applied:
            return
        asked, self.quorum = self.quorum, 1
        try:
            self.check(change)
        except CountersignError:
            return
        finally:
            self.quorum = asked
        self.take(change)

    def check(self, change: Registered) -> None:
        """Whether the statement counts, by its signatures and by what is known."""
        statement = change.statement
        if statement.realm != self.realm:
            raise WrongRun("It was signed for another installation.", subject=statement.realm)
        if isinstance(statement, Membership):
            self._check_membership(change, statement)
        elif isinstance(statement, Recovery):
            self._check_recovery(change, statement)
        elif isinstance(statement, Revocation):
            self._check_revocation(change, statement)
        elif isinstance(statement, Invitation):
            self._check_invitation(change, statement)
        else:
            self._check_enrolment(change, statement)

    def take(self, change: Registered) -> None:
        """Take in one that was checked."""
        statement = change.statement
        self.applied[change.id] = change
        if isinstance(statement, Membership):
            self.people[statement.person.name] = statement.person
            self._since[f"member/{statement.person.name}"] = statement.at
            for first in statement.keys:
                self._add(statement.person.name, first, statement.at)
        elif isinstance(statement, Recovery):
            for key in self.keys_of(statement.person):
                self.revoke(key.fingerprint, statement.at)
            self._since[f"keys/{statement.person}"] = statement.at
            self._add(statement.person, statement.key, statement.at)
        elif isinstance(statement, Revocation):
            self.revoke(statement.key, statement.at)
        elif isinstance(statement, Invitation):
            self._invitations[fingerprint(statement.key)] = change
        else:
            self._invitations.pop(change.signatures[0].key, None)  # of one that it used up
            self._add(statement.person, NewKey(public_key=change.public_key, label=statement.label), statement.asked_at)

    def revoke(self, key: str, at: datetime) -> None:
        """From now on the key signs nothing. One that isn't known yet is of no use later."""
        known = self.keys.get(key)
        if known is None:
            known = PersonKey(fingerprint=key, person="", public_key="", label="", enrolled_at=at)
        if known.revoked_at is None:
            self.keys[key] = known.model_copy(update={"revoked_at": at})

    def keys_of(self, person: str) -> list[PersonKey]:
        """Their keys, oldest first, revoked ones too."""
        return sorted((key for key in self.keys.values() if key.person == person), key=lambda key: key.enrolled_at)

    def administrators(self) -> set[str]:
        return {name for name, person in self.people.items() if _administers(person)}

    @property
    def needed(self) -> int:
        """How many administrators have to sign: the quorum, or all of them while they are fewer."""
        return max(1, min(self.quorum, len(self.administrators())))

    def _check_membership(self, change: Registered, statement: Membership) -> None:
        name = statement.person.name
        self._require_administrators(change, self._signers(change))
        if statement.at <= self._since.get(f"member/{name}", PINNED):
            raise Conflict(
                f"What {name!r} is here was signed for later than this.", subject=name, way_out="Sign for it anew."
            )
        known = {key.fingerprint for key in self.keys_of(name)}
        if known and not {fingerprint(key.public_key) for key in statement.keys} <= known:
            raise Refused(
                f"{name!r} has a key, and others are added with it.",
                subject=name,
                way_out=f"All are lost? `countersign recover {name}`.",
            )
        for key in statement.keys:
            self._require_new(key.public_key, name)
        if not _administers(statement.person) and not self.administrators() - {name}:
            raise Refused("Nobody would be an administrator any more.", subject=name)

    def _check_recovery(self, change: Registered, statement: Recovery) -> None:
        name = statement.person
        if name not in self.people:
            raise MissingRole(f"{name!r} is nobody here, so there is nothing to recover.", subject=name)
        self._require_administrators(change, [key for key in self._signers(change) if key.person != name])
        if statement.at <= self._since.get(f"keys/{name}", PINNED):
            raise Conflict(f"{name!r} was recovered later than this.", subject=name)
        if fingerprint(statement.key.public_key) in self.keys:
            raise Conflict("The new key of a recovery has to be a new one.", subject=name)

    def _check_revocation(self, change: Registered, statement: Revocation) -> None:
        key = self.keys.get(statement.key)
        if key is None:
            raise UnknownKey(f"Nobody has the key {statement.key}.", subject=statement.key)
        signers = self._signers(change, by_browsers=True)
        if not any(each.person == key.person or each.person in self.administrators() for each in signers):
            raise MissingRole("A key is revoked by its person or by an administrator.", subject=statement.key)

    def _check_invitation(self, change: Registered, statement: Invitation) -> None:
        fingerprint(statement.key)
        signers = self._signers(change)
        if not self.keys_of(statement.person):
            self._require_administrators(change, signers)
        elif any(key.person != statement.person for key in signers):
            raise UnknownKey("Who has a key signs for their own invitations.", subject=statement.person)
        self._require_after_recovery(statement.person, statement.at)

    def _check_enrolment(self, change: Registered, statement: Enrolment) -> None:
        if fingerprint(change.public_key) != statement.key:
            raise BadInput("The fingerprint is not that of the public key.", subject=statement.key)
        self._require_new(change.public_key, statement.person)
        self._require_after_recovery(statement.person, statement.asked_at)
        [signature, *more] = change.signatures
        invitation = self._invitations.get(signature.key)
        if invitation is not None and not more:
            self._check_invited(statement, signature, invitation)
            return
        signers = self._signers(change, by_browsers=True)
        if any(key.person != statement.person for key in signers):
            raise UnknownKey("A key is added with another key of the same person.", subject=statement.key)
        if signature.scheme == "ed25519" and signature.key not in best_plain(self.keys_of(statement.person)):
            raise UnknownKey("Who has a passkey adds keys with it.", subject=signature.key)

    def _check_invited(self, wish: Enrolment, signature: Signature, by: Registered) -> None:
        """A link is worth no more than the keys that signed for it are now."""
        invitation = by.statement
        assert isinstance(invitation, Invitation)
        signers = [self.keys[each.key] for each in by.signatures]
        if wish.person != invitation.person:
            raise UnknownKey("The invitation was for somebody else.", subject=wish.person)
        if any(key.revoked_at is not None for key in signers):
            raise UnknownKey("The key that signed for the link was revoked.", subject=wish.person)
        if any(key.person != wish.person for key in signers) and self.keys_of(wish.person):
            raise UnknownKey("Who has a key signs for their own links.", subject=wish.person)
        if not invitation.at - CLOCK_SKEW <= wish.asked_at <= invitation.expires_at:
            raise Expired("The invitation has run out.", subject=wish.person, way_out="`countersign link` again.")
        if not verify(signature, invitation.key, wish.signing_bytes()):
            raise BadSignature("The signature does not match the words under it.", subject=signature.key)

    def _signers(self, change: Registered, *, by_browsers: bool = False) -> list[PersonKey]:
        """The keys that signed, each of them good. A script in a page could use a browser's own key: that is enough to
        take a key away or to add a passkey, and for nothing else."""
        return [self._signer(signature, change, by_browsers) for signature in change.signatures]

    def _signer(self, signature: Signature, change: Registered, by_browsers: bool) -> PersonKey:
        key = self.keys.get(signature.key)
        if key is None or not key.person:
            raise UnknownKey(f"The key {signature.key} is not accepted here.", subject=signature.key)
        if key.revoked_at is not None:
            raise UnknownKey(f"The key {signature.key} was revoked.", subject=signature.key)
        if signature.scheme == "ed25519" and not by_browsers:
            raise UnknownKey("A browser's own key says nothing of who may sign.", subject=signature.key)
        if not verify(signature, key.public_key, change.statement.signing_bytes()):
            raise BadSignature("The signature does not match the words under it.", subject=signature.key)
        return key

    def _require_administrators(self, change: Registered, signers: Iterable[PersonKey]) -> None:
        signed, may = {key.person for key in signers}, self.administrators()
        if len(signed & may) < self.needed:
            raise NotEnough(
                f"It needs the signatures of {self.needed} of {', '.join(sorted(may)) or 'nobody'}, as administrators, "
                f"and has {len(signed & may)}.",
                subject=change.about,
                way_out="Have more of them sign the same file: `ssh-keygen -Y sign -n countersign`.",
            )

    def _require_new(self, line: str, person: str) -> None:
        known = self.keys.get(fingerprint(line))
        if known is not None and (known.person != person or known.revoked_at is not None):
            raise Conflict("The key is another person's, or was revoked.", subject=known.fingerprint)

    def _require_after_recovery(self, person: str, at: datetime) -> None:
        if person not in self.people:
            raise MissingRole(f"Nobody has accepted {person!r} here.", subject=person)
        if at <= self._since.get(f"keys/{person}", PINNED):
            raise Expired("It was signed before a recovery.", subject=person)

    def _add(self, person: str, key: NewKey, at: datetime) -> None:
        mark = fingerprint(key.public_key)
        made = PersonKey(fingerprint=mark, person=person, public_key=key.public_key, label=key.label, enrolled_at=at)
        self.keys.setdefault(mark, made)


def best_plain(keys: Iterable[PersonKey]) -> set[str]:
    """Those of a person's keys that a browser may sign with: none where a passkey is good."""
    known = list(keys)
    if any(is_passkey(key.public_key) and key.revoked_at is None for key in known):
        return set()
    return not_overtaken(known)


def not_overtaken(keys: Iterable[PersonKey]) -> set[str]:
    """Fingerprints of good keys that no passkey has overtaken: those enrolled after the last one.

    One that was revoked counts, too: who could take the passkey away must not get an older key's power by it.
    """
    known = list(keys)
    last = max((key.enrolled_at for key in known if is_passkey(key.public_key)), default=None)
    good = (key for key in known if key.revoked_at is None)
    return {key.fingerprint for key in good if last is None or key.enrolled_at > last}


def _root(person: str) -> Person:
    """Whose key is pinned is an administrator, until a membership says more."""
    return Person(name=person, display_name=person, roles=(ADMINISTRATOR,))


def _administers(person: Person) -> bool:
    return ADMINISTRATOR in person.roles and AGENT not in person.roles

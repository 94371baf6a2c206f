"""A new key, asked for with one that is enrolled."""

import base64
from contextlib import suppress

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from contracts.decision import Signature
from contracts.enrolment import Enrolment, SignedEnrolment
from contracts.errors import BadInput, Refused
from contracts.records import PersonKey
from contracts.register import Registered
from contracts.signatures import public_line, raw_sign
from contracts.wire import fingerprint
from ledger.rule import Rule


class Enrolments(Rule):
    """Adding keys without an administrator."""

    def enrol_key(self, signed: SignedEnrolment, public_key: str) -> PersonKey:
        """Add a key of the person's own. Raises the Refused that applies; BadInput for a key that isn't the one named.

        The signature has to be by a key of theirs that is good, and that could sign a decision today.
        """
        wish, signature = signed.enrolment, signed.signature
        again = "Ask for it again."
        self.require_just_signed("enrolment", wish.realm, wish.asked_at, subject=wish.key, way_out=again)
        self.require_key(signature, wish.person, wish.signing_bytes(), subject=wish.key)
        self.require_best_key(signature, wish.person)
        key = PersonKey(
            fingerprint=wish.key,
            person=wish.person,
            public_key=public_key,
            label=wish.label,
            enrolled_at=self.clock(),
        )
        self.add_key(key, signed_by=signature.key, signature=signature.value)
        if self.trust is not None:
            self.register(Registered(statement=wish, signatures=(signature,), public_key=public_key))
        return key

    def enrol_invited(self, token: str, key: PersonKey) -> None:
        """Enrol a key with the token of a one-time link, which holds the private half of the invitation's key.

        Where nobody who may has signed for the link, the key is a request and no more.
        """
        self.add_key(key)
        if self.trust is None:
            return
        wish = Enrolment(
            realm=self.realm, person=key.person, key=key.fingerprint, label=key.label, asked_at=key.enrolled_at
        )
        private = invitation_key(token)
        by = fingerprint(public_line(private))
        signature = Signature(scheme="ed25519", key=by, value=raw_sign(private, wish.signing_bytes()))
        with suppress(Refused):
            self.register(Registered(statement=wish, signatures=(signature,), public_key=key.public_key))


def invitation_key(token: str) -> Ed25519PrivateKey:
    """The key of an invitation, from the token in its link. BadInput for what is no such token."""
    try:
        return Ed25519PrivateKey.from_private_bytes(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except ValueError as error:
        raise BadInput("That is no token of a link.", way_out="Ask for a new one: `countersign link`.") from error

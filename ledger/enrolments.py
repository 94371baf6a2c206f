"""A new key, asked for with one that is enrolled."""

from datetime import timedelta

from contracts.enrolment import SignedEnrolment
from contracts.errors import Expired, WrongRun
from contracts.records import PersonKey
from ledger.rule import CLOCK_SKEW, Rule

GOOD_FOR = timedelta(minutes=10)  # a wish that was signed earlier and never handed in


class Enrolments(Rule):
    """Adding keys without an administrator."""

    def enrol_key(self, signed: SignedEnrolment, public_key: str) -> PersonKey:
        """Add a key of the person's own. Raises the Refused that applies; BadInput for a key that isn't the one named.

        The signature has to be by a key of theirs that is good, and that could sign a decision today.
        """
        wish, signature = signed.enrolment, signed.signature
        now = self.clock()
        if wish.realm != self.realm:
            raise WrongRun("The enrolment was signed for another installation.", subject=wish.realm)
        if not now - GOOD_FOR <= wish.asked_at <= now + CLOCK_SKEW:
            raise Expired("The enrolment was not signed just now.", subject=wish.key, way_out="Ask for it again.")
        self.require_key(signature, wish.person, wish.signing_bytes(), subject=wish.key)
        self.require_best_key(signature, wish.person)
        key = PersonKey(
            fingerprint=wish.key, person=wish.person, public_key=public_key, label=wish.label, enrolled_at=now
        )
        self.add_key(key, signed_by=signature.key, signature=signature.value)
        return key

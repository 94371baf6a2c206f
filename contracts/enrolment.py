"""Asking for a key to be enrolled, signed with a key that is enrolled already."""

from typing import Literal

from pydantic import AwareDatetime

from contracts.base import Contract
from contracts.decision import Signature
from contracts.digests import canonical_json, sealed_json

ENROLMENT_TAG: Literal["countersign/enrolment/v1"] = "countersign/enrolment/v1"


class Enrolment(Contract):
    """What a person signs to have a new key of theirs accepted. A session alone can't add one: whoever stole the
    cookie would sign with a key of their own from then on."""

    type: Literal["countersign/enrolment/v1"] = ENROLMENT_TAG
    realm: str
    person: str
    key: str
    label: str
    asked_at: AwareDatetime

    def signing_bytes(self) -> bytes:
        """The bytes under the signature: canonical JSON."""
        return canonical_json(sealed_json(self))


class SignedEnrolment(Contract):
    """The wish and its signature, by another key of the same person."""

    enrolment: Enrolment
    signature: Signature

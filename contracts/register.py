"""What people sign about who may sign: the statements of the register.

The register is the list of all of them. What they add up to, and which of them count, is `contracts.trust`'s.
"""

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field, TypeAdapter

from contracts.base import Contract
from contracts.decision import Signature
from contracts.digests import canonical_json, sealed_json, tagged_digest
from contracts.enrolment import Enrolment
from contracts.records import Person

REGISTER_TAG = "countersign/register/v1"


class _Statement(Contract):
    """It names the installation, so it fits nowhere else."""

    realm: str

    def signing_bytes(self) -> bytes:
        """The bytes under the signatures: canonical JSON."""
        return canonical_json(sealed_json(self))


class NewKey(Contract):
    """A public key, one line as OpenSSH writes it, and what its person calls it."""

    public_key: str
    label: str


class Membership(_Statement):
    """Who somebody is here and which roles they have, from now on; signed by administrators.

    `keys`: their first keys. Who has one adds others with it, or is recovered. No roles: nobody any more.
    """

    type: Literal["countersign/membership/v1"] = "countersign/membership/v1"
    person: Person
    keys: tuple[NewKey, ...] = ()
    at: AwareDatetime


class Invitation(_Statement):
    """Whoever holds the private half of `key` may enrol one key for this person, once, until `expires_at`.

    Signed by a key of that person, or by administrators for somebody who never had one. The private half is in the link
    of `countersign link`.
    """

    type: Literal["countersign/invitation/v1"] = "countersign/invitation/v1"
    person: str
    key: str
    expires_at: AwareDatetime
    at: AwareDatetime


class Revocation(_Statement):
    """A key signs nothing any more; signed by a key of its own person, or by an administrator."""

    type: Literal["countersign/revocation/v1"] = "countersign/revocation/v1"
    key: str
    at: AwareDatetime


class Recovery(_Statement):
    """Somebody has lost their keys: all of them are revoked, and this one is theirs; signed by administrators who are
    somebody else."""

    type: Literal["countersign/recovery/v1"] = "countersign/recovery/v1"
    person: str
    key: NewKey
    at: AwareDatetime


Change = Annotated[
    Membership | Enrolment | Invitation | Revocation | Recovery,
    Field(discriminator="type"),
]
CHANGE: TypeAdapter[Membership | Enrolment | Invitation | Revocation | Recovery] = TypeAdapter(Change)


class Registered(Contract):
    """A statement as it is kept: with its signatures, and the key that an enrolment names by its fingerprint."""

    statement: Change
    signatures: tuple[Signature, ...] = Field(min_length=1, max_length=20)
    public_key: str = ""

    @property
    def id(self) -> str:
        return tagged_digest(REGISTER_TAG, self.statement.signing_bytes())

    @property
    def about(self) -> str:
        """Whom it is about; empty for a revocation, which names a key."""
        statement = self.statement
        if isinstance(statement, Membership):
            return statement.person.name
        return "" if isinstance(statement, Revocation) else statement.person

    @property
    def says(self) -> str:
        """The ledger's sentence."""
        statement = self.statement
        if isinstance(statement, Membership):
            return f"{self.about} was accepted as {', '.join(statement.person.roles) or 'nobody any more'}"
        if isinstance(statement, Revocation):
            return f"The key {statement.key} was revoked for good"
        if isinstance(statement, Recovery):
            return f"{self.about} was recovered: a new key, and all earlier ones revoked"
        if isinstance(statement, Invitation):
            return f"{self.about} may enrol one more key by a link until {statement.expires_at:%Y-%m-%d %H:%M %Z}"
        return f"The key {statement.key} of {self.about} was accepted"

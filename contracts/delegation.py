"""Handing a proposal on, or all of one's own for a while, to somebody who may decide on it as well.

It gives nobody a power that they don't have: whoever it is handed to decides as themselves, by their own role, and
counts once. It says whose turn it is, to them and to everybody who looks.
"""

from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.decision import Signature
from contracts.digests import canonical_json, sealed_json, tagged_digest

DELEGATION_TAG: Literal["countersign/delegation/v1"] = "countersign/delegation/v1"
LONGEST = timedelta(days=92)  # all of somebody's, for one absence


class Delegation(Contract):
    """What a person signs. `run` and `digest`: one proposal, and later revisions of it; empty: all of theirs, `until`
    then. `revokes` is the id of one that ends, and nothing else is said then."""

    type: Literal["countersign/delegation/v1"] = DELEGATION_TAG
    realm: str
    person: str
    to: str = ""
    run: str = ""
    digest: str = ""
    until: AwareDatetime | None = None
    words: str = Field(default="", max_length=1_000)
    revokes: str = ""
    decided_at: AwareDatetime
    nonce: str = Field(min_length=16, max_length=64)

    @property
    def problem(self) -> str:
        """Why it says nothing that could be taken, in words; empty where it does."""
        if self.revokes:
            return (
                "what ends a delegation says nothing else" if self.to or self.run or self.digest or self.until else ""
            )
        if not self.to or self.to == self.person:
            return "a delegation names somebody else"
        if bool(self.run) != bool(self.digest):
            return "a proposal is named by its run and its digest"
        if not self.digest and self.until is None:
            return "all of one's own is handed on until a date"
        if self.until and not self.decided_at < self.until <= self.decided_at + LONGEST:
            return f"it ends within {LONGEST.days} days, and after it begins"
        return ""

    def signing_bytes(self) -> bytes:
        """The bytes under the signature: canonical JSON."""
        return canonical_json(sealed_json(self))

    @property
    def id(self) -> str:
        return tagged_digest(DELEGATION_TAG, self.signing_bytes())

    @property
    def says(self) -> str:
        """`ana hands proposal 3f9a1c02b7de to ben`."""
        if self.revokes:
            return f"{self.person} ends the delegation {self.revokes[7:19]}"
        what = f"proposal {self.digest[7:19]}" if self.digest else "all that waits for them"
        until = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"{self.person} hands {what} to {self.to}{until}"


class SignedDelegation(Contract):
    """The statement and its signature, by a key of who hands on, or of who ends it."""

    statement: Delegation
    signature: Signature


class DelegationRecord(Contract):
    """One that was taken, and whether it was ended."""

    id: str
    signed: SignedDelegation
    made_at: AwareDatetime
    ended_at: AwareDatetime | None = None
    ended_by: str = ""

    @property
    def statement(self) -> Delegation:
        return self.signed.statement

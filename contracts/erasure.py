"""Erasing what the ledger says of a person: what was erased, who asked for it, and their signature."""

from typing import Literal

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.decision import Signature
from contracts.digests import canonical_json, sealed_json, tagged_digest

ERASURE_TAG: Literal["countersign/erasure/v1"] = "countersign/erasure/v1"
TOMBSTONE_TAG = "countersign/tombstone/v1"
TOMBSTONES_TAG = "countersign/tombstones/v1"

ERASURE = "ledger.erasure"  # the entry of one erasure: who, why, over which tombstones, and the signature
ERASED = "ledger.erased"  # beside it, one entry for each that was erased
BLANK = "[erased]"


class Tombstone(Contract):
    """What stands for an entry: the digest that was sealed stays, and `tombstone` is that of the text that is left."""

    entry: int
    digest: str
    tombstone: str


class Erasure(Contract):
    """What an administrator signs. It doesn't repeat what is erased."""

    type: Literal["countersign/erasure/v1"] = ERASURE_TAG
    realm: str
    person: str
    because: str = Field(min_length=1, max_length=1_000)
    count: int = Field(ge=0, description="entries")
    tombstones: str = Field(description="digest over all of them, in the order of their entries")
    asked_at: AwareDatetime
    nonce: str = Field(min_length=16, max_length=64)

    def signing_bytes(self) -> bytes:
        """The bytes under the signature: canonical JSON."""
        return canonical_json(sealed_json(self))

    @property
    def id(self) -> str:
        return tagged_digest(ERASURE_TAG, self.signing_bytes())


class SignedErasure(Contract):
    """An erasure and its signature, with the line of the key, so that it can be checked from an export."""

    erasure: Erasure
    signature: Signature
    public_key: str


class ErasurePlan(Contract):
    """What an erasure would change. Nothing of what it erases is in here, only where it stands."""

    tombstones: tuple[Tombstone, ...] = ()
    rows: dict[str, int] = Field(default_factory=dict, description="rows by table, beside the entries")
    bodies: tuple[str, ...] = Field(default=(), description="references of artifacts that are removed whole")
    open_runs: tuple[str, ...] = Field(default=(), description="runs that are not over, so theirs stays for now")
    kept_bodies: int = Field(default=0, description="artifacts that an open run may still read")
    ids: int = Field(default=0, description="entries whose run or key has the words in it: an id is not erased")

    @property
    def digest(self) -> str:
        return tombstones_digest(self.tombstones)

    @property
    def is_empty(self) -> bool:
        return not (self.tombstones or self.bodies or any(self.rows.values()))


def tombstones_digest(tombstones: tuple[Tombstone, ...]) -> str:
    """One digest for all, in the order of their entries."""
    told = [[each.entry, each.digest, each.tombstone] for each in sorted(tombstones, key=lambda one: one.entry)]
    return tagged_digest(TOMBSTONES_TAG, canonical_json(told))

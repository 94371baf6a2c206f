"""Proofs about the ledger for those who have no access to it. They check them offline, with the ledger's public key."""

from typing import Literal

from pydantic import Field

from contracts.base import Contract
from contracts.records import Head

INCLUSION_TAG: Literal["countersign/inclusion/v1"] = "countersign/inclusion/v1"
CONSISTENCY_TAG: Literal["countersign/consistency/v1"] = "countersign/consistency/v1"
EXPORT_TAG: Literal["countersign/export/v1"] = "countersign/export/v1"


class Inclusion(Contract):
    """One entry is under a signed head. `path` holds hashes in hexadecimal, from the leaf up (RFC 9162, 2.1.3)."""

    type: Literal["countersign/inclusion/v1"] = INCLUSION_TAG
    realm: str
    head: Head
    position: int = Field(ge=0)
    entry: int
    recorded_at: str
    digest: str
    body: str = Field(description="the entry's canonical JSON, as it was sealed")
    path: tuple[str, ...]


class Consistency(Contract):
    """All that an older head covers is the beginning of what a newer one covers (RFC 9162, 2.1.4)."""

    type: Literal["countersign/consistency/v1"] = CONSISTENCY_TAG
    realm: str
    old: Head
    new: Head
    path: tuple[str, ...]


class ExportOf(Contract):
    """The first line of an export: of which ledger, and how much of it."""

    type: Literal["countersign/export/v1"] = EXPORT_TAG
    realm: str
    key: str = Field(description="the ledger's public key, as an OpenSSH line; trust a copy from elsewhere")
    entries: int
    heads: int
    unsealed: int = Field(description="entries that are not sealed yet, and not in here")

"""Several proposals approved by one signature: over the sorted list of them, all or none."""

from typing import Literal

from pydantic import AwareDatetime, Field, model_validator

from contracts.base import Contract
from contracts.digests import canonical_json, sealed_json

BATCH_TAG: Literal["countersign/batch/v1"] = "countersign/batch/v1"
MOST = 100


class BatchItem(Contract):
    """One proposal of one run."""

    run: str
    digest: str


class Batch(Contract):
    """What a person signs once for all of them. Sorted by digest, each named once."""

    type: Literal["countersign/batch/v1"] = BATCH_TAG
    realm: str
    items: tuple[BatchItem, ...] = Field(min_length=2, max_length=MOST, json_schema_extra={"uniqueItems": True})
    person: str
    decided_at: AwareDatetime
    nonce: str = Field(min_length=16, max_length=64)

    @model_validator(mode="after")
    def is_sorted(self) -> "Batch":
        digests = [item.digest for item in self.items]
        if digests != sorted(set(digests)):
            raise ValueError("a batch names each digest once, in order")
        return self

    def signing_bytes(self) -> bytes:
        """The bytes under the signature: canonical JSON."""
        return canonical_json(sealed_json(self))

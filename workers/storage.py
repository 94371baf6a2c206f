"""The SDK's external storage on our artifact store: bodies don't travel through history, references do."""

import asyncio
from collections.abc import Sequence

from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
)

from ledger import ArtifactStore


class ArtifactDriver(StorageDriver):
    """Keeps large payloads by the SHA-256 of their bytes. Only the reference is in history."""

    def __init__(self, artifacts: ArtifactStore) -> None:
        self._artifacts = artifacts

    def name(self) -> str:
        return "countersign.artifacts"

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        return [
            StorageDriverClaim(
                claim_data={"ref": await asyncio.to_thread(self._artifacts.put, payload.SerializeToString())}
            )
            for payload in payloads
        ]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        return [
            Payload.FromString(await asyncio.to_thread(self._artifacts.get, claim.claim_data["ref"]))
            for claim in claims
        ]

"""What every part of the ledger stands on."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ledger.artifacts import ArtifactStore
from ledger.store import Store
from ledger.writer import Writer


def utc_now() -> datetime:
    return datetime.now(UTC)


class Part:
    """The fields that the parts of `Ledger` share. Each part is one noun in one file."""

    store: Store
    artifacts: ArtifactStore
    realm: str
    writer: Writer
    clock: Callable[[], datetime]
    signing_key: Ed25519PrivateKey | None
    signing_key_path: Path | None

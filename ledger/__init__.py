"""The durable record: entries, seals, proposals, decisions, people, artifacts."""

from ledger.artifacts import ArtifactStore, FolderArtifacts
from ledger.ledger import Ledger

__all__ = ["ArtifactStore", "FolderArtifacts", "Ledger"]

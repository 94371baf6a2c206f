"""The durable record: entries, seals, proposals, decisions, people, artifacts."""

from ledger.artifacts import ArtifactStore, FolderArtifacts
from ledger.ledger import Ledger
from ledger.trust import Trust

__all__ = ["ArtifactStore", "FolderArtifacts", "Ledger", "Trust"]

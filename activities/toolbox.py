"""What activities are given when the worker starts: nothing is reached through globals."""

from dataclasses import dataclass
from pathlib import Path

from activities.models import Tiers
from contracts.base import Contract
from ledger import ArtifactStore, Ledger
from sandboxes.protocol import SandboxProvider


class Identity(Contract):
    """Who commits: git's author and committer."""

    author_name: str = "Countersign"
    author_email: str = "countersign@localhost"
    committer_name: str = "Countersign"
    committer_email: str = "countersign@localhost"


@dataclass(frozen=True)
class Toolbox:
    """An activities class takes one of these as its only constructor argument."""

    ledger: Ledger
    artifacts: ArtifactStore
    sandboxes: SandboxProvider
    models: Tiers | None
    identity: Identity
    state: Path

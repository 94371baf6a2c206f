"""What activities are given when the worker starts: nothing is reached through globals."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from activities.machine.leases import Leases
from activities.mcp.servers import Servers
from activities.models import Tiers
from activities.repositories import Repositories
from activities.services.service import Services
from activities.starting import Starter
from contracts.base import Contract
from contracts.effects import EffectLimit
from contracts.install import Registry
from contracts.policy import Policy
from ledger import ArtifactStore, Ledger
from sandboxes.egress import Credential
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
    leases: Leases | None = None  # the machines of this process, where it holds any
    # Which credential, by name, goes to which git host and port: to read with here, to write with there.
    git_credentials: Mapping[tuple[str, int], Credential] = field(default_factory=dict)
    # Where tickets are read or pull requests opened, with this worker's credentials.
    services: Services = field(default_factory=Services)
    effect_limits: tuple[EffectLimit, ...] = ()  # how many effects may begin in which time
    # What the code of this process says of each workflow, by its name; none: nothing is carried out.
    policies: Mapping[str, Policy] = field(default_factory=dict)
    team_usd: Mapping[str, Decimal] = field(default_factory=dict)  # what teams may spend on models in a month
    owners: Mapping[str, str] = field(default_factory=dict)  # whose a credential is, by its variable's name
    mcp: Servers = field(default_factory=dict)  # the servers that policies may name
    outbox: Path | None = None  # where payment files are written; None: `outbox` in the state folder
    embeddings: Path | None = None  # folder of the sentence model; None: word vectors stand in
    starter: Starter | None = None  # of the effects' process: what starts runs that were signed
    registries: tuple[Registry, ...] = ()  # from which machines may install a project's packages; none: they may not

    @property
    def repositories(self) -> Repositories:
        """Repositories of this host, for a sandbox to read."""
        return Repositories(self.state / "mirrors", self.sandboxes, self.git_credentials)

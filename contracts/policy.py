"""Policies: what a scoped workflow declares about itself, in code, under version control."""

from datetime import timedelta
from decimal import Decimal
from typing import Literal, Self

from pydantic import Field, model_validator

from contracts.base import Contract
from contracts.gate import Apart as Apart
from contracts.gate import Escalation as Escalation
from contracts.gate import Gate as Gate
from contracts.gate import GateRule as GateRule
from contracts.gate import QuietHours as QuietHours


class Budget(Contract):
    """What may be spent on models, in US dollars: `usd` by one run with its children. Zero means: the baseline only.

    None means no limit of that kind. What a team may spend in a month is set by whoever runs the platform
    (COUNTERSIGN_TEAM_BUDGETS), not by a workflow. docs/budgets.md.
    """

    usd: Decimal = Field(default=Decimal("0"), ge=0)
    call_usd: Decimal | None = Field(default=None, ge=0, description="the worst case of any one call")
    month_usd: Decimal | None = Field(default=None, ge=0, description="all runs of the workflow in a calendar month")


Tier = Literal["baseline", "small", "large"]
TIERS: tuple[Tier, ...] = ("baseline", "small", "large")


class Route(Contract):
    """Which tiers may make the draft: `first` is tried first, and nothing above `last` is asked.

    Tiers are names for what a draft may cost; the settings say which model each is. A draft that passes its
    checks at one tier stays there. One that fails them, or a tier whose drafts people turned down, goes up one.
    """

    first: Tier = "small"
    last: Tier = "large"

    @property
    def tiers(self) -> tuple[Tier, ...]:
        """From the cheapest to the dearest."""
        return TIERS[TIERS.index(self.first) : TIERS.index(self.last) + 1] or (self.first,)


class Schedule(Contract):
    """When the workflow starts by itself.

    `cron` has five fields; `time_zone` is an IANA name. A fire missed while the server was down is made
    up for if it is no older than `catch_up`; one that falls while the last run is still open is skipped.
    """

    cron: str
    time_zone: str = "UTC"
    catch_up: timedelta = timedelta(days=1)
    overlap: Literal["skip", "buffer_one", "allow_all"] = "skip"


SERVER = r"^[a-z][a-z0-9-]{0,23}$"  # an MCP server's name in settings and policies

Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]


class Allow(Contract):
    """One host that a sandbox may reach, by the worker's broker only (docs/egress.md). Hosts are exact names.

    Plain requests go to the broker, which sees method and path, speaks TLS itself, and may put in a credential:
    `credential` is the *name* of a variable of the worker's, and its value never enters the sandbox. A `tunnel` is
    TLS from end to end, so the broker sees the host and the bytes only: nothing is checked inside, nothing put in.
    """

    host: str = Field(max_length=253, pattern=r"^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)*[a-z]([a-z0-9-]*[a-z0-9])?$")
    port: int = Field(default=443, ge=1, le=65535)
    scheme: Literal["https", "http"] = Field(default="https", description="what the broker speaks to the host")
    methods: tuple[Method, ...] = ("GET", "HEAD")
    paths: tuple[str, ...] = Field(default=("/",), description="exact, or with a slash at the end all that is below")
    tunnel: bool = False
    credential: str = Field(default="", description="name of the worker's variable that holds the secret")
    header: str = Field(default="Authorization", pattern=r"^[A-Za-z0-9-]+$", description="where the secret goes")
    template: str = Field(default="Bearer {}", description="what the header says, with the secret for {}")
    user: str = Field(default="", description="HTTP Basic with this user and the secret, in place of `template`")

    @model_validator(mode="after")
    def can_be_held(self) -> Self:
        if self.credential and (self.tunnel or self.scheme == "http"):
            raise ValueError("a credential can be put into plain requests over TLS only: no tunnel, no http")
        if self.credential and not self.user and self.template.count("{}") != 1:
            raise ValueError("the template needs one {} for the secret")
        if any(not path.startswith("/") for path in self.paths):
            raise ValueError("paths begin with a slash")
        if self.tunnel and self.paths != ("/",):
            raise ValueError("the paths inside a tunnel can't be seen")
        return self


class SandboxPolicy(Contract):
    """The limits of one sandbox. Deny by default: no network, no environment, a read-only system."""

    memory_bytes: int = Field(default=1 << 30, ge=1 << 24)
    processes: int = Field(default=128, ge=1)
    cpus: float = Field(default=2.0, gt=0)
    wall_seconds: float = Field(default=600, gt=0, description="for each command")
    disk_bytes: int = Field(default=4 << 30, ge=1 << 20)
    output_bytes: int = Field(default=1 << 30, ge=1024, description="for each command, stdout and stderr together")
    environment: dict[str, str] = Field(default_factory=dict, description="plain values, never a secret")
    environment_names: tuple[str, ...] = Field(
        default=(), description="taken from the worker's environment by name, so that no history holds the value"
    )
    network: Literal["none", "allow", "open"] = "none"
    allow: tuple[Allow, ...] = Field(default=(), description='what `network="allow"` may reach')
    egress_bytes: int = Field(default=1 << 30, ge=0, description="sent and received in the sandbox's whole life")
    provider: Literal["any", "bubblewrap", "docker", "gvisor", "daytona"] = Field(
        default="any", description="any: bubblewrap where it works, else Docker; never something weaker"
    )
    image: str = Field(default="", description="of a container; empty: the platform's own")
    warm: int = Field(default=0, ge=0, le=16, description="kept ready ahead, where a start is slow: Docker and gVisor")
    needs: tuple[Literal["memory", "processes", "cpu", "disk", "syscalls"], ...] = Field(
        default=(),
        description="what must hold, or there is no sandbox: limits for the sum of all processes and files; syscalls: "
        "calls that nobody needs (namespaces, ptrace, keys, setuid files) are refused inside",
    )

    @property
    def credentials(self) -> tuple[str, ...]:
        """The names of those that it gives to a run's sandboxes."""
        return tuple(sorted({entry.credential for entry in self.allow if entry.credential}))

    @model_validator(mode="after")
    def one_way_to_each_host(self) -> Self:
        if self.allow and self.network != "allow":
            raise ValueError(f'`allow` has no meaning with network="{self.network}"')
        ways = [(entry.host, entry.port, entry.tunnel) for entry in self.allow]
        if len(set(ways)) < len(ways):
            raise ValueError("a host and port may be listed once, and once more as a tunnel")
        return self


class McpTools(Contract):
    """Tools of one MCP server that an agent may use, each by its name: nothing else of the server is offered, and of
    these only what the server declares to be read-only. The settings say how the server is reached (docs/agents.md)."""

    server: str = Field(pattern=SERVER)
    tools: tuple[str, ...] = Field(min_length=1)


class SubAgents(Contract):
    """Questions that an agent may hand to agents of its own, one at a time. Each looks at the work as it is and changes
    nothing, and draws from the asking agent's money: `usd` is what it may spend of that at most. `most`: in all."""

    most: int = Field(default=5, ge=1)
    steps: int = Field(default=15, ge=1, description="replies of the model, for one question")
    usd: Decimal = Field(default=Decimal("0.50"), ge=0, description="for one question")


class Policy(Contract):
    """All that a scoped workflow declares about itself."""

    summary: str
    version: str = "1"
    team: str = "platform"
    schedule: Schedule | None = None
    budget: Budget = Budget()
    route: Route = Route()
    gate: Gate = Gate()
    effects: tuple[str, ...] = Field(default=(), description="kinds of effects that it may propose; none: it may not")
    sandbox: SandboxPolicy = SandboxPolicy()
    mcp: tuple[McpTools, ...] = ()
    sub_agents: SubAgents | None = Field(default=None, description="None: its agents ask nobody")
    retention: timedelta = timedelta(days=365)

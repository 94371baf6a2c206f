"""Settings, from the environment (and only when asked for: nothing is read on import)."""

from pathlib import Path
from typing import Annotated, Any, Literal

from platformdirs import user_cache_path, user_state_path
from pydantic import AliasChoices, Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from contracts.errors import BadInput
from contracts.notify import Window

PREFIX = "COUNTERSIGN_"
Port = Annotated[int, Field(ge=0, le=65535)]


def default_state() -> Path:
    return user_state_path("countersign")


def default_tools() -> Path:
    return user_cache_path("countersign") / "tools"


class Settings(BaseSettings):
    """Every setting of the platform. `COUNTERSIGN_STATE=/srv/countersign` sets `state`, and so on.

    Model keys and base URLs keep their providers' own names (ANTHROPIC_API_KEY, OPENAI_API_KEY,
    OPENAI_BASE_URL, …) and are read by `activities.models` where they are used.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore")

    def __init__(self, **values: Any) -> None:
        """Raises BadInput, naming the variable that can't be."""
        try:
            super().__init__(**values)
        except ValidationError as error:
            raise _wrong(error) from error

    state: Path = Field(default_factory=default_state, description="folder of everything kept on this host")
    tools: Path = Field(
        default_factory=default_tools, description="folder of the Temporal server that was fetched or built"
    )
    database_url: str = Field(default="", description="SQLAlchemy URL; empty: SQLite in the state folder")
    temporal_address: str = Field(
        default="", validation_alias=AliasChoices("COUNTERSIGN_TEMPORAL_ADDRESS", "TEMPORAL_ADDRESS")
    )
    namespace: str = Field(
        default="default", validation_alias=AliasChoices("COUNTERSIGN_NAMESPACE", "TEMPORAL_NAMESPACE")
    )
    temporal_tls: bool = Field(default=False, description="TLS to TEMPORAL_ADDRESS; implied by an API key")
    temporal_api_key: str = Field(
        default="",
        repr=False,
        validation_alias=AliasChoices("COUNTERSIGN_TEMPORAL_API_KEY", "TEMPORAL_API_KEY"),
    )
    temporal_port: Port = Field(default=7233, description="of the Temporal server that `up` starts")
    temporal_ui_port: Port = 8233
    temporal_ui_url: str = Field(default="", description="empty: that of the server that `up` starts")
    temporal_synchronous: Literal["NORMAL", "FULL"] = Field(
        default="NORMAL", description="FULL where a power cut matters; NORMAL survives any crash of a process"
    )
    console_port: Port = 8400
    public_url: str = Field(
        default="",
        pattern=r"^(https?://[^/\s?#@]+)?$",
        description="where people reach the console, without a path; empty: http://127.0.0.1:PORT",
    )
    behind_proxy: bool = Field(
        default=False,
        description="a reverse proxy on this host stands before the console and says in X-Forwarded-For who asks",
    )
    oidc_issuer: str = Field(
        default="", description="the organisation's sign-in (OpenID Connect), by its issuer; empty: one-time links"
    )
    oidc_client_id: str = Field(default="", description="the console, as it is registered there")
    oidc_client_secret: str = Field(
        default="",
        pattern=r"^([A-Za-z_][A-Za-z0-9_]*)?$",
        description="name of the variable that holds the client's secret; empty: a public client",
    )
    roles: Path = Field(default=Path(), description="TOML file: which groups have which roles (docs/identity.md)")
    session_minutes: float = Field(
        default=480, ge=1, le=1440, description="how long what the organisation's sign-in said of somebody holds"
    )
    session_idle_minutes: float = Field(default=60, ge=1, description="and a session in which nothing is done")
    ledger_anchor: str = Field(
        default="", description="where the ledger's heads are kept as well: git:/path/to/repository"
    )
    ledger_anchor_minutes: float = Field(default=60, ge=0.01, description="how often")
    reconcile_minutes: float = Field(
        default=60, ge=0, description="how often the ledger is compared with Temporal's histories; 0: never by itself"
    )
    metrics_token: str = Field(
        default="", repr=False, description="who shows it may read the console's /metrics; empty: nobody"
    )
    sdk_metrics: str = Field(
        default="",
        pattern=r"^([^/\s:]+:\d+)?$",
        description="host:port at which a worker serves the Temporal SDK's own metrics; empty: nowhere",
    )
    traces: str = Field(
        default="",
        pattern=r"^(https?://[^\s]+)?$",
        validation_alias=AliasChoices("COUNTERSIGN_TRACES", "OTEL_EXPORTER_OTLP_ENDPOINT"),
        description="the OTLP collector (HTTP) that workers send traces to, http://host:4318; empty: none",
    )
    trust: Path = Field(
        default=Path(), description="folder of what this process believes of who may sign; empty: in the state folder"
    )
    trust_quorum: int = Field(
        default=1, ge=1, le=20, description="how many administrators sign for a person's roles, and for a recovery"
    )
    person: str = Field(default="", description="who signs here; empty: the operating system's user name")
    author_name: str = "Countersign"
    author_email: str = "countersign@localhost"
    committer_name: str = "Countersign"
    committer_email: str = "countersign@localhost"
    egress_private: str = Field(
        default="", description="host:port,… on private addresses that sandboxes may reach if their policy lists them"
    )
    egress_authorities: str = Field(default="", description="PEM file of more certificate authorities")
    egress_credentials: str = Field(
        default="", description="host:port=NAME,…: the variables that agents' sandboxes may have sent to which hosts"
    )
    git_read_credentials: str = Field(default="", description="host=user:NAME,…: to fetch with, for the agents' worker")
    git_write_credentials: str = Field(
        default="", description="host=user:NAME,…: to push with, for the effects' worker"
    )
    github: str = Field(default="github.com", description="hosts that are a GitHub; the first is meant by github:o/n#1")
    gitlab: str = Field(default="gitlab.com", description="hosts that are a GitLab")
    linear: str = Field(default="api.linear.app", description="the host of Linear's API")
    erpnext: str = Field(default="", description="hosts that are an ERPNext, for payables")
    jira: str = Field(default="", description="hosts that are a Jira, with a path where it has one")
    zendesk: str = Field(default="", description="hosts that are a Zendesk: acme.zendesk.com")
    intercom: str = Field(default="", description="hosts of Intercom's API: api.intercom.io")
    imap: str = Field(default="", description="mail servers, over TLS: mail.acme.com")
    ticket_credentials: str = Field(
        default="", description="host=user:NAME,…: to read tickets with, for the agents' worker"
    )
    ticket_write_credentials: str = Field(
        default="",
        description="host=user:NAME,…: to change issues with, at GitLab, Linear and Jira, for the effects' worker",
    )
    salesforce: str = Field(default="", description="hosts of Salesforce organisations: acme.my.salesforce.com")
    hubspot: str = Field(default="api.hubapi.com", description="the host of HubSpot's API")
    slack: str = Field(default="slack.com", description="the host of Slack's API, for messages that are effects")
    crm_read_credentials: str = Field(
        default="", description="host=user:NAME,…: to read deals with, for the agents' worker"
    )
    crm_write_credentials: str = Field(
        default="", description="host=user:NAME,…: to make tasks and to post with, for the effects' worker"
    )
    credential_owners: str = Field(
        default="", description="NAME=person,…: whose the credentials are, for gates that keep their owners apart"
    )
    mcp_servers: Path = Field(
        default=Path(), description="TOML file of the MCP servers that policies may name (docs/agents.md)"
    )
    packages: str = Field(
        default="",
        description="what machines may install a project's packages from: pip, npm, or pip=URL,npm=URL; empty: nothing",
    )
    machines_memory_bytes: int = Field(
        default=0, ge=0, description="what this host's machines may take in all; 0: three quarters of its memory"
    )
    workflows: str = Field(default="", description="folder with workflows/ and activities/ of your own")
    deployment: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_-]{0,64}$",
        description="name of the agents' workers as a Worker Deployment: runs stay on their release; empty: they don't",
    )
    version: str = Field(
        default="",
        pattern=r"^[A-Za-z0-9_.+-]{0,100}$",
        description="of this release, in its deployment; empty: a digest of the code",
    )
    team_budgets: str = Field(
        default="", description="what teams may spend on models in a month, US dollars: platform=200, *=50"
    )
    effect_limits: str = Field(
        default="", description="how many effects may begin in which time: git.pull_request=10/hour, *=100/day"
    )
    hooks: Path = Field(default=Path("hooks.toml"), description="TOML file of the webhooks that start runs")
    hooks_port: int = Field(default=8490, ge=1, le=65535, description="port of this host at which they are delivered")
    embeddings: Path = Field(
        default=Path(), description="folder of the sentence model; empty: where deploy/bin/embeddings has put it"
    )
    payment_outbox: Path = Field(
        default=Path(), description="where payment files go; empty: outbox in the state folder"
    )
    notify_smtp: str = Field(default="", description="the mail server: smtp://host:587 or smtps://host:465")
    notify_smtp_credential: str = Field(default="", description="user:NAME: who sends, and the variable's name")
    notify_from: str = "Countersign <countersign@localhost>"
    notify_slack: str = Field(default="", description="the variable with the token of a Slack app")
    notify_webhooks: str = Field(default="", description="host=NAME,…: hosts of webhooks, with their secrets' names")
    notify_window: Window = Field(default="15 minutes", description="for how long what isn't urgent is gathered")
    notify_time_zone: str = Field(default="UTC", description="of people who have set none")
    notify_quiet: str = Field(default="", description="when people who have set nothing are not told anything")
    demo: bool = Field(default=False, description="the state folder is a demo's: its key signs nothing else")

    @property
    def outbox(self) -> Path:
        """Where payment files go."""
        return self.state / "outbox" if self.payment_outbox == Path() else self.payment_outbox.expanduser()

    @property
    def sentence_model(self) -> Path | None:
        """The folder in which a sentence model is, if there is one: of this state, of this host, of this checkout."""
        if self.embeddings != Path():
            return self.embeddings.expanduser()
        folders = (self.state, self.tools, Path(__file__).parents[1] / ".tools")
        return next((each / "embeddings" for each in folders if (each / "embeddings").is_dir()), None)

    @property
    def address(self) -> str:
        return self.temporal_address or f"127.0.0.1:{self.temporal_port}"

    @property
    def ui(self) -> str:
        return (self.temporal_ui_url or f"http://127.0.0.1:{self.temporal_ui_port}").rstrip("/")

    @property
    def console_url(self) -> str:
        return self.public_url or f"http://127.0.0.1:{self.console_port}"

    @property
    def database(self) -> str:
        return self.database_url or f"sqlite:///{self.state / 'ledger.db'}"

    @property
    def artifacts(self) -> Path:
        return self.state / "artifacts"

    @property
    def trusted(self) -> Path:
        """Whose signatures count: the pinned keys, and what was seen of the register."""
        return self.state / "trust" if self.trust == Path() else self.trust

    @property
    def keys(self) -> Path:
        """Private keys of the person at this host. No worker opens this folder."""
        return self.state / "keys"


def _wrong(error: ValidationError) -> BadInput:
    """The first setting that can't be, by its variable. Its value isn't repeated: it may be a secret."""
    first = error.errors(include_input=False)[0]
    named = str(first["loc"][0]) if first["loc"] else ""
    variable = named if named.isupper() else f"{PREFIX}{named}".upper()
    return BadInput(
        f"The setting {variable} can't be used: {first['msg'].lower()}.",
        subject=variable,
        way_out="Correct the variable, or unset it; docs/running.md lists all settings.",
    )

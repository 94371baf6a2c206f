"""What the operator says of a service: where it is, and which variable has its secret."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from contracts.errors import BadInput
from sandboxes.egress import Credential
from sandboxes.egress.operator import GIT_USER, SHORTEST

Kind = Literal[
    "github",
    "gitlab",
    "linear",
    "jira",
    "erpnext",
    "salesforce",
    "hubspot",
    "slack",
    "zendesk",
    "intercom",
    "imap",
]
NAMES: dict[Kind, str] = {
    "github": "GitHub",
    "gitlab": "GitLab",
    "linear": "Linear",
    "jira": "Jira",
    "erpnext": "ERPNext",
    "salesforce": "Salesforce",
    "hubspot": "HubSpot",
    "slack": "Slack",
    "zendesk": "Zendesk",
    "intercom": "Intercom",
    "imap": "The mail server",
}


@dataclass(frozen=True)
class Service:
    """One service. `host` is the one that people see in their browser, but for Linear, whose API has its own.

    `path`: what comes before all paths, where a Jira isn't at the root of its host. `setting`: the one that names
    the credential.
    """

    kind: Kind
    host: str
    port: int = 443
    path: str = ""
    credential: Credential | None = None
    setting: str = "COUNTERSIGN_TICKET_CREDENTIALS"

    @property
    def at(self) -> tuple[str, int]:
        return self.host, self.port

    @property
    def place(self) -> str:
        """`host`, or `host:port` where that isn't the usual one; with the path."""
        return f"{self.host}{'' if self.port == usual(self.kind) else f':{self.port}'}{self.path}"

    @property
    def web(self) -> str:
        return f"https://{self.place}"

    @property
    def api(self) -> str:
        """The address below which everything is asked."""
        if self.kind == "gitlab":
            return f"{self.web}/api/v4"
        if self.kind != "github":
            return self.web
        if self.port == 443 and (self.host == "github.com" or self.host.endswith(".ghe.com")):
            return f"https://api.{self.host}"
        return f"{self.web}/api/v3"  # GitHub Enterprise Server

    @property
    def name(self) -> str:
        return f"{NAMES[self.kind]} at {self.place}"

    @property
    def user(self) -> str:
        """Whose the secret is, where the operator said so."""
        return "" if self.credential is None or self.credential.user == GIT_USER else self.credential.user

    def secret(self) -> str:
        """The secret out of the worker's environment; empty where none is named. BadInput where it isn't set."""
        if self.credential is None:
            return ""
        value = os.environ.get(self.credential.name, "").strip()
        if len(value) < SHORTEST or not value.isprintable() or not value.isascii():
            raise BadInput(
                f"The credential {self.credential.name} for {self.place} is not set to a line of {SHORTEST} letters.",
                subject=self.credential.name,
                way_out=f"Set {self.credential.name} where the worker is started.",
            )
        return value

    @property
    def way_in(self) -> str:
        """What an operator does so that this service lets us in."""
        if self.credential is not None:
            return f"Look at the token in {self.credential.name}: whether it is right, and what it may see and do."
        who = "ana@example.com:NAME" if self.kind in ("jira", "zendesk", "imap") else "NAME"
        at = self.host if self.port == usual(self.kind) else f"{self.host}:{self.port}"
        return (
            f"Set {self.setting}={at}={who} where the worker is started, and the variable NAME to a token of that host."
        )


def usual(kind: Kind) -> int:
    """The port where none is named: of HTTPS, or of IMAP over TLS."""
    return 993 if kind == "imap" else 443


@dataclass(frozen=True)
class Services:
    """All that the operator named. The first of a kind is meant where a ticket names no host."""

    all: tuple[Service, ...] = ()
    authorities: Path | None = None  # a PEM file of certificate authorities beside the system's

    def of(self, kind: Kind) -> tuple[Service, ...]:
        return tuple(each for each in self.all if each.kind == kind)

"""The services that the settings name, with one worker's credentials: to read tickets or to open pull requests."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from activities.services.service import Kind, Service, Services, usual
from activities.tickets.named import SETTINGS
from contracts.errors import BadInput
from sandboxes.egress import Credential
from sandboxes.egress.operator import Place, git_credentials, places
from workers.crm import crm_services
from workers.settings import Settings

Worker = Literal["agents", "effects"]
READ, WRITE = "COUNTERSIGN_TICKET_CREDENTIALS", "COUNTERSIGN_GIT_WRITE_CREDENTIALS"
WRITE_TICKETS = "COUNTERSIGN_TICKET_WRITE_CREDENTIALS"


def services(settings: Settings, worker: Worker) -> Services:
    """All of them. The effects' worker has what writes: git's credentials for GitHub, tickets' for the others.

    Raises BadInput for a setting that can't be read.
    """
    found = (*_services(settings, worker), *crm_services(settings, worker))
    authorities = Path(settings.egress_authorities) if settings.egress_authorities else None
    return Services(found, authorities)


def names(settings: Settings, worker: Worker) -> set[str]:
    """The variables that a worker has to be given for them."""
    return {each.credential.name for each in services(settings, worker).all if each.credential}


def _services(settings: Settings, worker: Worker) -> Iterator[Service]:
    kinds: Mapping[Kind, str] = {
        "github": settings.github,
        "gitlab": settings.gitlab,
        "linear": settings.linear,
        "jira": settings.jira,
        "erpnext": settings.erpnext if worker == "agents" else "",
        "zendesk": settings.zendesk,
        "intercom": settings.intercom,
        "imap": settings.imap,
    }
    texts = {READ: settings.ticket_credentials, WRITE_TICKETS: settings.ticket_write_credentials}
    tickets = READ if worker == "agents" else WRITE_TICKETS
    credentials = git_credentials(texts[tickets], tickets)
    pushing = git_credentials(settings.git_write_credentials, WRITE)
    known: set[Place] = set()
    for kind, listed in kinds.items():
        by_git = worker == "effects" and kind == "github"
        given, setting = (pushing, WRITE) if by_git else (credentials, tickets)
        for part in filter(None, map(str.strip, listed.split(","))):
            made = _service(kind, part, given, setting)
            known |= set() if by_git else {made.at, _written(made)}
            yield made
    _require_used(credentials, known, tickets)


def _service(kind: Kind, text: str, credentials: Mapping[Place, Credential], setting: str) -> Service:
    """`host`, `host:port`, `host/path`, with or without https:// before it."""
    if "://" in text and not text.startswith("https://"):
        raise BadInput(
            f"{SETTINGS[kind]}: {text!r} is not reached over https, so the credential could be read on the way.",
            subject=SETTINGS[kind],
            way_out="Give its https address.",
        )
    where, slash, path = text.removeprefix("https://").rstrip("/").partition("/")
    if path and kind != "jira":
        raise BadInput(
            f"{SETTINGS[kind]}: {text!r} has a path.", subject=SETTINGS[kind], way_out="Give the host alone."
        )
    [(host, port)] = places(where, SETTINGS[kind])
    if kind == "imap" and port == 443:  # what `places` takes a host without a port for
        port = usual(kind)
    made = Service(kind, host, port, f"{slash}{path}", None, setting)
    return replace(made, credential=credentials.get(made.at) or credentials.get(_written(made)))


def _written(service: Service) -> Place:
    """The place as settings have it, which take a host without a port for one of HTTPS."""
    return service.host, 443 if service.port == usual(service.kind) else service.port


def _require_used(credentials: Mapping[Place, Credential], known: set[Place], setting: str) -> None:
    """A credential for a host that is no service would be given to nobody, and its owner would wonder."""
    for host, port in credentials:
        if (host, port) not in known:
            raise BadInput(
                f"{setting} names a credential for {host}:{port}, which is no service.",
                subject=setting,
                way_out=f"Name the host in {' or '.join(SETTINGS.values())}.",
            )

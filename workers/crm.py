"""The services of sales that the settings name: Salesforce, HubSpot and Slack, with one worker's credentials."""

from collections.abc import Iterator, Mapping
from typing import Literal

from activities.services.service import Kind, Service
from contracts.errors import BadInput
from sandboxes.egress.operator import git_credentials, places
from workers.settings import Settings

READ, WRITE = "COUNTERSIGN_CRM_READ_CREDENTIALS", "COUNTERSIGN_CRM_WRITE_CREDENTIALS"


def crm_services(settings: Settings, worker: Literal["agents", "effects"]) -> Iterator[Service]:
    """The agents' worker reads with its own credentials; the effects' worker alone has those that write.

    Raises BadInput for a setting that can't be read, and for a credential of a host that is none of them.
    """
    text, setting = (
        (settings.crm_read_credentials, READ) if worker == "agents" else (settings.crm_write_credentials, WRITE)
    )
    credentials = git_credentials(text, setting)
    listed: Mapping[Kind, str] = {
        "salesforce": settings.salesforce,
        "hubspot": settings.hubspot,
        "slack": settings.slack,
    }
    known = set[tuple[str, int]]()
    for kind, hosts in listed.items():
        for part in filter(None, map(str.strip, hosts.split(","))):
            [(host, port)] = places(_host(kind, part), f"COUNTERSIGN_{kind.upper()}")
            if kind == "slack" and worker == "agents":
                yield Service(kind, host, port)  # to be named in proposals: messages are the effects' worker's
                continue
            known.add((host, port))
            yield Service(kind, host, port, "", credentials.get((host, port)), setting)
    if strange := next((place for place in credentials if place not in known), None):
        raise BadInput(
            f"{setting} names a credential for {strange[0]}:{strange[1]}, which is no service of sales.",
            subject=setting,
            way_out="Name the host in COUNTERSIGN_SALESFORCE, COUNTERSIGN_HUBSPOT or COUNTERSIGN_SLACK.",
        )


def _host(kind: str, text: str) -> str:
    """`host` or `host:port`, with or without https:// before it."""
    where = text.removeprefix("https://").rstrip("/")
    if "/" in where:
        setting = f"COUNTERSIGN_{kind.upper()}"
        raise BadInput(f"{setting}: {text!r} is no host.", subject=setting, way_out="Give the host alone, over https.")
    return where

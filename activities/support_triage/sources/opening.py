"""Which source is meant by a name. What stands in a request never decides where a credential goes: hosts are looked up
among those that the operator named."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from activities.services.service import NAMES, Kind, Service, Services
from activities.support_triage.sources.files import Files
from activities.support_triage.sources.protocol import Source
from contracts.errors import BadInput
from contracts.urls import carries_secret

KINDS: tuple[Kind, ...] = ("zendesk", "intercom", "imap")
_ELSEWHERE = re.compile(r"([a-z][a-z0-9+]*)://([^/\s]*)(?:/(.*))?", re.IGNORECASE)
FORMS = "a file or folder, zendesk://host, intercom://host or imap://host/folder"


@dataclass(frozen=True)
class Place:
    """A service, and the folder of a mail server."""

    service: Service
    folder: str = ""


def place(name: str, services: Services) -> Place | None:
    """The service that a name means; None where it means files. BadInput."""
    found = _ELSEWHERE.fullmatch(name)
    if found is None:
        return None
    scheme, where = found[1].lower(), found[2].lower()
    kind = next((each for each in KINDS if each == scheme), None)
    if kind is None or (found[3] and kind != "imap"):
        raise BadInput(f"{name!r} is no source of tickets.", subject=name, way_out=f"Name {FORMS}.")
    if carries_secret(name) or "@" in where:
        raise BadInput(
            "The source's name carries a user or a password, which would end up in histories and logs.",
            subject=f"{scheme}://…",
            way_out="Take it out: COUNTERSIGN_TICKET_CREDENTIALS=host=user:NAME names the variable that holds it.",
        )
    service = next((each for each in services.of(kind) if where in ("", each.place, each.host)), None)
    if service is None:
        raise BadInput(
            f"No tickets are read from {NAMES[kind]}{f' at {where}' if where else ''}.",
            subject=name,
            way_out=f"Set COUNTERSIGN_{kind.upper()}={where or 'host'} where the worker is started.",
        )
    return Place(service, found[3] or "")


@asynccontextmanager
async def opened(name: str, services: Services) -> AsyncIterator[Source]:
    """The source of that name, ready to be read. BadInput for what names none."""
    at = place(name, services)
    if at is None:
        yield Files(name)
        return
    from activities.services.web import reached
    from activities.support_triage.sources.intercom import Intercom
    from activities.support_triage.sources.zendesk import Zendesk

    if at.service.kind == "imap":
        from activities.support_triage.mailbox import connected
        from activities.support_triage.sources.imap import Imap

        async with connected(at.service, services.authorities) as mailbox:
            yield Imap(name, mailbox, at.folder)
        return
    async with reached(at.service, services.authorities) as web:
        yield Zendesk(name, web) if at.service.kind == "zendesk" else Intercom(name, web)

"""The brokers of a worker: the operator's settings, and every request in the ledger."""

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Literal

from pydantic import JsonValue

from contracts.errors import LedgerUnavailable
from contracts.records import Entry
from ledger import Ledger
from sandboxes.egress import Credential, Egress, Operator, Request
from sandboxes.egress.operator import Place, git_credentials, named, places
from sandboxes.egress.record import OnRequest
from workers import services
from workers.settings import Settings

Kind = Literal["agents", "effects"]
PATIENCE = 120.0  # seconds that a database may be away before an entry counts as lost, and the sandbox as failed
PAUSE = 0.5


def egress(settings: Settings, kind: Kind, ledger: Ledger) -> Egress:
    """Brokers that write into the ledger. Raises BadInput for a setting that can't be read."""
    return Egress(recorder(ledger), operator(settings, kind))


def operator(settings: Settings, kind: Kind) -> Operator:
    """What the settings say for one worker. The effects' worker knows git's write credentials and no others."""
    git = {(place, each.name) for place, each in git_places(settings, kind).items()}
    listed = named(settings.egress_credentials, "COUNTERSIGN_EGRESS_CREDENTIALS") if kind == "agents" else frozenset()
    return Operator(
        private=places(settings.egress_private, "COUNTERSIGN_EGRESS_PRIVATE"),
        authorities=Path(settings.egress_authorities) if settings.egress_authorities else None,
        credentials=listed | git,
    )


def git_places(settings: Settings, kind: Kind) -> Mapping[Place, Credential]:
    """Which credential goes to which git host: to read with for agents, to write with for effects."""
    if kind == "effects":
        return git_credentials(settings.git_write_credentials, "COUNTERSIGN_GIT_WRITE_CREDENTIALS")
    return git_credentials(settings.git_read_credentials, "COUNTERSIGN_GIT_READ_CREDENTIALS")


def credential_names(settings: Settings, kind: Kind) -> tuple[str, ...]:
    """The variables that a worker has to be given for them."""
    return tuple(sorted({name for _, name in operator(settings, kind).credentials} | services.names(settings, kind)))


def recorder(ledger: Ledger, patience: float = PATIENCE) -> OnRequest:
    """Writes each request down. A database that is away is waited for; then the error ends the sandbox's work."""

    async def write(request: Request) -> None:
        entry, until = as_entry(request), asyncio.get_running_loop().time() + patience
        while True:
            try:
                return await ledger.write(entry)
            except LedgerUnavailable:
                if asyncio.get_running_loop().time() > until:
                    raise
                await asyncio.sleep(PAUSE)

    return write


def as_entry(request: Request) -> Entry:
    """The request as the ledger keeps it: one entry when it is over, and one before if it could change something."""
    outcomes: dict[str, Literal["ok", "refused", "failed"]] = {
        "allowed": "ok",
        "refused": "refused",
        "cut": "refused",
        "failed": "failed",
    }
    return Entry(
        key=f"egress/{request.sandbox}/{request.number}" + ("" if request.over else "/begun"),
        kind="egress",
        name="egress.request" if request.over else "egress.begun",
        says=says(request),
        run=request.owner,
        outcome=outcomes[request.decision] if request.over else "intent",
        started_at=request.started_at,
        finished_at=request.started_at + timedelta(seconds=request.seconds),
        facts=facts(request),
    )


def says(request: Request) -> str:
    """One line for people."""
    what = f"{request.method or '?'} {request.host or '?'}:{request.port}{request.path}"
    if not request.over:
        return f"About to ask: {what}"
    if request.decision != "allowed":
        return f"{what}: {request.decision}. {request.reason}"
    answered = f"answered {request.status}, " if request.status else ""
    return f"{what}: {answered}{request.sent:,} bytes out, {request.received:,} in"


def facts(request: Request) -> dict[str, JsonValue]:
    return {
        "sandbox": request.sandbox,
        "number": request.number,
        "method": request.method,
        "host": request.host,
        "port": request.port,
        "path": request.path,
        "decision": request.decision,
        "reason": request.reason,
        "status": request.status,
        "sent": request.sent,
        "received": request.received,
        "credential": request.credential,
        "milliseconds": round(request.seconds * 1000),
    }

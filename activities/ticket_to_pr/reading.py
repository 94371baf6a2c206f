"""Reading a ticket: a file of this host, or what a service has under its name (activities/tickets)."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

from temporalio import activity

from activities.bug_triage.sources import files as reports
from activities.tickets.named import is_elsewhere
from activities.tickets.source import from_service
from activities.toolbox import Toolbox
from contracts import shown
from contracts.errors import AccessRefused, BadInput, Conflict, NotFound
from contracts.steps import TICKET_READ
from contracts.ticket import Comment, ReadTicket, Ticket, TicketRead
from ledger import Ledger

LARGEST = 1 << 20
REPORTS = (".jsonl", ".csv", ".tsv")
WAY_OUT = "Give a JSON file with title and body, or a text or Markdown file whose first line is the title."


class TicketReading:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._artifacts = toolbox.artifacts
        self._ledger = toolbox.ledger
        self._services = toolbox.services

    @activity.defn(name=TICKET_READ.name)
    async def read(self, request: ReadTicket) -> TicketRead:
        """The ticket, kept as an artifact. What it says is somebody's word, and nothing in it is obeyed.

        Conflict where another open run works on it.
        """
        if is_elsewhere(request.ticket):
            ticket = await from_service(request.ticket, self._services)
        else:
            ticket = await asyncio.to_thread(from_file, request.ticket)
        await asyncio.to_thread(claim, self._ledger, ticket.key, request.repository, request.run)
        return TicketRead(
            ticket=await asyncio.to_thread(self._artifacts.put_model, ticket),
            key=ticket.key,
            title=shown.spelt(ticket.title)[:200],
            url=ticket.url,
            says=shown.spelt(f"{ticket.key}: {ticket.title}")[:300],
        )


def claim(ledger: Ledger, key: str, repository: str, run: str) -> None:
    """Take the ticket for this run, or keep it. Conflict where another open run works on it."""
    holder = ledger.claim(claim_of(key, repository), run)
    if holder != run:
        raise Conflict(
            f"The ticket {key} is being worked on by the run {holder}.",
            subject=key,
            way_out=f"Decide on that one, or end it: `countersign log {holder}`.",
        )


def claim_of(key: str, repository: str) -> str:
    """What a run claims: this ticket for this repository. Names in that table have 40 characters."""
    named = f"{key}\n{repository}"
    return f"ticket/{hashlib.sha256(named.encode()).hexdigest()[:24]}"


def from_file(name: str) -> Ticket:
    """A ticket from a file; `reports.jsonl#KEY` is one of a file of many. BadInput, NotFound or AccessRefused, naming
    the file and the way out."""
    path = Path(name).expanduser()
    file, _, key = name.rpartition("#")
    if file.lower().endswith(REPORTS) and key and not path.exists():
        return _of_reports(name, file, key)
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"The ticket {name!r} is larger than 1 MB.", subject=name, way_out="Shorten it.")
        text = path.read_bytes().decode()
    except FileNotFoundError as error:
        raise NotFound(f"There is no ticket at {name!r}.", subject=name, way_out=WAY_OUT) from error
    except PermissionError as error:
        raise AccessRefused(f"The ticket {name!r} may not be read.", subject=name) from error
    except (OSError, ValueError) as error:
        raise BadInput(f"The ticket {name!r} can't be read: {error}.", subject=name, way_out=WAY_OUT) from error
    if path.suffix == ".json":
        return _from_json(name, path, text)
    title, _, body = text.strip().partition("\n")
    if not title.strip():
        raise BadInput(f"The ticket {name!r} is empty.", subject=name, way_out=WAY_OUT)
    return Ticket(key=_key(path, None), title=title.lstrip("# ").strip()[:300], body=body.strip())


def _of_reports(name: str, file: str, key: str) -> Ticket:
    """One report of a file that bug triage reads, with its key."""
    issue = next((each for each in reports.read(file).issues if each.key == key), None)
    if issue is None:
        raise NotFound(
            f"There is no report {key!r} in {file!r}.", subject=name, way_out="Write its key as it stands there."
        )
    return Ticket(
        key=f"{Path(file).stem[:50]}#{issue.key}"[:100],
        title=issue.title,
        body=issue.body,
        url=issue.url,
        author=issue.author,
        state=issue.state,
        labels=issue.labels,
    )


def _from_json(name: str, path: Path, text: str) -> Ticket:
    try:
        read = json.loads(text)
        title = read["title"]
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"The ticket {name!r} is not an object with a title.", subject=name, way_out=WAY_OUT) from error
    if not isinstance(title, str) or not title.strip():
        raise BadInput(f"The title of {name!r} is empty.", subject=name, way_out=WAY_OUT)
    labels = [_name(each) for each in _listed(read.get("labels"))]
    said = [each for each in _listed(read.get("comments")) if isinstance(each, dict)]
    comments = [Comment(author=_name(each.get("user")), text=str(each.get("body") or "")) for each in said]
    return Ticket(
        key=_key(path, read.get("id") or read.get("key") or read.get("number")),
        title=title.strip()[:300],
        body=str(read.get("body") or read.get("description") or ""),
        url=str(read.get("html_url") or read.get("url") or ""),
        author=_name(read.get("user") or read.get("author")),
        state=str(read.get("state") or ""),
        labels=tuple(filter(None, labels)),
        comments=tuple(comments),
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _name(value: Any) -> str:
    """A name as it stands, or as GitHub, Linear and Jira wrap it."""
    if isinstance(value, dict):
        value = value.get("login") or value.get("name") or value.get("displayName") or ""
    return str(value or "")[:100]


def _key(path: Path, given: Any) -> str:
    """What the ticket is called, and the same for the same file: two runs on one ticket are noticed by it."""
    if given:
        return str(given)[:100]
    return f"{path.stem[:60]}-{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"

"""A row of a file as a ticket: columns by the names that people give them, dates in several forms, all bounded."""

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

from contracts.errors import BadInput
from contracts.support import MOST_WORDS, PRIORITIES, Priority, Status, SupportTicket

COLUMNS: dict[str, tuple[str, ...]] = {
    "id": ("id", "ticket_id", "ticket", "number", "key"),
    "subject": ("subject", "title", "summary"),
    "text": ("text", "body", "description", "message", "content", "utterance", "query"),
    "status": ("status", "state"),
    "created_at": ("created_at", "created", "date", "opened_at", "received_at"),
    "stamp": ("updated_at", "updated", "modified_at"),
    "intent": ("intent", "category", "label", "topic", "reason"),
    "queue": ("queue", "group", "team", "department", "assigned_group"),
    "priority": ("priority", "urgency"),
    "tags": ("tags", "labels"),
    "solution": ("solution", "answer", "resolution", "reply", "response"),
    "url": ("url", "link"),
    "people": ("requester", "requester_name", "customer_name", "customer", "sender", "from", "author"),
}
STATUSES: dict[str, Status] = {
    "": "new",
    **dict.fromkeys(("new", "unread", "received"), "new"),
    **dict.fromkeys(("open", "reopened", "in progress", "assigned", "hold"), "open"),
    **dict.fromkeys(("pending", "waiting", "snoozed", "on hold"), "pending"),
    **dict.fromkeys(("solved", "resolved", "done", "answered", "fixed"), "solved"),
    **dict.fromkeys(("closed", "archived"), "closed"),
}
URGENCIES: dict[str, Priority] = {
    **{each: each for each in PRIORITIES},
    **dict.fromkeys(("medium", "moderate", "p3", "3"), "normal"),
    **dict.fromkeys(("p4", "4", "minor", "trivial"), "low"),
    **dict.fromkeys(("p2", "2", "major", "important"), "high"),
    **dict.fromkeys(("p1", "p0", "1", "critical", "blocker", "emergency"), "urgent"),
}
FORMATS = ("%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d")
MOST_LABEL, MOST_TAGS = 80, 20


def columns(names: Mapping[str, Any] | list[str], where: str) -> dict[str, str]:
    """Which column has what. BadInput where none has the customer's words."""
    known = {re.sub(r"[\s-]+", "_", str(each).strip().lower().lstrip("\ufeff")): str(each) for each in names}
    found = {
        field: known[name] for field, each in COLUMNS.items() if (name := next((n for n in each if n in known), ""))
    }
    if "text" not in found and "subject" not in found:
        raise BadInput(
            f"{where} has no column with the customer's words; it has {', '.join(sorted(known))[:200] or 'none'}.",
            subject=where,
            way_out=f"Call it one of {', '.join(COLUMNS['text'])}.",
        )
    return found


def ticket(row: Mapping[str, Any], place: Mapping[str, str], source: str, number: int) -> tuple[SupportTicket, str]:
    """The ticket of a row, and what is to be said of it: a date that can't be read, a priority nobody knows."""
    said = {field: plain(row.get(column)) for field, column in place.items()}
    words, subject = said.get("text", ""), said.get("subject", "")
    created, notes = moment(said.get("created_at", "")), list[str]()
    name = said.get("id", "")[:MOST_LABEL] or nameless(subject, words, number)
    if said.get("created_at") and created is None:
        notes.append(f"{name}: the date {said['created_at'][:40]!r} can't be read")
    urgency = said.get("priority", "").lower().strip()
    if urgency and urgency not in URGENCIES:
        notes.append(f"{name}: nobody knows the priority {urgency[:40]!r}")
    state = STATUSES.get(said.get("status", "").lower().strip())
    if state is None:
        notes.append(f"{name}: nobody knows the status {said['status'][:40]!r}, so it counts as open")
    solution = said.get("solution", "")
    made = SupportTicket(
        source=source,
        id=name,
        subject=subject[:300],
        text=words[:MOST_WORDS],
        status=("solved" if solution and not said.get("status") else state) or "open",
        created_at=created,
        stamp=said.get("stamp", "")[:MOST_LABEL],
        intent=label(said.get("intent", "")),
        queue=label(said.get("queue", "")),
        priority=URGENCIES.get(urgency),
        tags=tags(row.get(place.get("tags", ""), "")),
        solution=solution[:MOST_WORDS],
        url=said.get("url", "")[:500],
        left_out=max(0, len(words) - MOST_WORDS),
        people=tuple(filter(None, (said.get("people", "")[:MOST_LABEL],))),
    )
    return made, "; ".join(notes)


def plain(value: Any) -> str:
    """A cell as text. What is no text and no number is nothing."""
    if isinstance(value, bool) or value is None:
        return ""
    return value.strip() if isinstance(value, str) else str(value) if isinstance(value, int | float) else ""


def label(text: str) -> str:
    """A label in one line."""
    return " ".join(text.split())[:MOST_LABEL]


def tags(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else re.split(r"[,;|]", value) if isinstance(value, str) else []
    return tuple(dict.fromkeys(filter(None, (label(plain(each)) for each in listed[:MOST_TAGS]))))


def nameless(subject: str, words: str, number: int) -> str:
    """A name for a row that has none: of its content and its place, so that equal words stay two tickets."""
    return hashlib.sha256(f"{number}\n{subject}\n{words}".encode()).hexdigest()[:12]


def moment(text: str) -> datetime | None:
    """A time by ISO 8601, the mail's form, seconds since 1970, or day.month.year; None where nobody can tell which
    it is, as of 03/04/2026. Without a zone it is UTC."""
    text = text.strip()
    if re.fullmatch(r"\d{9,13}(\.\d+)?", text):
        seconds = float(text)
        return datetime.fromtimestamp(seconds / 1000 if seconds > 1e11 else seconds, UTC)
    for read in (datetime.fromisoformat, parsedate_to_datetime, *map(_by, FORMATS)):
        try:
            at = cast(datetime, read(text))
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _by(form: str) -> Any:
    return lambda text: datetime.strptime(text, form)

"""What is asked of the ledger's search, and what it answers."""

import re
from datetime import UTC, datetime, timedelta

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.errors import BadInput
from contracts.records import EntryKind, StoredEntry


class Query(Contract):
    """Which entries: all that is given has to hold. Empty fields ask for nothing.

    `words`: each has to be a word of what the entry says, its name, its facts, whoever did it. Upper and lower case and
    accents are one, and `commit*` is any word that begins so.
    """

    words: str = Field(default="", max_length=400)
    run: str = ""
    kind: EntryKind | None = None
    person: str = ""
    workflow: str = ""
    team: str = ""
    repository: str = Field(default="", description="as it was named, or the last part of that")
    since: AwareDatetime | None = Field(default=None, description="recorded then or later")
    until: AwareDatetime | None = Field(default=None, description="recorded before")
    before: int = Field(default=0, ge=0, description="the next page: the id that the page before ended with")
    limit: int = Field(default=50, ge=1, le=1000)


class Found(Contract):
    """The newest entries first."""

    entries: tuple[StoredEntry, ...]
    before: int = Field(default=0, description="ask for the next page with this; 0: there is none")
    behind: int = Field(default=0, description="entries not in the index yet, and not looked at")


UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime | None:
    """A time as a person writes it: `2d` ago, `2026-11-01`, `2026-11-01T12:00`; UTC unless it says otherwise.

    None for nothing. BadInput for anything else.
    """
    text = text.strip()
    try:
        if ago := re.fullmatch(r"(\d{1,6})([mhdw])", text):
            return now - timedelta(**{UNITS[ago[2]]: int(ago[1])})
        found = datetime.fromisoformat(text) if text else None
    except (ValueError, OverflowError):
        raise BadInput(
            f"{text!r} is no time.", subject=text, way_out="Write 30m, 12h, 2d, 3w, 2026-11-01 or 2026-11-01T12:00."
        ) from None
    return found.replace(tzinfo=UTC) if found and found.tzinfo is None else found

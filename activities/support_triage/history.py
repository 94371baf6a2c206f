"""The history of a source as examples, masked, in parts that are artifacts: read on from where the last reading ended.

The journal is one value under the source's name, moved after each part is kept: whatever is killed when, no part is
lost, and one that was being read is read again. No more than a part is in memory.
"""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from activities.progress import Progress
from activities.support_triage.masking import mask
from activities.support_triage.sources import Source
from activities.toolbox import Toolbox
from contracts.errors import CountersignError
from contracts.support import Example, Examples, SupportTicket

PART = 1_000  # tickets
MOST_PARTS = 2_000
MOST_TEXT = 4_000  # characters of an example
KNOWN = ("solved", "closed")


@dataclass(frozen=True)
class Journal:
    """How far a history was read, and the parts that it gave."""

    cursor: str = ""
    parts: tuple[str, ...] = ()
    read: int = 0
    ended: bool = False
    notes: tuple[str, ...] = field(default=())

    @classmethod
    def of(cls, tools: Toolbox, source: str) -> "Journal":
        kept = tools.ledger.cursor(name(source))
        if not kept:
            return cls()
        told = json.loads(kept)
        return cls(told["cursor"], tuple(told["parts"]), told["read"], told["ended"])

    def put_together(self, tools: Toolbox) -> "Journal":
        """With small parts made one with their neighbours. What was erased is left out, and what is too long ago."""
        made, held, size = list[str](), list[Examples](), 0
        for part in (each for each in self.parts if tools.artifacts.has(each)):
            examples = tools.artifacts.get_model(Examples, part)
            if size + len(examples.examples) > PART and held:
                made.append(_one(tools, held))
                held, size = [], 0
            held.append(examples)
            size += len(examples.examples)
        made += [_one(tools, held)] if held else []
        return replace(self, parts=tuple(made[-MOST_PARTS:]))

    def keep(self, tools: Toolbox, source: str) -> None:
        told = {"cursor": self.cursor, "parts": self.parts, "read": self.read, "ended": self.ended}
        tools.ledger.move_cursor(name(source), json.dumps(told))


def _one(tools: Toolbox, parts: Sequence[Examples]) -> str:
    """The artifact of these as one part; a part by itself stays what it is."""
    return tools.artifacts.put_model(Examples(examples=tuple(each for part in parts for each in part.examples)))


def name(source: str) -> str:
    return f"support/history/{source}"


async def read_on(tools: Toolbox, source: Source, told: Progress) -> Journal:
    """Read what has come since, to its end."""
    journal = await asyncio.to_thread(Journal.of, tools, source.name)
    while True:
        page = await source.page(journal.cursor, PART)
        if page.tickets:
            part = await asyncio.to_thread(kept, tools, page.tickets)
            journal = replace(journal, parts=(*journal.parts, part), read=journal.read + len(page.tickets))
        journal = replace(journal, cursor=page.cursor, ended=not page.more, notes=(*journal.notes, *page.notes)[:20])
        await asyncio.to_thread(journal.keep, tools, source.name)
        told.says = f"{journal.read:,} tickets of the history read"
        if not page.more:
            return journal


def kept(tools: Toolbox, tickets: tuple[SupportTicket, ...]) -> str:
    """The artifact of these tickets as examples."""
    return tools.artifacts.put_model(Examples(examples=tuple(example(each) for each in tickets)))


def example(ticket: SupportTicket) -> Example:
    """A ticket as an example, masked; one that isn't solved has no labels."""
    is_known, subject = ticket.status in KNOWN, mask(ticket.subject, ticket.people).text
    words = "\n\n".join(filter(None, (subject, mask(ticket.text, ticket.people).text)))
    return Example(
        key=ticket.key,
        id=ticket.id,
        text=words[:MOST_TEXT],
        subject=subject[:300],
        intent=ticket.intent if is_known else "",
        queue=ticket.queue if is_known else "",
        priority=(ticket.priority or "") if is_known else "",
        solution=mask(ticket.solution, ticket.people).text[:MOST_TEXT] if is_known else "",
        url=ticket.url,
        at=ticket.created_at.timestamp() if ticket.created_at else 0,
    )


async def solution(source: Source, id: str) -> str:
    """What solved a ticket, masked; empty where its source can't tell any more."""
    try:
        found = await source.one(id)
    except CountersignError as error:
        if error.retryable:
            raise
        return ""
    return mask(found.solution, found.people).text[:MOST_TEXT]


def digest(parts: tuple[str, ...]) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()

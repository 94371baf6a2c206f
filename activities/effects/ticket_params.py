"""What is signed of a ticket's update, and how a reviewer reads it."""

import hashlib
from collections.abc import Sequence
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator

from contracts import shown
from contracts.base import Contract
from contracts.digests import canonical_json
from contracts.errors import BadInput
from contracts.proposal import Cell, Claim, ClaimsPanel, Effect, Panel, TablePanel
from contracts.support import MOST_WORDS, Priority

UPDATE = "ticket.update"
UPDATES, ANSWERS = "What each ticket becomes", "Drafted answers, as internal notes"
COLUMNS = ("ticket", "queue", "intent", "priority", "and")
NOTHING = "–"


class TicketParams(Contract):
    """One ticket of `source`, as it is to be. Empty: left as it is.

    `queue_was`: where it was when it was read; somewhere else by now, and nothing is done. `answer` is kept as an
    internal note or a draft and never sent; `cites`: ids of the solved tickets that it stands on. `duplicate_of` and
    `incident`: ids of tickets of the same source.
    """

    source: str = Field(min_length=1, max_length=500)
    ticket: str = Field(min_length=1, max_length=300)
    queue: str = Field(default="", max_length=80)
    queue_was: str = Field(default="", max_length=80)
    intent: str = Field(default="", max_length=80)
    priority: Priority | None = None
    tags: tuple[str, ...] = Field(default=(), max_length=20)
    answer: str = Field(default="", max_length=MOST_WORDS)
    cites: tuple[str, ...] = Field(default=(), max_length=10)
    duplicate_of: str = Field(default="", max_length=300)
    incident: str = Field(default="", max_length=300)

    @field_validator("ticket", "queue", "queue_was", "intent", "duplicate_of", "incident")
    @classmethod
    def one_line(cls, value: str) -> str:
        if value != value.strip() or any(not each.isprintable() for each in value):
            raise ValueError("it has to be one line of plain characters")
        return value

    @model_validator(mode="after")
    def does_something(self) -> "TicketParams":
        wanted = (self.queue, self.intent, self.priority, self.tags, self.answer, self.duplicate_of, self.incident)
        if not any(wanted):
            raise ValueError("it changes nothing")
        if self.duplicate_of == self.ticket:
            raise ValueError("a ticket can't repeat itself")
        return self


def ticket_effect(*, run: str, revision: int, **values: Any) -> Effect:
    """The effect that makes a ticket so. Its key depends on the run, the revision and all of it. BadInput."""
    params = ticket_params(values)
    unique = hashlib.sha256(canonical_json([run, revision, params.model_dump(mode="json")])).hexdigest()
    return Effect(kind=UPDATE, key=f"{UPDATE}/{unique[:40]}", says=says(params), params=params.model_dump(mode="json"))


def ticket_params(values: Any) -> TicketParams:
    """Parameters as they may be. BadInput names the one that may not."""
    try:
        return TicketParams.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "the update"
        raise BadInput(
            f"{where} of a ticket can't be that: {first['msg']}.", subject=where, way_out="Give it another value."
        ) from error


def says(params: TicketParams) -> str:
    """The sentence of the signing button."""
    name = f"ticket {shown.spelt(params.ticket)}"
    if params.duplicate_of:
        done = f"merge {name} into {shown.spelt(params.duplicate_of)}"
    elif params.incident == params.ticket:
        done = f"make {name} an incident"
    elif params.incident:
        done = f"link {name} to incident {shown.spelt(params.incident)}"
    else:
        done = f"put {name} into {shown.spelt(params.queue)}" if params.queue else f"note on {name} what it is about"
    return done[0].upper() + done[1:] + (" with a drafted answer" if params.answer else "")


def row(params: TicketParams) -> tuple[Cell, ...]:
    """A line of the table of updates. It is made anew before anything is done, and has to be there."""
    more = [f"tags {', '.join(params.tags)}"] if params.tags else []
    more += [f"merged into {params.duplicate_of}"] if params.duplicate_of else []
    more += [f"part of incident {params.incident}"] if params.incident else []
    more += ["an answer is drafted"] if params.answer else []
    was = f"{params.queue_was} → {params.queue}" if params.queue_was and params.queue else params.queue
    told = (params.ticket, was or NOTHING, params.intent or NOTHING, params.priority or NOTHING, "; ".join(more))
    return tuple(Cell(text=each) for each in told)


def claim(params: TicketParams) -> Claim:
    """A drafted answer with what it stands on, made anew as `row` is."""
    return Claim(
        text=params.answer,
        group=f"To ticket {params.ticket}",
        sources=tuple(Cell(text=f"ticket {each}") for each in params.cites),
    )


def panels(all_of_them: Sequence[TicketParams]) -> tuple[Panel, ...]:
    """What a reviewer reads of the updates."""
    table = TablePanel(title=UPDATES, columns=COLUMNS, rows=tuple(row(each) for each in all_of_them))
    answers = tuple(claim(each) for each in all_of_them if each.answer)
    return (table, ClaimsPanel(title=ANSWERS, claims=answers)) if answers else (table,)


def retold(shown_before: tuple[Panel, ...], before: TicketParams, after: TicketParams) -> tuple[Panel, ...]:
    """The same panels, with one update told anew. An answer where there was none is added to the others."""
    told = tuple(_retold(panel, before, after) for panel in shown_before)
    return told if before.answer or not after.answer else _with_answer(told, claim(after))


def _with_answer(told: tuple[Panel, ...], answer: Claim) -> tuple[Panel, ...]:
    if not any(_is_answers(each) for each in told):
        at = next((place for place, each in enumerate(told, 1) if each.title == UPDATES), 0)
        told = (*told[:at], ClaimsPanel(title=ANSWERS, claims=()), *told[at:])
    return tuple(
        each.model_copy(update={"claims": (*each.claims, answer)})
        if isinstance(each, ClaimsPanel) and _is_answers(each)
        else each
        for each in told
    )


def _is_answers(panel: Panel) -> bool:
    return isinstance(panel, ClaimsPanel) and panel.title == ANSWERS


def _retold(panel: Panel, before: TicketParams, after: TicketParams) -> Panel:
    if isinstance(panel, TablePanel) and panel.title == UPDATES:
        rows = tuple(row(after) if each == row(before) else each for each in panel.rows)
        return panel.model_copy(update={"rows": rows})
    if isinstance(panel, ClaimsPanel) and panel.title == ANSWERS:
        swapped = [claim(after) if each == claim(before) else each for each in panel.claims]
        return panel.model_copy(update={"claims": tuple(each for each in swapped if each.text)})
    return panel


def is_shown(params: TicketParams, all_panels: Sequence[Panel]) -> bool:
    """Whether a reviewer saw this update, and this answer, once."""
    tables = [each for each in all_panels if isinstance(each, TablePanel) and each.title == UPDATES]
    answers = [each for each in all_panels if isinstance(each, ClaimsPanel) and each.title == ANSWERS]
    rows = [each for panel in tables for each in panel.rows]
    claims = [each for panel in answers for each in panel.claims]
    mine = [each for each in claims if each.group == claim(params).group]
    return rows.count(row(params)) == 1 and mine == ([claim(params)] if params.answer else [])

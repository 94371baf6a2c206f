"""What a model is made of: the history, read to its end, and what people made of tickets."""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass

from activities.progress import Progress
from activities.support_triage import learned
from activities.support_triage.desk import Desk
from activities.support_triage.history import Journal, read_on
from activities.support_triage.sources import opened
from activities.toolbox import Toolbox
from contracts.errors import BadInput
from contracts.support import LearnRequest, Material

GROWN, FEWEST = 0.2, 20  # a history that has grown by this share, and by so many tickets, is learnt anew
MOST_GROWN = 10_000  # tickets that are taken in one by one at most, and
MOST_LATER = 250  # parts of them, or lessons: then it is learnt anew in any case


@dataclass(frozen=True)
class Read:
    """A history that was read to its end, with the model of it; None: `says` tells why there is none."""

    journal: Journal
    material: Material
    desk: Desk | None
    says: str


async def read(tools: Toolbox, request: LearnRequest, told: Progress) -> Read:
    """Read on, and make the model."""
    async with opened(request.history or request.source, tools.services) as source:
        journal = await read_on(tools, source, told)
    lessons = await asyncio.to_thread(tools.ledger.lessons, request.source)
    return await asyncio.to_thread(_made, tools, request, journal, lessons, told)


def _made(tools: Toolbox, request: LearnRequest, journal: Journal, lessons: tuple[str, ...], told: Progress) -> Read:
    journal, material = chosen(tools, request.history or request.source, journal, lessons)
    try:
        try:
            desk = desk_of(tools, material, told)
        except BadInput:
            if not material.lessons:
                raise
            # What people said may be enough by itself.
            material = Material(fitted=(*material.fitted, *material.later, *material.lessons))
            desk = desk_of(tools, material, told)
    except BadInput as error:
        return Read(journal, material, None, f"Nothing was learnt yet. {error.what}")
    return Read(journal, material, desk, desk.triager.certified.says)


def desk_of(tools: Toolbox, material: Material, told: Progress) -> Desk:
    """The model of this material. BadInput where there is nothing to learn from."""

    def say(says: str) -> None:
        told.says = says

    return learned.desk(tools, material, say)


def chosen(tools: Toolbox, source: str, journal: Journal, lessons: Sequence[str]) -> tuple[Journal, Material]:
    """What the model is fitted on, and what is taken in one by one. It is fitted anew only when there is enough that is
    new; small parts are put together then, too, so that years of looks are no more than a long history."""
    fitted, read = _fitted(tools, source)
    there, known, grown = set(journal.parts), set(fitted), journal.read - read
    parts = tuple(each for each in fitted if each in there)
    later, new = journal.parts[len(parts) :], tuple(each for each in lessons if each not in known)
    is_due = grown >= min(max(FEWEST, GROWN * read), MOST_GROWN) or max(len(later), len(new)) >= MOST_LATER
    if fitted and not is_due and journal.parts[: len(parts)] == parts:
        return journal, Material(fitted=fitted, later=later, lessons=new)
    journal = journal.put_together(tools)
    journal.keep(tools, source)
    material = Material(fitted=(*journal.parts, *lessons))
    made = tools.artifacts.put_model(material)
    tools.ledger.move_cursor(_name(source), json.dumps([made, journal.read]))
    return journal, material


def _name(source: str) -> str:
    return f"support/fitted/{source}"


def _fitted(tools: Toolbox, source: str) -> tuple[tuple[str, ...], int]:
    """What the last model of this source was fitted on, and how much of the history had been read."""
    kept = tools.ledger.cursor(_name(source))
    ref, read = json.loads(kept) if kept else ("", 0)
    if not isinstance(ref, str) or not ref or not tools.artifacts.has(ref):
        return (), 0
    return tools.artifacts.get_model(Material, ref).fitted, int(read)

"""The step `support.look`: read what is new in a source, triage it, and sort it into cases.

No ticket is proposed twice and none is lost: each is taken by one run (`ledger.take`), what was found is kept under the
run before the cursor moves, and what a run held that came to nothing is owed to the next.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic import Field
from temporalio import activity

from activities.faults import fault
from activities.progress import Progress, progress
from activities.support_triage import learned
from activities.support_triage.cases import DOUBTFUL, Sorting, room_beside, sort
from activities.support_triage.desk import Desk
from activities.support_triage.drafting import Drafting
from activities.support_triage.masking import mask
from activities.support_triage.sources import Source, opened
from activities.toolbox import Toolbox
from contracts.base import Contract
from contracts.changelog import counted
from contracts.errors import CountersignError, NotFound
from contracts.steps import SUPPORT_LOOK
from contracts.support import Case, CaseKind, Found, Item, Looked, LookRequest, Material, SupportTicket, Triaged

PAGE = 500
MOST_NOTES = 20
MOST_TEXT = 4_000  # characters of a ticket that are kept, masked
EARLIER = 300  # cases that duplicates and bursts are looked for in
KINDS: dict[CaseKind, str] = {"batch": "sure", "doubtful": "doubtful", "incident": "part of a burst"}


class Kept(Contract):
    """What a look has found, and where the next begins."""

    looked: Looked
    cursor: str | None = Field(default=None, description="None: it moves nothing")


@dataclass
class New:
    """Tickets that this run has taken."""

    tickets: list[SupportTicket] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cursor: str | None = None
    more: bool = False


class SupportLooking:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools, self.ledger = toolbox, toolbox.ledger

    @activity.defn(name=SUPPORT_LOOK.name)
    async def look(self, request: LookRequest) -> Looked:
        """The cases of what is new. An attempt that is repeated finds the same."""
        async with progress(f"looking at {request.source}") as told:
            kept = await asyncio.to_thread(self._kept, request)
            if kept is None:
                kept = await self._looked(request, told)
            if kept.cursor is not None:
                await asyncio.to_thread(self.ledger.move_cursor, cursor_of(request.source), kept.cursor)
            return kept.looked

    def _kept(self, request: LookRequest) -> Kept | None:
        ref = self.ledger.cursor(f"support/looked/{request.run}")
        return self.tools.artifacts.get_model(Kept, ref) if ref else None

    async def _looked(self, request: LookRequest, told: Progress) -> Kept:
        async with opened(request.source, self.tools.services) as source:
            new = await (self._named(source, request) if request.ticket else self._new(source, request, told))
            if not new.tickets:
                return Kept(looked=nothing(request, new), cursor=new.cursor)
            told.says = f"triaging {counted(len(new.tickets), 'ticket')}"
            desk = await asyncio.to_thread(self._desk, request, told)
            items, before = await asyncio.to_thread(self._triaged, request.source, new.tickets, desk)
            drafting = Drafting(source)
            items = [await drafting.answered(each) for each in items]
        undecided = 0 if request.ticket else await asyncio.to_thread(self.ledger.under_review, request.source)
        sorting = await asyncio.to_thread(sort, items, before, desk, room_beside(undecided))
        return await asyncio.to_thread(self._keep, request, new, sorting, undecided)

    async def _named(self, source: Source, request: LookRequest) -> New:
        """One ticket, unless another run has it."""
        ticket = await source.one(request.ticket)
        if await asyncio.to_thread(self.ledger.take, source.name, [ticket.key], request.run):
            return New([ticket])
        return New(notes=[f"Another run has ticket {ticket.id} already."])

    async def _new(self, source: Source, request: LookRequest, told: Progress) -> New:
        """What runs gave back, then what came since the cursor, until there is enough."""
        found = New()
        # Half of a look at most: what was left must not keep a burst among the newest from being seen.
        for key in await asyncio.to_thread(self.ledger.owed, source.name, -(-request.most // 2)):
            try:
                ticket = await source.one(key.rpartition("#")[2])
            except NotFound as error:
                found.notes.append(error.what)
                continue
            found.tickets += await self._taken(source, [ticket], request.run)
        cursor = await asyncio.to_thread(self.ledger.cursor, cursor_of(source.name))
        while len(found.tickets) < request.most:
            page = await source.page(cursor, min(PAGE, request.most - len(found.tickets)))
            found.tickets += await self._taken(source, page.tickets, request.run)
            found.notes = [*found.notes, *page.notes][:MOST_NOTES]
            cursor, found.more = page.cursor, page.more
            if not page.more:
                break
            if not found.tickets:  # nothing is lost by it, and a long history is read once
                await asyncio.to_thread(self.ledger.move_cursor, cursor_of(source.name), cursor)
            told.says = f"{counted(len(found.tickets), 'new ticket')} so far"
        found.cursor = cursor
        return found

    async def _taken(self, source: Source, tickets: Sequence[SupportTicket], run: str) -> list[SupportTicket]:
        waiting = {each.key: each for each in tickets if is_waiting(each)}
        if not waiting:
            return []
        mine = await asyncio.to_thread(self.ledger.take, source.name, list(waiting), run)
        return [each for key, each in waiting.items() if key in mine]

    def _desk(self, request: LookRequest, told: Progress) -> Desk:
        def say(says: str) -> None:
            told.says = says

        return learned.desk(self.tools, self.tools.artifacts.get_model(Material, request.model), say)

    def _triaged(self, source: str, tickets: Sequence[SupportTicket], desk: Desk) -> tuple[list[Item], list[Case]]:
        """Each ticket, masked, with what was found out; and the cases of the time before."""
        before = [case for ref in self.ledger.recent(source, EARLIER) if (case := self._case(ref)) is not None]
        masked = [masked_ticket(each) for each in tickets]
        found = desk.triage([each for each, _ in masked], [each.ticket for case in before for each in case.items])
        return [item(*each, said) for each, said in zip(masked, found, strict=True)], before

    def _case(self, ref: str) -> Case | None:
        try:
            return self.tools.artifacts.get_model(Case, ref)
        except CountersignError:  # erased since
            return None

    def _keep(self, request: LookRequest, new: New, sorting: Sorting, undecided: int) -> Kept:
        found, left = [], sorting.left
        for number, case in enumerate(sorting.cases, 1):
            ref = self.tools.artifacts.put_model(case)
            run = request.run if request.ticket else f"{request.run}-{number}"
            keys = [each.ticket.key for each in case.items]
            self.ledger.hand_over(request.source, keys, run, ref)
            says = f"{counted(len(keys), 'ticket')}, {KINDS[case.kind]}"
            found.append(Found(case=ref, kind=case.kind, tickets=len(keys), run=run, says=says))
        self.ledger.give_back(request.source, left)
        looked = Looked(
            tickets=len(new.tickets) - len(left),
            cases=tuple(found),
            more=new.more or bool(left),
            says=told_of(found, len(left), new.notes, undecided),
            notes=tuple(new.notes),
        )
        kept = Kept(looked=looked, cursor=new.cursor)
        fault("support.kept")
        self.ledger.move_cursor(f"support/looked/{request.run}", self.tools.artifacts.put_model(kept))
        return kept


def cursor_of(source: str) -> str:
    return f"support/new/{source}"


def is_waiting(ticket: SupportTicket) -> bool:
    """Whether nobody has looked at it: new, or open and in no queue."""
    return ticket.status == "new" or (ticket.status == "open" and not ticket.queue)


def masked_ticket(ticket: SupportTicket) -> tuple[SupportTicket, tuple[str, ...]]:
    """The ticket without personal data, and the kinds that there were."""
    subject, text = (mask(each, ticket.people) for each in (ticket.subject, ticket.text))
    kinds = tuple(sorted({*subject.kinds, *text.kinds}))
    left_out = ticket.left_out + max(0, len(text.text) - MOST_TEXT)
    changes = {"subject": subject.text, "text": text.text[:MOST_TEXT], "left_out": left_out}
    return ticket.model_copy(update={**changes, "solution": "", "people": ()}), kinds


def item(ticket: SupportTicket, personal: tuple[str, ...], said: Triaged) -> Item:
    """What was not read whole is never confident."""
    said = said.model_copy(update={"personal": personal})
    if ticket.left_out and said.confident:
        why = f"Only its first {len(ticket.text):,} characters were read; {ticket.left_out:,} were not."
        said = said.model_copy(update={"confident": False, "why": why})
    return Item(ticket=ticket, triaged=said)


def nothing(request: LookRequest, new: New) -> Looked:
    says = "; ".join(new.notes) or f"No new tickets in {request.source}."
    return Looked(tickets=0, more=new.more, says=says[:500], notes=tuple(new.notes))


def told_of(found: Sequence[Found], left: int, notes: Sequence[str], undecided: int = 0) -> str:
    """What a look found, in a sentence. `left`: doubtful tickets, for which so many others left no room."""
    counts = {kind: sum(each.tickets for each in found if each.kind == kind) for kind in KINDS}
    parts = [f"{count:,} {KINDS[kind]}" for kind, count in counts.items() if count]
    says = f"{counted(sum(counts.values()), 'new ticket')}: {', '.join(parts)}."
    if left:
        waits = f"until some of the {undecided:,} that wait for a decision are decided"
        until = waits if room_beside(undecided) < DOUBTFUL else "for the next look"
        says += f" {counted(left, 'doubtful one')} left {until}."
    return says + (f" Not read: {'; '.join(notes)}." if notes else "")

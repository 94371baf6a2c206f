"""What one proposal is about: a batch of confident tickets, one doubtful ticket, or a burst.

A doubtful ticket is a proposal of its own: its two likeliest queues are in the title, so it is decided by one signature
or by one changed word, and none of them can slip through in a list. docs/decisions tells why.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.support_triage.desk import Desk
from contracts.support import Case, Item, SupportTicket

BATCH = 40  # tickets of a proposal
DOUBTFUL = 20  # proposals of one look; what is beyond is left for the next
UNDECIDED = 60  # proposals of a source, from which on no doubtful one is added: nobody reads more of them in a morning


@dataclass(frozen=True)
class Sorting:
    """The cases, and keys of tickets that are left for the next look."""

    cases: tuple[Case, ...]
    left: tuple[str, ...]


def sort(items: Sequence[Item], before: Sequence[Case], desk: Desk, room: int = DOUBTFUL) -> Sorting:
    """Every item in one case. `before`: cases of the days before, whose tickets a burst may belong to. `room`: doubtful
    cases that the inbox has room for; a batch and an incident always find some, since they spare it many."""
    incidents = _incidents(items, before, desk)
    incidents += _known(items, incidents, before)
    taken = {each.ticket.key for case in incidents for each in case.items}
    rest = [each for each in items if each.ticket.key not in taken]
    confident = [each for each in rest if each.triaged.confident]
    doubtful = [each for each in rest if not each.triaged.confident]
    batches = [
        Case(kind="batch", items=tuple(confident[start : start + BATCH])) for start in range(0, len(confident), BATCH)
    ]
    single = [Case(kind="doubtful", items=(each,)) for each in doubtful[:room]]
    left = tuple(each.ticket.key for each in doubtful[room:])
    return Sorting((*incidents, *batches, *single), left)


def room_beside(undecided: int) -> int:
    """Doubtful cases that may be added where so many of the source wait for a decision."""
    return min(DOUBTFUL, max(0, UNDECIDED - undecided))


def _incidents(items: Sequence[Item], before: Sequence[Case], desk: Desk) -> list[Case]:
    """A case for each burst that has new tickets in it."""
    known = {each.ticket.key: case for case in before for each in case.items}
    old = [each.ticket for case in before for each in case.items]
    tickets: list[SupportTicket] = [*old, *(each.ticket for each in items)]
    moments = [each.created_at.timestamp() for each in tickets if each.created_at]
    if not moments:
        return []
    made, new = list[Case](), {each.ticket.key: each for each in items}
    for burst in desk.bursts(tickets, max(moments)):
        inside = [tickets[place] for place in burst.places]
        fresh = tuple(new[each.key] for each in inside if each.key in new)
        earlier = [known[each.key] for each in inside if each.key in known]
        incident = next((case for case in earlier if case.kind == "incident"), None)
        if not fresh:
            continue
        lead = incident.known if incident and incident.known else incident.items[0].ticket.id if incident else ""
        minutes = max(1, round((burst.last - burst.first) / 60))
        note = f"{len(inside)} similar tickets in {minutes} minutes, where chance brings {burst.expected:.1f}."
        title = fresh[0].ticket.subject or fresh[0].ticket.text.split("\n")[0]
        made.append(Case(kind="incident", items=fresh[:BATCH], title=title[:120], known=lead, notes=(note,)))
    return made


def _known(items: Sequence[Item], incidents: Sequence[Case], before: Sequence[Case]) -> list[Case]:
    """A case for each incident of before that tickets repeat which came too late for its burst."""
    bursting = {each.ticket.key for case in incidents for each in case.items}
    lead = {each.ticket.id: case.known or case.items[0].ticket.id for case in reversed(before)
            if case.kind == "incident" for each in case.items}  # fmt: skip
    late = [each for each in items if each.triaged.duplicate_of in lead and each.ticket.key not in bursting]
    made = dict[str, list[Item]]()
    for each in late:
        made.setdefault(lead[each.triaged.duplicate_of], []).append(each)
    return [_late(id, tuple(some[:BATCH])) for id, some in made.items()]


def _late(lead: str, items: tuple[Item, ...]) -> Case:
    ticket = items[0].ticket
    title = ticket.subject or ticket.text.split("\n")[0]
    note = f"They say the same as tickets of incident {lead}, and came after its burst."
    return Case(kind="incident", items=items, title=title[:120], known=lead, notes=(note,))

"""The steps `support.propose` and `support.correct`: a case as a proposal, and what a person made of it as examples."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from activities.effects.ticket_params import UPDATE, TicketParams, panels, ticket_effect, ticket_params
from activities.reviewing import reviewed
from activities.support_triage.evidence import evidence
from activities.toolbox import Toolbox
from contracts import shown
from contracts.changelog import counted
from contracts.proposal import Check, Effect, Proposal
from contracts.runs import Sealed
from contracts.steps import SUPPORT_CORRECT, SUPPORT_PROPOSE
from contracts.support import Case, Corrected, CorrectRequest, Example, Examples, Item, ProposeTriage

_ASKED = re.compile(r"\s*(?:ticket\s+)?(\S+?)\s*(?::|->|→)\s*(.{1,80}?)\s*[.;]?\s*", re.IGNORECASE)


class SupportProposing:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools, self.ledger = toolbox, toolbox.ledger

    @activity.defn(name=SUPPORT_PROPOSE.name)
    async def propose(self, request: ProposeTriage) -> Sealed:
        """Seal and store one revision. The same request gives the same digest, at every attempt."""
        return await asyncio.to_thread(self._propose, request)

    def _propose(self, request: ProposeTriage) -> Sealed:
        case = self.tools.artifacts.get_model(Case, request.case)
        wanted, unheard = asked_for(case, request.words)
        effects = tuple(effect(request, case, each, wanted.get(each.ticket.id, "")) for each in case.items)
        created = activity.info().scheduled_time
        draft = Proposal(
            realm=self.ledger.realm,
            workflow=request.workflow,
            version=request.version,
            run=request.run,
            revision=request.revision,
            title=title(case),
            summary=" ".join(filter(None, (summary(case), unheard))),
            drafted_by="baseline",
            effects=effects,
            panels=(*panels([ticket_params(each.params) for each in effects]), *evidence(case)),
            checks=checks(case),
            role=request.role,
            created_at=created,
            expires_at=created + timedelta(seconds=request.expire_seconds),
        )
        proposal, alarms = reviewed(draft, request.review, self.tools)
        self.ledger.store_proposal(proposal)
        self.ledger.update_run(request.run, state="waiting", says=proposal.title, subject=proposal.title[:200])
        return Sealed.of(proposal, alarms)

    @activity.defn(name=SUPPORT_CORRECT.name)
    async def correct(self, request: CorrectRequest) -> Corrected:
        """Keep what was signed as examples: the next look learns from them."""
        return await asyncio.to_thread(self._correct, request)

    def _correct(self, request: CorrectRequest) -> Corrected:
        case = self.tools.artifacts.get_model(Case, request.case)
        signed = [ticket_params(each.params) for each in self.ledger.proposal(request.digest).effects]
        items = {each.ticket.id: each for each in case.items}
        made = [example(items[each.ticket], each) for each in signed if each.ticket in items]
        made = [each for each in made if each.intent or each.queue]
        if not made:
            return Corrected(says="Nothing was said that could be learnt.")
        ref = self.tools.artifacts.put_model(Examples(examples=tuple(made)))
        self.ledger.teach(case.items[0].ticket.source, [each.key for each in made], ref)
        corrections = sum(each.corrected for each in made)
        says = f"{counted(len(made), 'signed ticket')} to learn from, {corrections:,} of them corrected."
        return Corrected(examples=len(made), corrections=corrections, says=says)


def effect(request: ProposeTriage, case: Case, each: Item, queue: str) -> Effect:
    """The update of one ticket. `queue`: what a reviewer wants instead."""
    ticket, said = each.ticket, each.triaged
    incident = (case.known or case.items[0].ticket.id) if case.kind == "incident" else ""
    return ticket_effect(
        run=request.run,
        revision=request.revision,
        source=ticket.source,
        ticket=ticket.id,
        queue=queue or (said.queues[0].label if said.queues else ""),
        queue_was=ticket.queue,
        intent=said.intents[0].label if said.intents else "",
        priority="urgent" if case.kind == "incident" else said.priority,
        answer=each.answer,
        cites=each.cites,
        duplicate_of="" if case.kind != "batch" else said.duplicate_of,
        incident=incident,
    )


def asked_for(case: Case, words: Sequence[str]) -> tuple[dict[str, str], str]:
    """Queues that reviewers asked for (`1042: Billing`), by ticket; and an answer to what can't be acted on."""
    ids, wanted, unheard = {each.ticket.id for each in case.items}, dict[str, str](), list[str]()
    for line in (line for said in words for line in re.split(r"[\n;]", said) if line.strip()):
        found = _ASKED.fullmatch(line)
        if found and found[1].lstrip("#") in ids:
            wanted[found[1].lstrip("#")] = " ".join(found[2].split())
        else:
            unheard.append(line.strip()[:100])
    told = "; ".join(f"“{each}”" for each in unheard)
    return wanted, f"The baseline can't act on {told}: write `ticket: queue`." if told else ""


def title(case: Case) -> str:
    first = case.items[0]
    if case.kind == "incident":
        link = f"link to incident {case.known}" if case.known else "one incident"
        return f"{counted(len(case.items), 'similar ticket')}, {link}: {shown.spelt(case.title)[:80]}"
    if case.kind == "doubtful":
        return f"Ticket {shown.spelt(first.ticket.id)}: {between(first)}"
    queues = len({each.triaged.queues[0].label for each in case.items if each.triaged.queues})
    into = f" into {counted(queues, 'queue')}" if queues else ""
    return f"Triage {counted(len(case.items), 'ticket')}{into}"


def between(item: Item) -> str:
    """The two likeliest, with how likely: where it is like what was learnt from, since else nobody knows."""
    guesses = (item.triaged.queues or item.triaged.intents)[:2]
    if item.triaged.unlike:
        return f"like nothing learnt; {' or '.join(each.label for each in guesses) or 'where'}?"
    return " or ".join(f"{each.label} ({each.probability:.0%})" for each in guesses) + "?" if guesses else "where?"


def summary(case: Case) -> str:
    if case.kind == "incident":
        return " ".join((*case.notes, "All are made urgent and linked; nothing is sent to a customer."))
    if case.kind == "doubtful":
        said = case.items[0].triaged
        return f"{said.why} Sign for the first, or change the queue below. Nothing is sent to a customer."
    least = min((each.triaged.intents or each.triaged.queues)[0].probability for each in case.items)
    went = Counter(each.triaged.queues[0].label for each in case.items if each.triaged.queues)
    told = ", ".join(f"{count:,} to {queue}" for queue, count in went.most_common(6))
    answers = sum(bool(each.answer) for each in case.items)
    return (
        f"{told or 'Intents alone'}. The least sure is {least:.0%}. {counted(answers, 'answer')} drafted as internal "
        "notes; nothing is sent to a customer. Drop or change single ones below."
    )


def checks(case: Case) -> tuple[Check, ...]:
    cited = all(set(each.cites) <= {similar.id for similar in each.triaged.similar} for each in case.items)
    bare = all(bool(each.answer) <= bool(each.cites) for each in case.items)
    return (
        Check(name="answers cite", passed=cited and bare, says="Each drafted answer stands on a solved ticket."),
        Check(name="read whole", passed=case.kind != "batch" or not any(each.ticket.left_out for each in case.items),
              says="Each ticket that counts as sure was read to its end."),
    )  # fmt: skip


def example(item: Item, signed: TicketParams) -> Example:
    said, ticket = item.triaged, item.ticket
    proposed = (said.queues[0].label if said.queues else "", said.intents[0].label if said.intents else "")
    changed_queue = signed.queue != proposed[0]
    # Who moved it elsewhere and said nothing of the intent has not confirmed the intent.
    intent = "" if changed_queue and signed.intent == proposed[1] else signed.intent
    return Example(
        key=ticket.key,
        id=ticket.id,
        text=ticket.words,
        subject=ticket.subject,
        intent=intent,
        queue=signed.queue,
        priority=signed.priority or "",
        url=ticket.url,
        corrected=(signed.queue, signed.intent) != proposed,
        at=ticket.created_at.timestamp() if ticket.created_at else 0,
    )


__all__ = ["UPDATE", "SupportProposing"]

"""The steps `support.propose` and `support.correct`: a case as a proposal, and what a person made of it as examples."""

import asyncio
from collections import Counter
from datetime import timedelta

from temporalio import activity

from activities.effects.ticket_params import UPDATE, TicketParams, panels, ticket_effect, ticket_params
from activities.reviewing import kept_for_review, paid
from activities.support_triage.evidence import evidence
from activities.support_triage.heard import asked_for, not_understood
from activities.support_triage.masking import mask
from activities.support_triage.wording import drafts
from activities.toolbox import Toolbox
from contracts import shown
from contracts.answers import WordedAnswers
from contracts.changelog import counted
from contracts.proposal import Check, Effect, Proposal
from contracts.runs import Sealed
from contracts.steps import SUPPORT_CORRECT, SUPPORT_PROPOSE
from contracts.support import Case, Corrected, CorrectRequest, Example, Examples, Item, ProposeTriage

MOST_TAUGHT = 4_000  # characters of a reviewer's answer that are learnt


class SupportProposing:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools, self.ledger = toolbox, toolbox.ledger

    @activity.defn(name=SUPPORT_PROPOSE.name)
    async def propose(self, request: ProposeTriage) -> Sealed:
        """Seal and store one revision. The same request gives the same digest, at every attempt."""
        return await asyncio.to_thread(self._propose, request)

    def _propose(self, request: ProposeTriage) -> Sealed:
        before, worded = self.tools.artifacts.get_model(Case, request.case), self._worded(request.worded.answers)
        case = drafts.with_answers(before, worded)
        wanted, unheard = asked_for(case, request.words)
        is_worded = any(each.text for each in worded.answers)
        told = (summary(case), drafts.says(case, worded), not_understood(unheard, is_worded=is_worded))
        effects = tuple(effect(request, case, each, wanted.get(each.ticket.id, "")) for each in case.items)
        created = activity.info().scheduled_time
        draft = Proposal(
            realm=self.ledger.realm,
            workflow=request.workflow,
            version=request.version,
            run=request.run,
            revision=request.revision,
            title=title(case),
            summary=" ".join(filter(None, told)),
            drafted_by="model" if is_worded else "baseline",
            fallback=request.worded.fallback,
            effects=effects,
            panels=evidence(
                case,
                (*panels([ticket_params(each.params) for each in effects]), *drafts.panels(before, worded)),
            ),
            checks=checks(case),
            cost=request.worded.cost,
            role=request.role,
            created_at=created,
            expires_at=created + timedelta(seconds=request.expire_seconds),
        )
        of_run = {"says": draft.title, "subject": draft.title[:200], "cost_usd": paid(draft.cost)}
        return kept_for_review(draft, request.review, self.tools, of_run)

    def _worded(self, ref: str) -> WordedAnswers:
        return self.tools.artifacts.get_model(WordedAnswers, ref) if ref else WordedAnswers()

    @activity.defn(name=SUPPORT_CORRECT.name)
    async def correct(self, request: CorrectRequest) -> Corrected:
        """Keep what was signed as examples: the next look learns from them."""
        return await asyncio.to_thread(self._correct, request)

    def _correct(self, request: CorrectRequest) -> Corrected:
        case = drafts.with_answers(self.tools.artifacts.get_model(Case, request.case), self._worded(request.worded))
        signed = [ticket_params(each.params) for each in self.ledger.proposal(request.digest).effects]
        items = {each.ticket.id: each for each in case.items}
        made = [example(items[each.ticket], each) for each in signed if each.ticket in items]
        made = [each for each in made if each.intent or each.queue]
        if not made:
            return Corrected(says="Nothing was said that could be learnt.")
        ref = self.tools.artifacts.put_model(Examples(examples=tuple(made)))
        self.ledger.teach(case.items[0].ticket.source, [each.key for each in made], ref)
        corrections = sum(each.corrected for each in made)
        taught = sum(each.taught for each in made)
        says = f"{counted(len(made), 'signed ticket')} to learn from, {corrections:,} of them corrected."
        says += f" {counted(taught, 'answer')} in a reviewer's words." if taught else ""
        return Corrected(examples=len(made), corrections=corrections, says=says)


def effect(request: ProposeTriage, case: Case, each: Item, queue: str) -> Effect:
    """The update of one ticket. `queue`: what a reviewer wants instead."""
    ticket, said = each.ticket, each.triaged
    # What is like nothing learnt stays where it is, where nobody is asked about its queue.
    lost = case.kind == "incident" and said.unlike
    incident = (case.known or case.items[0].ticket.id) if case.kind == "incident" else ""
    return ticket_effect(
        run=request.run,
        revision=request.revision,
        source=ticket.source,
        ticket=ticket.id,
        queue=queue or (said.queues[0].label if said.queues and not lost else ""),
        queue_was=ticket.queue,
        intent=said.intents[0].label if said.intents and not lost else "",
        priority="urgent" if case.kind == "incident" else said.priority,
        answer=each.answer,
        cites=each.cites,
        duplicate_of="" if case.kind != "batch" else said.duplicate_of,
        incident=incident,
    )


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
        said, drafted = case.items[0].triaged, bool(case.items[0].answer)
        answer = " An answer is drafted for the first: look at it, too." if drafted else ""
        same = f" It says the same as ticket {shown.spelt(said.duplicate_of)}." if said.duplicate_of else ""
        return f"{said.why}{same} Sign for the first, or change the queue below.{answer} Nothing is sent to a customer."
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
    # What a person made of an answer is what solves such tickets from now on. One left as it was teaches nothing new.
    is_taught = bool(signed.answer) and signed.answer != item.answer
    return Example(
        key=ticket.key,
        id=ticket.id,
        text=ticket.words,
        subject=ticket.subject,
        intent=intent,
        queue=signed.queue,
        priority=signed.priority or "",
        solution=mask(signed.answer).text[:MOST_TAUGHT] if is_taught else "",
        taught=is_taught,
        url=ticket.url,
        corrected=(signed.queue, signed.intent) != proposed,
        at=ticket.created_at.timestamp() if ticket.created_at else 0,
    )


__all__ = ["UPDATE", "SupportProposing"]

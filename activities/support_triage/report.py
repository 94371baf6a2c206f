"""The step `support.report`: what a backfill found as one proposal that changes nothing, to be read in a minute."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

from temporalio import activity

from activities.reviewing import kept_for_review
from activities.toolbox import Toolbox
from contracts import shown
from contracts.changelog import counted
from contracts.proposal import Cell, MarkdownPanel, Panel, Proposal, TablePanel
from contracts.runs import Sealed
from contracts.steps import SUPPORT_REPORT
from contracts.support import BackfillReport, ProposeTriage, Tally


class SupportReporting:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools, self.ledger = toolbox, toolbox.ledger

    @activity.defn(name=SUPPORT_REPORT.name)
    async def report(self, request: ProposeTriage) -> Sealed:
        """Seal and store it. The same request gives the same digest, at every attempt."""
        return await asyncio.to_thread(self._report, request)

    def _report(self, request: ProposeTriage) -> Sealed:
        found = self.tools.artifacts.get_model(BackfillReport, request.case)
        created = activity.info().scheduled_time
        draft = Proposal(
            realm=self.ledger.realm,
            workflow=request.workflow,
            version=request.version,
            run=request.run,
            revision=request.revision,
            title=title(found),
            summary=summary(found),
            drafted_by="baseline",
            effects=(),
            panels=panels(found),
            role=request.role,
            created_at=created,
            expires_at=created + timedelta(seconds=request.expire_seconds),
        )
        told = {"says": draft.title, "subject": draft.title[:200]}
        return kept_for_review(draft, request.review, self.tools, told)


def title(found: BackfillReport) -> str:
    sure = f"{found.confident:,} of {found.triaged:,} without a label are sure"
    return f"Backfill of {counted(found.read, 'ticket')}: {sure}"


def summary(found: BackfillReport) -> str:
    doubtful = counted(found.triaged - found.confident, "ticket")
    unlike = f", {found.unlike:,} of them like nothing learnt" if found.unlike else ""
    told = [
        found.says,
        f"{doubtful} would be handed over{unlike}.",
        f"{found.urgent:,} sound urgent." * bool(found.urgent),
        f"{found.duplicates:,} say what an earlier one says." * bool(found.duplicates),
        f"Only tickets {found.days} were triaged." * bool(found.days),
        "No ticket is changed: those that wait are proposed by the looks, a few at a time.",
    ]
    return " ".join(filter(None, told))


def panels(found: BackfillReport) -> tuple[Panel, ...]:
    made: list[Panel] = []
    if found.queues:
        made.append(_table("Where they belong", "queue", found.queues, found.triaged))
    if found.intents:
        made.append(_table("What they are about", "intent", found.intents, found.triaged))
    if found.between:
        made.append(_torn(found.between))
    text = f"Each ticket is a line of `{found.file}`, on the worker's host: its queue, intent, how probable, and why."
    notes = "".join(f"\n- {shown.words(each)}" for each in found.notes)
    made.append(MarkdownPanel(title="All of them", text=text + (f"\n\nNot read:\n{notes}" if notes else "")))
    return tuple(made)


def _table(name: str, column: str, tallies: Sequence[Tally], of: int) -> TablePanel:
    rows = tuple(
        (
            Cell(text=each.name),
            Cell(text=f"{each.tickets:,}"),
            Cell(text=f"{each.tickets / of:.0%}"),
            Cell(text=f"{each.sure:,}"),
            Cell(text=f"{each.tickets - each.sure:,}"),
        )
        for each in tallies
    )
    left = of - sum(each.tickets for each in tallies)
    note = f"{counted(left, 'ticket')} of other kinds are in the file." if left else ""
    return TablePanel(title=name, columns=(column, "tickets", "share", "sure", "in doubt"), rows=rows, note=note)


def _torn(between: Sequence[Tally]) -> TablePanel:
    rows = tuple(
        (Cell(text=each.name), Cell(text=f"{each.tickets:,}"), Cell(text=", ".join(each.examples)))
        for each in between[:10]
    )
    note = "Where two can't be told apart, more solved tickets of both help, or one queue for both."
    return TablePanel(title="What is in doubt", columns=("between", "tickets", "such as"), rows=rows, note=note)

"""The activities of payables: read the books, make the plan."""

import asyncio
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from temporalio import activity

from activities.effects.payment_file import earlier
from activities.payables.keeping import Kept
from activities.payables.planning import make_plan
from activities.payables.remembering import dropped, plans_before
from activities.payables.sources.choosing import read_books
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.errors import NotFound
from contracts.paying import Books, BooksGathered, Dropped, GatherBooks, MakePlan, Plan, Planned
from contracts.steps import PAYABLES_GATHER, PAYABLES_PLAN

WORKFLOW = "payables"
MORNINGS = 10  # before this one, of which it is told what was dropped


class PayablesActivities:
    """Reads and plans. Nothing here changes anything outside."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    @activity.defn(name=PAYABLES_GATHER.name)
    async def gather(self, request: GatherBooks) -> BooksGathered:
        """Read the books. BadInput names what can't be read; ServiceBusy is tried again."""
        async with progress(f"reading {request.books}") as told:

            def say(words: str) -> None:
                told.says = words

            books = await read_books(request.books, request.now, self._toolbox.services, say)
            ref = await asyncio.to_thread(self._toolbox.artifacts.put_model, books)
        return BooksGathered(
            books=ref,
            source=books.source,
            subject=books.settings.company,
            invoices=len(books.invoices),
            vendors=len({each.vendor for each in books.invoices}),
            flaws=sum(each.rows for each in books.flaws),
        )

    @activity.defn(name=PAYABLES_PLAN.name)
    async def plan(self, request: MakePlan) -> Planned:
        """Hold what is suspicious, foretell what comes in, and schedule the rest."""
        async with progress("planning what to pay when") as told:

            def say(words: str) -> None:
                told.says = words

            return await asyncio.to_thread(self._plan, request, say)

    def _plan(self, request: MakePlan, say: Callable[[str], None]) -> Planned:
        tools = self._toolbox
        books = tools.artifacts.get_model(Books, request.books)
        before, out = self._before(request.run, books.source)
        known = earlier(tools.ledger, books.source)
        plan = make_plan(
            books,
            request.books,
            request.now,
            earlier=known,
            before=before,
            dropped=out,
            asked=request.asked,
            say=say,
            learn=Kept(Path(tools.state), books.source).learn,
        )
        found = planned(plan, tools.artifacts.put_model(plan))
        other = self._under_review(request.run, books.source) if found.proposes else ""
        return found if not other else nothing_beside(other)

    def _under_review(self, run: str, source: str) -> str:
        """The other run whose plan of these books is open; empty: this one's may be. What it proposes would be proposed
        twice. One that was signed is taken into account, and one that was not is planned anew."""
        holder = self._toolbox.ledger.claim(f"{WORKFLOW}/{source}", run)
        return "" if holder == run else holder

    def _before(self, run: str, source: str) -> tuple[Plan | None, tuple[Dropped, ...]]:
        """The last plan of these books that can still be read, and what people dropped in the last few mornings."""
        ledger, plan, out = self._toolbox.ledger, None, list[Dropped]()
        for earlier_run, ref in islice(plans_before(ledger, run, source), MORNINGS):
            out += dropped(ledger, earlier_run)
            try:
                plan = plan or self._toolbox.artifacts.get_model(Plan, ref)
            except NotFound:
                continue  # erased since
        return plan, tuple(out)


def nothing_beside(other: str) -> Planned:
    """No plan, and none that a later run goes by."""
    says = f"The run {other} has proposed what to pay, and waits: decide on that one."
    return Planned(plan="", source="", payments=0, alone=0, held=0, infeasible=0, says=says)


def planned(plan: Plan, ref: str) -> Planned:
    """What the workflow has to know of a plan."""
    alone = {hold.invoice for hold in plan.holds if hold.alone}
    firm = [each for each in plan.schedule.payments if each.firm]
    apart = sum(each.payable in alone for each in firm)
    held = sum(not hold.alone for hold in plan.holds)
    fresh = held if plan.before is None else sum(each.what == "held" for each in plan.changes)
    short = len(plan.schedule.infeasible)
    says = f"{len(firm):,} of {len(plan.payees):,} invoices to pay now, {apart:,} of them alone; {held:,} held."
    if short:
        says += f" No schedule keeps {', '.join(each.currency for each in plan.schedule.infeasible)} above its floor."
    return Planned(
        plan=ref,
        source=plan.source[:160],
        payments=len(firm),
        alone=apart,
        held=held,
        fresh=fresh,
        infeasible=short,
        says=says,
    )

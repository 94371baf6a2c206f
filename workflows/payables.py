"""Payables timing: what to pay today, what to hold, and a payment file that a person signs."""

from datetime import timedelta

from temporalio import workflow
from temporalio.workflow import ParentClosePolicy

from workflows.ending import carry_out, close, rejection
from workflows.gate import ReviewGate, no_text, review
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.paying import (
        APART,
        Asked,
        BooksGathered,
        GatherBooks,
        MakePlan,
        PayablesRequest,
        Planned,
        ProposePayments,
    )
    from contracts.policy import Gate, GateRule, Policy, Schedule
    from contracts.runs import STARTED_BY, Outcome, Sealed
    from contracts.steps import PAYABLES_GATHER, PAYABLES_PLAN, PAYABLES_PROPOSE

ROLES = ("approver", "reviewer")

TOO_LATE = "Nobody decided in time, before the bank's cut-off or the next morning. Nothing was done; start it anew."
NO_TEXT = "There is no text to edit here. Drop single files, or ask for changes in words."


@workflow.defn(name="payables", failure_exception_types=[ValueError, TypeError, LookupError])
class Payables:
    """Context in, background execution, reviewable output, human approval."""

    policy = Policy(
        summary="Says which invoices to pay today, holds suspicious ones, and makes the payment file",
        schedule=Schedule(cron="0 6 * * MON-FRI"),
        team="payments",
        gate=Gate(
            rules=(
                GateRule(name="payments", kinds=("payment.file",), paths=("payments/usual",), roles=ROLES),
                # Whatever the amount: nothing stands in for the second person.
                GateRule(
                    name="new accounts",
                    kinds=("payment.file",),
                    paths=("payments/changed-bank-details", "payments/first-payment"),
                    roles=ROLES,
                    needs=2,
                    critical=True,
                    delegable=False,
                ),
                GateRule(name="nothing to pay", kinds=("",), roles=ROLES),
            ),
            remind_after=timedelta(hours=3),
            expire_after=timedelta(hours=20),  # the next morning plans anew
            rounds=10,
        ),
        effects=("payment.file",),
    )

    @workflow.init
    def __init__(self, request: PayablesRequest) -> None:
        self.request = request
        self.gate = ReviewGate(self.policy.gate)
        self.revision = 0
        self.asked: tuple[Asked, ...] = ()

    @workflow.run
    async def run(self, request: PayablesRequest) -> Outcome:
        if request.part == "alone":
            return await self.decided(request.plan, None)
        books = await self.gather()
        made = await self.plan(books)
        if made.alone:
            await self.hand_over(made)
        if not (made.payments > made.alone or made.infeasible or made.fresh):
            return await self.close("nothing to do", f"{made.says} No proposal.")
        return await self.decided(made.plan, books)

    async def gather(self) -> BooksGathered:
        named = self.request.books
        show(self.policy, state="gathering", says=f"Reading the books of {named}")
        found = await step(
            PAYABLES_GATHER, GatherBooks(books=named, now=workflow.now()), summary=f"Read the books of {named}"
        )
        show(self.policy, state="gathering", subject=found.subject, says=found.says)
        return found

    async def plan(self, books: BooksGathered) -> Planned:
        show(self.policy, state="working", says=f"Planning {books.invoices:,} invoices")
        request = MakePlan(run=workflow.info().workflow_id, books=books.books, now=workflow.now(), asked=self.asked)
        return await step(
            PAYABLES_PLAN, request, summary=f"Hold what is suspicious, schedule {books.invoices:,} invoices"
        )

    async def hand_over(self, made: Planned) -> None:
        """What two people sign gets a run of its own, so that the rest waits for nobody."""
        started_by = workflow.memo_value(STARTED_BY, None)
        await workflow.start_child_workflow(
            workflow.info().workflow_type,
            PayablesRequest(books=self.request.books, plan=made.plan, part="alone"),
            id=f"{workflow.info().workflow_id}{APART}",
            parent_close_policy=ParentClosePolicy.ABANDON,
            memo={STARTED_BY: started_by} if started_by else None,
            static_summary="Payments to accounts that were never paid before",
        )

    async def decided(self, plan: str, books: BooksGathered | None) -> Outcome:
        for _ in range(self.policy.gate.rounds):
            sealed = await self.propose(plan)
            decided = await self.gate.decision(sealed, reseal=no_text(NO_TEXT))
            if decided is None:
                return await self.close("expired", TOO_LATE, sealed)
            sealed, decision = decided
            if decision.statement.verdict == "approve":
                return await carry_out(self.policy, self.gate, sealed, decision)
            if decision.statement.verdict == "reject" or books is None:
                return await self.close("rejected", rejection(decision), sealed)
            said = decision.statement
            self.asked += (Asked(by=said.person, words=said.words, at=said.decided_at),)
            plan = (await self.plan(books)).plan
        return await self.close("rejected", f"Changes were asked for {self.policy.gate.rounds} times.", sealed)

    async def propose(self, plan: str) -> Sealed:
        self.revision += 1
        number = self.gate.numbered(self.revision)
        request = ProposePayments(
            run=workflow.info().workflow_id,
            workflow=workflow.info().workflow_type,
            version=self.policy.version,
            revision=number,
            plan=plan,
            part=self.request.part,
            role=self.policy.gate.role,
            expire_seconds=self.policy.gate.expire_after.total_seconds(),
            review=review(self.policy),
        )
        sealed = await step(PAYABLES_PROPOSE, request, summary=f"Seal revision {number}")
        show(self.policy, state="waiting for review", says=f"Waiting for review: {sealed.title}")
        return sealed

    async def close(self, state: str, says: str, sealed: Sealed | None = None) -> Outcome:
        return await close(self.policy, self.gate, state, says, sealed)

"""Support triage: what each new ticket is about, where it belongs, and what could be answered."""

from datetime import timedelta
from decimal import Decimal

from temporalio import workflow
from temporalio.exceptions import ActivityError, WorkflowAlreadyStartedError, is_cancelled_exception

from workflows.ending import carry_out, close, rejection
from workflows.gate import ReviewGate, no_text, review
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.answers import WordAnswers, Worded
    from contracts.budgets import Spender
    from contracts.policy import Budget, Gate, Policy, Schedule
    from contracts.runs import Outcome, Sealed
    from contracts.steps import (
        SUPPORT_BACKFILL,
        SUPPORT_CORRECT,
        SUPPORT_LEARN,
        SUPPORT_LOOK,
        SUPPORT_PROPOSE,
        SUPPORT_REPORT,
        SUPPORT_WORD,
        Step,
    )
    from contracts.support import (
        CorrectRequest,
        Found,
        LearnRequest,
        Learnt,
        Looked,
        LookRequest,
        ProposeTriage,
        SupportRequest,
    )

WORDED = "worded-answers"
NO_TEXT = "There is no text to edit: change single updates instead."


@workflow.defn(name="support_triage", failure_exception_types=[ValueError, TypeError, LookupError])
class SupportTriage:
    """A look at a source finds cases, and each case is reviewed in a run of its own: a look never waits for a person,
    so the next one is due in five minutes whatever is still to be signed."""

    policy = Policy(
        summary="Says what new tickets are about, where they belong, and what could be answered",
        team="support",
        budget=Budget(usd=Decimal("0.50"), month_usd=Decimal("50")),
        schedule=Schedule(cron="*/5 * * * *", catch_up=timedelta(minutes=30)),
        gate=Gate(role="reviewer", remind_after=timedelta(hours=4), expire_after=timedelta(days=3)),
        effects=("ticket.update",),
    )

    @workflow.init
    def __init__(self, request: SupportRequest) -> None:
        self.gate = ReviewGate(self.policy.gate)
        self.revision = 0
        self.words: tuple[str, ...] = ()

    @workflow.run
    async def run(self, request: SupportRequest) -> Outcome:
        if request.backfill:
            return await self.backfill(request)
        if request.case:
            return await self.review(request.case)
        learnt = await self.learn(request)
        if not learnt.serves:
            return await self.close("nothing to do", learnt.says)
        looked = await self.look(request, learnt)
        if not looked.cases:
            return await self.close("nothing to do", looked.says)
        if request.ticket:
            return await self.review(looked.cases[0].case)
        for found in looked.cases:
            await self.hand_on(request, found)
        return await self.close("done", looked.says)

    def learning(self, request: SupportRequest) -> LearnRequest:
        return LearnRequest(
            run=workflow.info().workflow_id,
            source=request.source,
            history=request.history,
            backfill=request.backfill,
            since=request.since,
            until=request.until,
        )

    async def learn(self, request: SupportRequest) -> Learnt:
        show(self.policy, state="learning", says=f"Reading on in {request.history or request.source}", subject="look")
        return await step(SUPPORT_LEARN, self.learning(request), summary="Learn from what was solved and corrected")

    async def backfill(self, request: SupportRequest) -> Outcome:
        show(self.policy, state="backfilling", says=f"Reading all of {request.history or request.source}")
        made = await step(SUPPORT_BACKFILL, self.learning(request), summary="Triage the whole history, part by part")
        if not made.report:
            return await self.close("done", made.says)
        sealed = await self.propose(made.report, Worded(), SUPPORT_REPORT)
        decided = await self.gate.decision(sealed, reseal=no_text(NO_TEXT))
        if decided is None:
            return await self.close("expired", "Nobody read the report in time. What it found is kept.", sealed)
        sealed, decision = decided
        if decision.statement.verdict == "approve":
            return await carry_out(self.policy, self.gate, sealed, decision)
        return await self.close("rejected", rejection(decision), sealed)

    async def look(self, request: SupportRequest, learnt: Learnt) -> Looked:
        show(self.policy, state="looking", says=learnt.says)
        return await step(
            SUPPORT_LOOK,
            LookRequest(
                run=workflow.info().workflow_id,
                source=request.source,
                ticket=request.ticket,
                model=learnt.model,
                most=request.most,
            ),
            summary=f"Triage what is new in {request.source}",
        )

    async def hand_on(self, request: SupportRequest, found: Found) -> None:
        """A run for a case. It outlives this one, and an attempt that finds it started has nothing to do."""
        memo = {name: workflow.memo_value(name) for name in workflow.memo()}
        try:
            await workflow.start_child_workflow(
                workflow.info().workflow_type,
                request.model_copy(update={"case": found.case}),
                id=found.run,
                parent_close_policy=workflow.ParentClosePolicy.ABANDON,
                memo=memo,
                static_summary=found.says,
            )
        except WorkflowAlreadyStartedError:
            return

    async def review(self, case: str) -> Outcome:
        for _ in range(self.policy.gate.rounds):
            worded = await self.word(case)
            sealed = await self.propose(case, worded)
            decided = await self.gate.decision(sealed, reseal=no_text(NO_TEXT))
            if decided is None:
                return await self.close("expired", "Nobody decided in time. The tickets are looked at again.", sealed)
            sealed, decision = decided
            if decision.statement.verdict == "approve":
                request = CorrectRequest(digest=sealed.digest, case=case, worded=worded.answers)
                await step(SUPPORT_CORRECT, request, summary="Keep what was signed, to learn from")
                return await carry_out(self.policy, self.gate, sealed, decision)
            if decision.statement.verdict == "reject":
                return await self.close("rejected", rejection(decision), sealed)
            self.words += (decision.statement.words,)
        return await self.close("rejected", f"Changes were asked for {self.policy.gate.rounds} times.", sealed)

    async def word(self, case: str) -> Worded:
        """Answers in a model's words where there is one and its checks pass; else the baseline's stand."""
        if not workflow.patched(WORDED):
            return Worded()
        show(self.policy, state="composing", says="Wording the drafted answers")
        spender = Spender.of(self.policy, run=workflow.info().workflow_id, workflow=workflow.info().workflow_type)
        asked = WordAnswers(case=case, words=self.words, spender=spender, route=self.policy.route)
        try:
            return await step(SUPPORT_WORD, asked, summary="Let a model word the drafted answers, where there is one")
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return Worded(fallback=f"The model could not be used: {error.cause}"[:500])

    async def propose(self, case: str, worded: Worded, by: Step[ProposeTriage, Sealed] = SUPPORT_PROPOSE) -> Sealed:
        self.revision += 1
        sealed = await step(
            by,
            ProposeTriage(
                run=workflow.info().workflow_id,
                workflow=workflow.info().workflow_type,
                version=self.policy.version,
                revision=self.gate.numbered(self.revision),
                case=case,
                worded=worded,
                words=self.words,
                role=self.policy.gate.role,
                expire_seconds=self.policy.gate.expire_after.total_seconds(),
                review=review(self.policy),
            ),
            summary=f"Seal revision {self.gate.numbered(self.revision)}",
        )
        says = f"Waiting for review: {sealed.title}."
        show(self.policy, state="waiting for review", subject=sealed.title, cost=sealed.cost, says=says)
        return sealed

    async def close(self, state: str, says: str, sealed: Sealed | None = None) -> Outcome:
        return await close(self.policy, self.gate, state, says, sealed)

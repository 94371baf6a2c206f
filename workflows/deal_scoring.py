"""Deal scoring: which deals to work on today, what to do about each, and what fits into each person's hours."""

from datetime import timedelta

from temporalio import workflow

from workflows.ending import carry_out, close, rejection
from workflows.gate import ReviewGate, no_text, review
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.deals import (
        AskedFor,
        DealsGathered,
        DealsRanked,
        DealsRequest,
        DealsTrained,
        GatherDeals,
        ProposeDeals,
        RankDeals,
        TrainDeals,
    )
    from contracts.policy import Gate, Policy, Schedule
    from contracts.runs import Outcome, Sealed
    from contracts.steps import DEALS_GATHER, DEALS_PROPOSE, DEALS_RANK, DEALS_TRAIN

NO_TEXT = "There is no text to edit here. Drop or change single tasks, or ask for changes in words."


@workflow.defn(name="deal_scoring", failure_exception_types=[ValueError, TypeError, LookupError])
class DealScoring:
    """Context in, background execution, reviewable output, human approval."""

    policy = Policy(
        summary="Says which deals to work on today and what to do about each, by the company's own methodology",
        team="sales",
        schedule=Schedule(cron="0 7 * * MON-FRI"),
        gate=Gate(
            role="reviewer",
            remind_after=timedelta(hours=2),
            expire_after=timedelta(hours=20),  # the next morning plans anew
            rounds=10,
        ),
        effects=("crm.task", "crm.field", "slack.post"),
    )

    @workflow.init
    def __init__(self, request: DealsRequest) -> None:
        self.request = request
        self.gate = ReviewGate(self.policy.gate)
        self.revision = 0
        self.asked: tuple[AskedFor, ...] = ()

    @workflow.run
    async def run(self, request: DealsRequest) -> Outcome:
        context = await self.gather()
        if context.open == 0:
            return await self.close("nothing to do", f"{context.says} No proposal.")
        trained = await self.train(context)
        for _ in range(self.policy.gate.rounds):
            ranked = await self.rank(context, trained)
            if ranked.planned == 0:
                return await self.close("nothing to do", f"{ranked.says} No proposal.")
            sealed = await self.propose(context, trained, ranked)
            decided = await self.gate.decision(sealed, reseal=no_text(NO_TEXT))
            if decided is None:
                return await self.close("expired", "Nobody decided in time. Nothing was done.", sealed)
            sealed, decision = decided
            if decision.statement.verdict == "approve":
                return await carry_out(self.policy, self.gate, sealed, decision)
            if decision.statement.verdict == "reject":
                return await self.close("rejected", rejection(decision), sealed)
            said = decision.statement
            self.asked += (AskedFor(person=said.person, words=said.words),)
        return await self.close("rejected", f"Changes were asked for {self.policy.gate.rounds} times.", sealed)

    async def gather(self) -> DealsGathered:
        source = self.request.source
        show(self.policy, state="gathering", subject=source, says=f"Reading the deals of {source}")
        asked = GatherDeals(**self.request.model_dump(), now=workflow.now())
        return await step(DEALS_GATHER, asked, summary=f"Read methodology and deals of {source}")

    async def train(self, context: DealsGathered) -> DealsTrained:
        show(self.policy, state="learning", says=f"Learning from {context.closed:,} closed deals")
        request = TrainDeals(
            run=workflow.info().workflow_id,
            book=context.book,
            methodology=context.methodology,
            source=context.source,
        )
        return await step(DEALS_TRAIN, request, summary=f"Learn from {context.closed:,} closed deals")

    async def rank(self, context: DealsGathered, trained: DealsTrained) -> DealsRanked:
        show(self.policy, state="working", says=f"Ranking {context.open:,} open deals")
        request = RankDeals(
            run=workflow.info().workflow_id,
            book=context.book,
            methodology=context.methodology,
            trained=trained,
            asked=self.asked,
        )
        return await step(DEALS_RANK, request, summary=f"Rank {context.open:,} open deals, plan the day")

    async def propose(self, context: DealsGathered, trained: DealsTrained, ranked: DealsRanked) -> Sealed:
        self.revision += 1
        number = self.gate.numbered(self.revision)
        request = ProposeDeals(
            run=workflow.info().workflow_id,
            workflow=workflow.info().workflow_type,
            version=self.policy.version,
            revision=number,
            ranking=ranked.ranking,
            book=context.book,
            methodology=context.methodology,
            trained=trained,
            words=tuple(each.words for each in self.asked),
            role=self.policy.gate.role,
            expire_seconds=self.policy.gate.expire_after.total_seconds(),
            review=review(self.policy),
        )
        sealed = await step(DEALS_PROPOSE, request, summary=f"Seal revision {number}")
        show(self.policy, state="waiting for review", says=f"Waiting for review: {sealed.title}")
        return sealed

    async def close(self, state: str, says: str, sealed: Sealed | None = None) -> Outcome:
        return await close(self.policy, self.gate, state, says, sealed)

"""The weekly changelog: what changed in a repository that its readers would want to know."""

from datetime import timedelta
from decimal import Decimal

from temporalio import workflow
from temporalio.exceptions import ActivityError, is_cancelled_exception

from workflows.ending import carry_out, close, rejection
from workflows.gate import Reseal, ReviewGate, review
from workflows.steps import show, step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts.budgets import Spender
    from contracts.changelog import (
        ChangelogRequest,
        ComposeRequest,
        Drafted,
        Gathered,
        GatherRequest,
        ProposeRequest,
        RewriteRequest,
    )
    from contracts.decision import Revision
    from contracts.policy import Budget, Gate, Policy, SandboxPolicy, Schedule
    from contracts.proposal import Cost, blocking
    from contracts.runs import Outcome, Sealed
    from contracts.steps import (
        CHANGELOG_COMPOSE,
        CHANGELOG_GATHER,
        CHANGELOG_PROPOSE,
        CHANGELOG_REWRITE,
    )

REWRITES = 2


@workflow.defn(name="changelog", failure_exception_types=[ValueError, TypeError, LookupError])
class Changelog:
    """Context in, background execution, reviewable output, human approval."""

    policy = Policy(
        summary="Writes the changelog entry of what was merged since the last one",
        schedule=Schedule(cron="0 9 * * MON"),
        budget=Budget(usd=Decimal("0.50")),
        gate=Gate(role="reviewer", standing=True, remind_after=timedelta(days=2), expire_after=timedelta(days=30)),
        effects=("git.commit_file",),
        sandbox=SandboxPolicy(),
    )

    @workflow.init
    def __init__(self, request: ChangelogRequest) -> None:
        self.gate = ReviewGate(self.policy.gate)
        self.revision = 0
        self.words: tuple[str, ...] = ()

    @workflow.run
    async def run(self, request: ChangelogRequest) -> Outcome:
        context = await self.gather(request)
        if context.commits == 0:
            return await self.close("nothing to do", f"Nothing changed {context.base_says}: no proposal.")
        for _ in range(self.policy.gate.rounds):
            baseline, draft = await self.compose(context, request)
            if draft.lines == 0:
                return await self.close("nothing to do", nothing_for_readers(context, draft))
            sealed = await self.propose(context, baseline, draft)
            decided = await self.gate.decision(sealed, reseal=self.reseal(context, baseline, draft))
            if decided is None:
                return await self.close("expired", "Nobody decided in time. Nothing was done.", sealed)
            sealed, decision = decided
            if decision.statement.verdict == "approve":
                return await carry_out(self.policy, self.gate, sealed, decision)
            if decision.statement.verdict == "reject":
                return await self.close("rejected", rejection(decision), sealed)
            self.words += (decision.statement.words,)
        return await self.close("rejected", f"Changes were asked for {self.policy.gate.rounds} times.", sealed)

    async def gather(self, request: ChangelogRequest) -> Gathered:
        show(self.policy, state="gathering", says=f"Reading the history of {request.repository}")
        return await step(
            CHANGELOG_GATHER,
            GatherRequest(**request.model_dump(), sandbox=self.policy.sandbox),
            summary=f"Clone {request.repository} into a sandbox, read its history",
        )

    async def compose(self, context: Gathered, request: ChangelogRequest) -> tuple[Drafted, Drafted]:
        """The baseline's draft, and the one to propose: the model's, if its checks pass, else the baseline's."""
        show(self.policy, state="composing", subject=context.subject)
        baseline = await step(
            CHANGELOG_COMPOSE,
            ComposeRequest(history=context.history, heading=request.heading, words=self.words),
            summary=f"Choose and word the entry from {context.commits:,} commits",
        )
        if baseline.lines == 0:
            return baseline, baseline
        return baseline, await self.rewrite(context, baseline)

    async def rewrite(self, context: Gathered, baseline: Drafted) -> Drafted:
        cost, problems = Cost(), tuple[str, ...]()
        for attempt in range(1, REWRITES + 1):
            request = RewriteRequest(
                history=context.history,
                draft=baseline.draft,
                words=self.words,
                problems=problems,
                attempt=attempt,
                spent=cost,
                spender=Spender.of(
                    self.policy, run=workflow.info().workflow_id, workflow=workflow.info().workflow_type
                ),
                route=self.policy.route,
            )
            try:
                candidate = await step(
                    CHANGELOG_REWRITE, request, summary=f"Let a model rewrite the words, try {attempt}"
                )
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                why = f"The model could not be used: {error.cause}"
                return baseline.model_copy(update={"cost": cost, "fallback": why[:500]})
            cost = candidate.cost
            failed = blocking(candidate.checks)
            if candidate.drafted_by == "baseline" or not failed:
                return candidate
            problems = tuple(check.says for check in failed)
        why = f"The model's draft failed its checks {REWRITES} times: {problems[0]}"
        return baseline.model_copy(update={"cost": cost, "fallback": why[:500]})

    async def propose(
        self, context: Gathered, baseline: Drafted, draft: Drafted, edit: Revision | None = None
    ) -> Sealed:
        self.revision += 1
        sealed = await step(
            CHANGELOG_PROPOSE,
            ProposeRequest(
                run=workflow.info().workflow_id,
                workflow=workflow.info().workflow_type,
                version=self.policy.version,
                revision=self.gate.numbered(self.revision),
                history=context.history,
                draft=draft.draft,
                baseline=baseline.draft,
                checks=draft.checks,
                cost=draft.cost,
                fallback=draft.fallback,
                words=self.words,
                text=edit.text if edit else None,
                edited_by=edit.person if edit else None,
                role=self.policy.gate.role,
                expire_seconds=self.policy.gate.expire_after.total_seconds(),
                review=review(self.policy),
            ),
            summary=f"Seal revision {self.gate.numbered(self.revision)}"
            + (f", edited by {edit.person}" if edit else ""),
        )
        show(self.policy, state="waiting for review", cost=sealed.cost, says=waiting(sealed))
        return sealed

    def reseal(self, context: Gathered, baseline: Drafted, draft: Drafted) -> Reseal:
        async def sealed_again(edit: Revision) -> Sealed:
            return await self.propose(context, baseline, draft, edit)

        return sealed_again

    async def close(self, state: str, says: str, sealed: Sealed | None = None) -> Outcome:
        return await close(self.policy, self.gate, state, says, sealed)


def nothing_for_readers(context: Gathered, draft: Drafted) -> str:
    if draft.known:
        return f"The changelog has all that readers would want to know {context.base_says}: no proposal."
    return f"None of the {context.commits:,} commits {context.base_says} is one for readers: no proposal."


def waiting(sealed: Sealed) -> str:
    return f"Waiting for review: {sealed.title}. On approval: {sealed.says}"

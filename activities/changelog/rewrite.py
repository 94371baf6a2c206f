"""A model rewrites the words of the baseline's draft, under checks. Without one, the baseline's draft stands."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from temporalio import activity

from activities.changelog.checks import check_draft, check_rewrite
from activities.changelog.prompt import Answer, answered, lines_of, request_for
from activities.changelog.render import entry
from activities.models.journal import Journal, Purpose
from activities.models.routes import cheaper, choose, escalate
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts.budgets import Purse, Spender
from contracts.changelog import ChangelogDraft, Drafted, History, RewriteRequest
from contracts.digests import canonical_json, short, tagged_digest
from contracts.errors import BudgetSpent, CountersignError, ModelBusy, ModelReplyUnusable
from contracts.models import ModelReply, ModelRequest
from contracts.policy import Route, Tier
from contracts.proposal import PASSED, Check, Cost, Tried, blocking
from contracts.routes import Chosen
from contracts.steps import CHANGELOG_REWRITE

CALL_TAG = "countersign/model-call/v1"
LONGEST_PAUSE = 600.0  # seconds: a provider that asks for more is out of reach, and the baseline's draft is there
NO_MODEL = "No model is set up, so the baseline's draft stands."


@dataclass(frozen=True)
class Work:
    """One rewrite: its request, what it reads, and where the baseline's draft is."""

    request: RewriteRequest
    history: History
    baseline: ChangelogDraft

    @property
    def spender(self) -> Spender:
        """Who pays. A request from a release that knew no spender has the run's budget only."""
        if self.request.spender is not None:
            return self.request.spender
        run, workflow = who()
        return Spender(
            run=run, workflow=workflow, team="platform", purses=(Purse(run=run, usd=budget_of(self.request)),)
        )

    def fall_back(self, why: str, cost: Cost) -> Drafted:
        """The baseline's draft, marked with why; empty where no model was to be asked at all."""
        return Drafted(
            draft=self.request.draft,
            lines=len(self.baseline.lines),
            left_out=len(self.baseline.left_out),
            checks=check_draft(self.baseline, self.history),
            cost=cost,
            drafted_by="baseline",
            fallback=why[:500],
            note="" if why else NO_MODEL,
        )

    def unusable(self, says: str, cost: Cost) -> Drafted:
        """A try that came to nothing, as a failed check: the workflow tries again, or falls back."""
        return Drafted(
            draft=self.request.draft,
            lines=len(self.baseline.lines),
            left_out=len(self.baseline.left_out),
            checks=(Check(name="usable reply", passed=False, says=says),),
            cost=cost,
            drafted_by="model",
        )


class ChangelogRewriting:
    """Lets a model rewrite the words, if there is one and the budget holds its worst case."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tiers = toolbox.models
        self._artifacts = toolbox.artifacts
        self._ledger = toolbox.ledger
        self._journal = (
            Journal(toolbox.models, toolbox.ledger, toolbox.artifacts, team_usd=toolbox.team_usd)
            if toolbox.models
            else None
        )

    @activity.defn(name=CHANGELOG_REWRITE.name)
    async def rewrite(self, request: RewriteRequest) -> Drafted:
        """The model's draft with what its checks say; the baseline's where there is to be no model's.

        Raises ModelBusy, which is worth a retry.
        """
        async with progress("reading the baseline's draft") as told:
            work = await asyncio.to_thread(self._read, request)
            if self._journal is None:
                return work.fall_back("", request.spent)  # nothing fell back: the baseline is what was asked for
            chosen = await asyncio.to_thread(self._chosen, work)
            if chosen.tier == "baseline":
                return work.fall_back("", tried(request.spent, Tried(tier="baseline", why=chosen.why)))
            asked = await asyncio.to_thread(request_for, work.baseline, work.history, request.words, request.problems)
            if asked is None:
                return work.fall_back("The entry is too long for a model to rewrite at once.", request.spent)
            return await self._asked(self._journal, work, asked, chosen, told)

    def _chosen(self, work: Work) -> Chosen:
        """The tier of this try: by what people made of its drafts, or one up from the draft that failed."""
        request, spender = work.request, work.spender
        tiers = self._allowed(work)
        if request.problems and request.spent.tried:
            return escalate(tiers, request.spent.tried[-1].tier)
        return choose(tiers, self._ledger.acceptance(spender.workflow, tiers), spender.run)

    async def _asked(
        self, journal: Journal, work: Work, asked: ModelRequest, chosen: Chosen, told: Progress
    ) -> Drafted:
        model = self._named(chosen)
        told.says = f"waiting for {model}"

        def count(characters: int) -> None:
            told.says = f"{model} has written {characters:,} characters"

        def fall_back(why: str, cost: Cost) -> Drafted:
            return work.fall_back(why, tried(cost, attempt_of(chosen, model, why)))

        spent = work.request.spent
        try:
            reply = await journal.call(asked, purpose_of(work, chosen), tier=chosen.tier, on_progress=count)
        except ModelBusy as error:
            if (error.retry_after or 0) <= LONGEST_PAUSE:
                raise
            return fall_back(f"The model was not used: {error.what}", spent)
        except BudgetSpent as error:
            if lower := cheaper(self._allowed(work), chosen, error.what):
                return await self._asked(journal, work, asked, lower, told)
            return fall_back(f"The model was not used: {error}", spent)
        except ModelReplyUnusable as error:
            return fall_back(str(error), paid_for_nothing(spent))
        except CountersignError as error:
            return fall_back(f"The model was not used: {error}", spent)
        told.says = "checking the model's draft"
        return await asyncio.to_thread(self._judged, work, reply, chosen)

    def _allowed(self, work: Work) -> tuple[Tier, ...]:
        return self._tiers.known(work.request.route.tiers) if self._tiers else ("baseline",)

    def _named(self, chosen: Chosen) -> str:
        models = self._tiers.at(chosen.tier) if self._tiers else None
        return models.model if models else chosen.tier

    def _read(self, request: RewriteRequest) -> Work:
        history = self._artifacts.get_model(History, request.history)
        return Work(request, history, self._artifacts.get_model(ChangelogDraft, request.draft))

    def _judged(self, work: Work, reply: ModelReply, chosen: Chosen) -> Drafted:
        judged = self._checked(work, reply, added(work.request.spent, reply))
        failed = blocking(judged.checks)
        outcome = judged.fallback or (f"It failed: {failed[0].says}" if failed else PASSED)
        one = attempt_of(chosen, reply.model, outcome, reply.usd)
        return judged.model_copy(update={"cost": tried(judged.cost, one)})

    def _checked(self, work: Work, reply: ModelReply, cost: Cost) -> Drafted:
        if reply.declined:
            return work.fall_back(f"{reply.model} declined to rewrite the entry.", cost)
        if reply.stop == "length":
            return work.unusable(f"The reply of {reply.model} was cut at its length limit.", cost)
        answer = answered(reply.data)
        if answer is None:
            return work.unusable(f"The reply of {reply.model} was not of the form that was asked for.", cost)
        draft = rewritten(work, answer)
        return Drafted(
            draft=self._artifacts.put_model(draft),
            lines=len(draft.lines),
            left_out=len(draft.left_out),
            checks=check_rewrite(draft, work.baseline, work.history),
            cost=cost,
            drafted_by="model",
        )


def rewritten(work: Work, answer: Answer) -> ChangelogDraft:
    before = work.baseline
    lines = lines_of(answer, before, work.history)
    markdown = entry(work.history, before.heading, lines, before.contributors)
    return before.model_copy(update={"lines": lines, "markdown": markdown, "drafted_by": "model"})


def purpose_of(work: Work, chosen: Chosen) -> Purpose:
    """Which call this is: the same for each attempt of this step, another one for other words or problems."""
    request = work.request
    same = request.model_copy(update={"spent": Cost(), "budget_usd": "0", "spender": None, "route": Route()})
    return Purpose(
        call=short(tagged_digest(CALL_TAG, canonical_json(same))),
        attempt=activity.info().attempt if activity.in_activity() else 1,
        says=f"rewrite the words of {len(work.baseline.lines)} changelog lines (try {request.attempt})",
        spender=work.spender,
        why=chosen.why,
    )


def who() -> tuple[str, str]:
    """The run and its workflow; empty outside of one."""
    if not activity.in_activity():
        return "", ""
    info = activity.info()
    return info.workflow_id or "", info.workflow_type or ""


def attempt_of(chosen: Chosen, model: str, outcome: str, usd: Decimal | None = Decimal(0)) -> Tried:
    return Tried(tier=chosen.tier, why=chosen.why, model=model, usd=usd, outcome=outcome[:300])


def tried(cost: Cost, one: Tried) -> Cost:
    return cost.model_copy(update={"tried": (*cost.tried, one)})


def budget_of(request: RewriteRequest) -> Decimal:
    """The run's budget; what cannot be read is none."""
    try:
        budget = Decimal(request.budget_usd)
    except InvalidOperation:
        return Decimal(0)
    return budget if budget.is_finite() else Decimal(0)


def paid_for_nothing(spent: Cost) -> Cost:
    """After a reply that nobody can read: it may be charged, and nobody knows how much."""
    return spent.model_copy(update={"usd": None, "model_calls": spent.model_calls + 1})


def added(spent: Cost, reply: ModelReply) -> Cost:
    """What the run has cost with this reply."""
    used = reply.usage
    return spent + Cost(
        usd=reply.usd, input_tokens=used.prompt, output_tokens=used.written, model_calls=1, model=reply.model
    )

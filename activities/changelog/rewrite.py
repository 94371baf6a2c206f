"""A model rewrites the words of the baseline's draft, under checks. Without one, the baseline's draft stands."""

import asyncio
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from temporalio import activity

from activities.changelog.checks import check_draft, check_rewrite
from activities.changelog.prompt import Answer, answered, lines_of, request_for
from activities.changelog.render import entry
from activities.models.journal import Journal, Purpose
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts.changelog import ChangelogDraft, Drafted, History, RewriteRequest
from contracts.digests import canonical_json, short, tagged_digest
from contracts.errors import CountersignError, ModelBusy, ModelReplyUnusable
from contracts.models import ModelReply, ModelRequest
from contracts.proposal import Check, Cost
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
        self._models = toolbox.models
        self._artifacts = toolbox.artifacts
        self._journal = Journal(toolbox.models, toolbox.ledger, toolbox.artifacts) if toolbox.models else None

    @activity.defn(name=CHANGELOG_REWRITE.name)
    async def rewrite(self, request: RewriteRequest) -> Drafted:
        """The model's draft with what its checks say; the baseline's where there is to be no model's.

        Raises ModelBusy, which is worth a retry.
        """
        async with progress("reading the baseline's draft") as told:
            work = await asyncio.to_thread(self._read, request)
            if self._journal is None:
                return work.fall_back("", request.spent)  # nothing fell back: the baseline is what was asked for
            asked = await asyncio.to_thread(request_for, work.baseline, work.history, request.words, request.problems)
            if asked is None:
                return work.fall_back("The entry is too long for a model to rewrite at once.", request.spent)
            return await self._asked(self._journal, work, asked, told)

    async def _asked(self, journal: Journal, work: Work, asked: ModelRequest, told: Progress) -> Drafted:
        model = self._models.model if self._models else ""
        told.says = f"waiting for {model}"

        def count(characters: int) -> None:
            told.says = f"{model} has written {characters:,} characters"

        try:
            reply = await journal.call(asked, purpose_of(work), budget=budget_of(work.request), on_progress=count)
        except ModelBusy as error:
            if (error.retry_after or 0) <= LONGEST_PAUSE:
                raise
            return work.fall_back(f"The model was not used: {error.what}", work.request.spent)
        except ModelReplyUnusable as error:
            return work.fall_back(str(error), paid_for_nothing(work.request.spent))
        except CountersignError as error:
            return work.fall_back(f"The model was not used: {error}", work.request.spent)
        told.says = "checking the model's draft"
        return await asyncio.to_thread(self._judged, work, reply)

    def _read(self, request: RewriteRequest) -> Work:
        history = self._artifacts.get_model(History, request.history)
        return Work(request, history, self._artifacts.get_model(ChangelogDraft, request.draft))

    def _judged(self, work: Work, reply: ModelReply) -> Drafted:
        cost = added(work.request.spent, reply)
        if reply.stop == "refusal":
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


def purpose_of(work: Work) -> Purpose:
    """Which call this is: the same for each attempt of this step, another one for other words or problems."""
    request = work.request
    same = request.model_copy(update={"spent": Cost(), "budget_usd": "0"})
    call = short(tagged_digest(CALL_TAG, canonical_json(same)))
    says = f"rewrite the words of {len(work.baseline.lines)} changelog lines (try {request.attempt})"
    if not activity.in_activity():
        return Purpose(run="", workflow="", call=call, attempt=1, says=says)
    info = activity.info()
    return Purpose(
        run=info.workflow_id or "", workflow=info.workflow_type or "", call=call, attempt=info.attempt, says=says
    )


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
    """What the run has cost with this reply. A price that is unknown makes the sum unknown."""
    used = reply.usage
    return Cost(
        usd=None if spent.usd is None or reply.usd is None else spent.usd + reply.usd,
        input_tokens=spent.input_tokens + used.input + used.cached_read + used.cached_write,
        output_tokens=spent.output_tokens + used.output + used.reasoning,
        model_calls=spent.model_calls + 1,
        model=reply.model,
    )

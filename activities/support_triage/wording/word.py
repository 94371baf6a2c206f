"""The step `support.word`: a model words the answers that the baseline has drafted, as many as one case may have.

A few at a time, each a call of its own in the ledger: an attempt that is repeated finds what was paid for already.
Whatever goes wrong with one answer, the baseline's stands there, and it is said why.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from temporalio import activity

from activities.models.journal import Journal, Purpose
from activities.models.routes import cheaper, choose, escalate
from activities.progress import Progress, progress
from activities.support_triage.heard import asked_for
from activities.support_triage.wording.checks import problems
from activities.support_triage.wording.prompt import Asking, answered, request_for
from activities.support_triage.wording.strays import is_translated
from activities.toolbox import Toolbox
from contracts.answers import MOST_WORDED, WordAnswers, Worded, WordedAnswer, WordedAnswers
from contracts.changelog import counted
from contracts.digests import canonical_json, short, tagged_digest
from contracts.errors import BudgetSpent, CountersignError, ModelBusy, ModelReplyUnusable
from contracts.models import ModelReply
from contracts.policy import Tier
from contracts.proposal import PASSED, Cost, Tried
from contracts.routes import Chosen
from contracts.steps import SUPPORT_WORD
from contracts.support import Case, Item

CALL_TAG = "countersign/answer-call/v1"
AT_ONCE = 4  # calls
TRIES = 2  # of one answer: the second is told what was wrong with the first
TRANSLATED = "In another language than what it stands on: only its facts and promises could be compared."
FREE = Cost()
LONGEST_PAUSE = 600.0  # seconds: a provider that asks for more is out of reach, and the baseline's draft is there


@dataclass
class Made:
    """What became of one answer, and what it cost."""

    answer: WordedAnswer
    cost: Cost = FREE


@dataclass
class Work:
    """One case, and what it is to be told while it is worded."""

    request: WordAnswers
    words: tuple[str, ...]
    tiers: tuple[Tier, ...]
    chosen: Chosen
    told: Progress
    slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_ONCE))
    done: int = 0


class SupportWording:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self.tools, self.tiers = toolbox, toolbox.models
        self.journal = (
            Journal(toolbox.models, toolbox.ledger, toolbox.artifacts, team_usd=toolbox.team_usd)
            if toolbox.models
            else None
        )

    @activity.defn(name=SUPPORT_WORD.name)
    async def word(self, request: WordAnswers) -> Worded:
        """Word the answers of a case. Without a model, or without a drafted answer, nothing is done.

        Raises ModelBusy, which is worth a retry, as long as there is an attempt left.
        """
        async with progress("reading the drafted answers") as told:
            case = await asyncio.to_thread(self.tools.artifacts.get_model, Case, request.case)
            items = wanted(case)
            if self.journal is None or self.tiers is None or not items:
                return Worded()
            tiers, spender = self.tiers.known(request.route.tiers), request.spender
            acceptance = await asyncio.to_thread(self.tools.ledger.acceptance, spender.workflow, tiers)
            chosen = choose(tiers, acceptance, spender.run)
            if chosen.tier == "baseline":
                return Worded(cost=Cost(tried=(Tried(tier="baseline", why=chosen.why),)))
            work = Work(request, asked_for(case, request.words)[1], tiers, chosen, told)
            made = await asyncio.gather(*(self._made(work, each) for each in items), return_exceptions=True)
        if errors := [each for each in made if isinstance(each, BaseException)]:
            raise errors[0]  # after all of them: a call whose reply is on its way is paid for
        return await asyncio.to_thread(self._kept, [each for each in made if isinstance(each, Made)])

    def _kept(self, made: Sequence[Made]) -> Worded:
        answers = WordedAnswers(answers=tuple(each.answer for each in made))
        cost = summed([each.cost for each in made])
        worded = [each for each in answers.answers if each.text]
        why = "" if worded else f"No answer could be worded by a model. {answers.answers[0].why}"
        return Worded(answers=self.tools.artifacts.put_model(answers), cost=cost, fallback=why[:500])

    async def _made(self, work: Work, item: Item) -> Made:
        async with work.slots:
            made = await self._worded(work, Asking.of(item))
        work.done += 1
        work.told.says = f"{counted(work.done, 'answer')} worded"
        return made

    async def _worded(self, work: Work, asking: Asking) -> Made:
        cost, wrong, chosen = FREE, list[str](), work.chosen
        for number in range(1, TRIES + 1):
            made, wrong = await self._tried(work, asking, chosen, number, wrong)
            cost = cost + made.cost
            if not wrong:
                return Made(made.answer, cost)
            chosen = escalate(work.tiers, chosen.tier)
        return Made(made.answer, cost)

    async def _tried(
        self, work: Work, asking: Asking, chosen: Chosen, number: int, wrong: Sequence[str]
    ) -> tuple[Made, list[str]]:
        """One call. With what was wrong with it, where another one may be better."""
        assert self.journal is not None
        asked = request_for(asking, work.words, wrong)
        purpose = purpose_of(work, asking, chosen, number, wrong)
        try:
            reply = await self.journal.call(asked, purpose, tier=chosen.tier)
        except ModelBusy as error:
            if is_worth_waiting(error):
                raise
            return self._not(asking, chosen, f"The model was not used: {error.what}"), []
        except BudgetSpent as error:
            if lower := cheaper(work.tiers, chosen, error.what):
                return await self._tried(work, asking, lower, number, wrong)
            return self._not(asking, chosen, f"The model was not used: {error}"), []
        except ModelReplyUnusable as error:
            return self._not(asking, chosen, str(error), Cost(usd=None, model_calls=1)), []
        except CountersignError as error:
            return self._not(asking, chosen, f"The model was not used: {error}"), []
        return judged(asking, chosen, reply)

    def _not(self, asking: Asking, chosen: Chosen, why: str, cost: Cost = FREE) -> Made:
        models = self.tiers.at(chosen.tier) if self.tiers else None
        return stands(asking, chosen, models.model if models else chosen.tier, why, cost)


def wanted(case: Case) -> list[Item]:
    """The answers that are worded: where their solutions are for tickets that are least like them, that helps most."""
    drafted = [each for each in case.items if each.answer and each.cites]
    alike = {each.id: each.score for item in drafted for each in item.triaged.similar}
    drafted.sort(key=lambda item: (alike.get(item.cites[0], 0.0), item.ticket.key))
    return drafted[:MOST_WORDED]


def judged(asking: Asking, chosen: Chosen, reply: ModelReply) -> tuple[Made, list[str]]:
    """The answer of a reply, or why the baseline's stands; and what another try could mend."""
    used, model = reply.usage, reply.model
    cost = Cost(usd=reply.usd, input_tokens=used.prompt, output_tokens=used.written, model_calls=1, model=model)
    if reply.declined:
        return stands(asking, chosen, model, f"{model} declined to word it.", cost), []
    answer = None if reply.stop == "length" else answered(reply)
    if answer is not None and not answer.answer.strip():
        why = f"{model} finds that these solutions don't answer the ticket."
        return stands(asking, chosen, model, why, cost), []
    if answer is None:
        cut = reply.stop == "length"
        wrong = ["It was cut at its length limit." if cut else "It was not of the form that was asked for."]
    else:
        answer = answer.model_copy(update={"answer": answer.answer.strip()})
        wrong = problems(answer, asking)
    if wrong or answer is None:
        return stands(asking, chosen, model, f"The answer of {model} was refused. {wrong[0]}", cost), wrong
    passed = Tried(tier=chosen.tier, why=chosen.why, model=model, usd=reply.usd, outcome=PASSED)
    cites = tuple(dict.fromkeys(answer.cites))
    solutions = "\n".join(each.solution for each in asking.sources if each.id in cites)
    why = TRANSLATED if is_translated(answer.answer, solutions) else ""
    made = WordedAnswer(ticket=asking.item.ticket.id, text=answer.answer, cites=cites, model=model, why=why)
    return Made(made, cost.model_copy(update={"tried": (passed,)})), []


def stands(asking: Asking, chosen: Chosen, model: str, why: str, cost: Cost) -> Made:
    """The baseline's answer stays."""
    one = Tried(tier=chosen.tier, why=chosen.why, model=model, usd=cost.usd, outcome=why[:300])
    made = WordedAnswer(ticket=asking.item.ticket.id, model=model, why=why[:300])
    return Made(made, cost.model_copy(update={"tried": (one,)}))


def is_worth_waiting(error: ModelBusy) -> bool:
    """Whether another attempt comes, and comes soon."""
    attempt = activity.info().attempt if activity.in_activity() else SUPPORT_WORD.attempts
    return attempt < SUPPORT_WORD.attempts and (error.retry_after or 0) <= LONGEST_PAUSE


def summed(costs: Sequence[Cost]) -> Cost:
    """All that they cost, with a line for each tier and outcome rather than for each answer."""
    whole = Cost()
    for each in costs:
        whole = whole + each
    lines: dict[tuple[str, str, str], list[Tried]] = {}
    for one in whole.tried:
        lines.setdefault((one.tier, one.model, one.outcome), []).append(one)
    return whole.model_copy(update={"tried": tuple(map(_one, lines.values()))})


def _one(alike: Sequence[Tried]) -> Tried:
    paid = [each.usd for each in alike]
    usd = None if None in paid else sum((each for each in paid if each is not None), Decimal(0))
    told = f"{alike[0].why} {counted(len(alike), 'answer')}."
    return alike[0].model_copy(update={"usd": usd, "why": told})


def purpose_of(work: Work, asking: Asking, chosen: Chosen, number: int, wrong: Sequence[str]) -> Purpose:
    """Which call this is: the same for each attempt of this step, another one for other words or problems."""
    ticket = asking.item.ticket
    same = [work.request.spender.run, work.request.case, ticket.key, list(work.words), list(wrong), number]
    return Purpose(
        call=short(tagged_digest(CALL_TAG, canonical_json(same))),
        attempt=activity.info().attempt if activity.in_activity() else 1,
        says=f"word the answer to ticket {ticket.id[:80]} (try {number})",
        spender=work.request.spender,
        why=chosen.why,
    )

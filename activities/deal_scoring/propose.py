"""The reviewable output: the day's plan, its evidence, and a task for each action, sealed by a digest."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from temporalio import activity

from activities.deal_scoring.backtest_panels import panels as backtested
from activities.deal_scoring.certificate import certificate, version
from activities.deal_scoring.money import money
from activities.deal_scoring.panels import chance, panels
from activities.effects import FieldParams, PostParams, TaskParams, field_effect, post_effect, task_effect
from activities.progress import progress
from activities.reviewing import kept_for_review
from activities.toolbox import Toolbox
from contracts import shown
from contracts.backtest import Backtest
from contracts.deals import Book, ProposeDeals, RankedDeal, Ranking, RepPlan
from contracts.methodology import Member, Methodology
from contracts.proposal import Check, Effect, Panel, Proposal
from contracts.runs import Sealed
from contracts.scoring import Trained
from contracts.steps import DEALS_PROPOSE

NEXT_STEP = "next_step"  # the column that is kept up to date, where the methodology maps one
MOST_DIGEST = 30


class DealsProposing:
    """Seals revisions of a day's plan."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._slack = next((each.place for each in toolbox.services.of("slack")), "slack.com")

    @activity.defn(name=DEALS_PROPOSE.name)
    async def propose(self, request: ProposeDeals) -> Sealed:
        """Seal one revision and store it. The same request gives the same digest, at every attempt."""
        async with progress(f"sealing revision {request.revision}"):
            return await asyncio.to_thread(self._propose, request, activity.info().scheduled_time)

    def _propose(self, request: ProposeDeals, now: datetime) -> Sealed:
        artifacts, ledger = self._toolbox.artifacts, self._toolbox.ledger
        made = artifacts.get_model(Ranking, request.ranking)
        book = artifacts.get_model(Book, request.book)
        methodology = artifacts.get_model(Methodology, request.methodology)
        report = artifacts.get_model(Trained, request.trained.report) if request.trained.report else None
        draft = Proposal(
            realm=ledger.realm,
            workflow=request.workflow,
            version=request.version,
            run=request.run,
            revision=request.revision,
            title=title(made),
            summary=summary(made, methodology, report),
            drafted_by="baseline",
            effects=tuple(effects(request, made, book, methodology, self._slack)),
            panels=(*panels(made, book, request.trained, report), *self._of_the_model(request, report)),
            checks=checks(made, methodology),
            cost=request.cost,
            role=request.role,
            created_at=now,
            expires_at=now + timedelta(seconds=request.expire_seconds),
        )
        told = {"subject": made.source[-200:], "says": draft.summary[:500]}
        return kept_for_review(draft, request.review, self._toolbox, told)

    def _of_the_model(self, request: ProposeDeals, report: Trained | None) -> tuple[Panel, ...]:
        artifacts, trained = self._toolbox.artifacts, request.trained
        judged = certificate(report) if trained.model and report else ()
        backtest = backtested(artifacts.get_model(Backtest, trained.backtest)) if trained.backtest else ()
        return (*judged, *backtest)


def title(made: Ranking) -> str:
    """`12 actions for 3 people today, on deals of USD 184,000 expected`; where nobody knows a chance of some, what they
    are worth."""
    actions, people = len(made.planned), sum(1 for each in made.plans if each.deals)
    guessed = any(each.likely is None for each in made.planned)
    sums = [(each.value if guessed else each.expected) or Decimal(0) for each in made.planned]
    worth = money(sum(sums, start=Decimal(0)), made.currency) + ("" if guessed else " expected")
    whom = "1 person" if people == 1 else f"{people} people"
    return f"{actions} action{'s' * (actions != 1)} for {whom} today, on deals of {worth}"


def summary(made: Ranking, methodology: Methodology, report: Trained | None = None) -> str:
    """What was made from what, in words. `report` is the certificate of the model."""
    which = f", version {version(report)}" if report else ""
    by = f"a model of this company's deals{which}" if made.by_model else f"value and the stages of {methodology.name}"
    waiting = sum(len(each.waiting) for each in made.plans)
    moved, resting = sum(bool(each.moved) for each in made.deals), sum(bool(each.rests) for each in made.deals)
    told = [
        f"{len(made.deals):,} open deals, ranked by {by}.",
        "" if made.by_model else made.refused,
        _unlikely(made, methodology),
        f"{waiting:,} actions wait for another day." if waiting else "",
        f"{len(made.drops):,} deals to let go." if made.drops else "",
        f"{moved:,} moved since {made.compared_with}." if made.compared_with else "",
        f"{resting:,} rest, since somebody said so." if made.lessons else "",
        _unread(made),
    ]
    return shown.spelt(" ".join(filter(None, told)))[:2_000]


def _unlikely(made: Ranking, methodology: Methodology) -> str:
    """What is left to say where a chance is known of nothing but the stage, and not of every stage."""
    without = sum(each.likely is None for each in made.deals)
    if not without:
        return ""
    return (
        f"{without:,} are in stages that {methodology.name} gives no chance, and stand by their value alone: name your "
        "stages in a methodology of your own."
    )


def _unread(made: Ranking) -> str:
    if not made.not_understood:
        return ""
    quoted = "; ".join(f"“{words[:100]}”" for words in made.not_understood[:5])
    return f"Nothing could be made of {quoted}: drop single tasks, or ask like “not NAME, because …”."


def checks(made: Ranking, methodology: Methodology) -> tuple[Check, ...]:
    """What has to hold of every plan, looked at again."""
    most = methodology.most_a_day
    over = [each.rep for each in made.plans if each.used > each.hours + 1e-6 or len(each.deals) > most]
    idle = [each.name for each in made.planned if each.action is None or not each.action.owner or each.rests]
    past = [each.name for each in made.planned if each.action and each.action.due < made.today]
    return (
        Check(name="hours", passed=not over, says=f"Every day fits into its hours.{_but(over)}"),
        Check(name="owners", passed=not idle, says=f"Every action has an owner.{_but(idle)}"),
        Check(name="days", passed=not past, says=f"Nothing is due in the past.{_but(past)}"),
    )


def _but(names: list[str]) -> str:
    return f" But not of {', '.join(names[:5])}." if names else ""


def effects(request: ProposeDeals, made: Ranking, book: Book, methodology: Methodology, slack: str) -> Iterator[Effect]:
    """A task for each action; the next step of its deal, where the methodology maps one; a message for each person, at
    that host of Slack."""
    deals = {each.id: each for each in made.deals}
    kept = {each.id: each.fields.get(NEXT_STEP, "") for each in book.open}
    column = methodology.columns.opportunities.get(NEXT_STEP)
    for plan in made.plans:
        planned = [deals[key] for key in plan.deals]
        member = methodology.member(plan.rep)
        for deal in planned:
            yield _task(request, made, deal, member)
            if column and deal.action:
                yield field_effect(request.run, request.revision, _field(made, deal, column, kept.get(deal.id, "")))
        if member is not None and member.slack and planned:
            yield post_effect(request.run, request.revision, _digest(made, plan, planned, member, slack))


def _task(request: ProposeDeals, made: Ranking, deal: RankedDeal, member: Member | None) -> Effect:
    assert deal.action is not None
    why = "\n".join(f"- {shown.spelt(each)}" for each in (deal.action.why, *deal.reasons) if each)
    params = TaskParams(
        target=made.target,
        deal=deal.id,
        deal_name=deal.name,
        owner=deal.action.owner,
        owner_id=member.crm if member else "",
        subject=deal.action.says,
        text=f"{deal.name}: {money(deal.value, made.currency)}, chance {chance(deal)}\n{why}"[:4_000],
        due=deal.action.due,
        play=deal.action.play,
    )
    return task_effect(request.run, request.revision, params)


def _field(made: Ranking, deal: RankedDeal, column: str, was: str) -> FieldParams:
    assert deal.action is not None
    return FieldParams(
        target=made.target,
        deal=deal.id,
        deal_name=deal.name,
        owner=deal.owner,
        field=column,
        was=was,
        value=deal.action.says[:255],
    )


def _digest(made: Ranking, plan: RepPlan, planned: list[RankedDeal], member: Member, slack: str) -> PostParams:
    lines = [
        f"{deal.action.says} ({money(deal.value, made.currency)}, {chance(deal)}, due {deal.action.due})"
        for deal in planned[:MOST_DIGEST]
        if deal.action
    ]
    gone = [part.says for deal in made.deals if deal.owner == plan.rep for part in deal.moved if part.good is False]
    more = [f"Moved the wrong way since {made.compared_with}: {'; '.join(gone[:5])}"] if gone else []
    return PostParams(
        place=slack,
        to=member.slack,
        whom=plan.rep,
        heading=f"Your deals for {made.today}: {plan.used:g} of {plan.hours:g} hours",
        lines=tuple(line[:1_000] for line in (*lines, *more)),
        about=tuple(deal.id for deal in planned[:MOST_DIGEST] if deal.action),
    )

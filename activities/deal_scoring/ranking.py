"""Ranks the open deals and plans the day. Pure: the same book, methodology and lessons give the same list."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from activities.deal_scoring.actions import LET_GO, LET_GO_HOURS, next_action
from activities.deal_scoring.facts import Facts, day_after
from activities.deal_scoring.lessons import Lessons
from activities.deal_scoring.moved import ended, moved
from activities.deal_scoring.planning import plans
from activities.deal_scoring.reasons import lacking, noticed, reasons
from contracts.deals import Action, Book, Opportunity, RankedDeal, Ranking, Scored, Snapshot
from contracts.methodology import Methodology


def ranking(
    book: Book,
    methodology: Methodology,
    scored: Mapping[str, Scored],
    *,
    refused: str = "",
    before: Snapshot | None = None,
    lessons: Lessons | None = None,
) -> Ranking:
    """The list, best first, with each person's plan. `refused`: why no model serves, where none does."""
    heeded, facts = lessons or Lessons(), Facts(book)
    deals = [_ranked(each, book, methodology, facts, scored.get(each.id), heeded) for each in book.open]
    deals.sort(key=lambda each: (-each.expected, -(each.stage_chance or 0), each.name, each.id))
    planned = plans(deals, methodology)
    chosen = {deal for plan in planned for deal in plan.deals}
    told = [
        each.model_copy(
            update={
                "planned": each.id in chosen,
                "moved": moved(each, before.deals.get(each.id), methodology, book.currency) if before else (),
            }
        )
        for each in deals
    ]
    return Ranking(
        source=book.source,
        target=book.target,
        today=book.today,
        currency=book.currency,
        deals=tuple(told),
        plans=planned,
        by_model=bool(scored),
        refused=refused,
        ended=ended(book, before),
        compared_with=str(before.today) if before else "",
        lessons=heeded.says,
        flaws=book.flaws,
    )


def _ranked(
    deal: Opportunity, book: Book, methodology: Methodology, facts: Facts, scored: Scored | None, lessons: Lessons
) -> RankedDeal:
    stage = methodology.stage(deal.stage)
    signals, missing = noticed(deal, methodology, facts), lacking(deal, stage, facts)
    drop, rests = _let_go(deal, methodology, facts, scored), lessons.rests(deal, book.today)
    action = None
    if not rests:
        turned_down = lessons.refused(deal.owner)
        action = (
            _closing(deal, drop, facts)
            if drop
            else next_action(deal, methodology, facts, signals, missing, turned_down)
        )
    chance = scored.chance if scored else stage.chance if stage else None
    return RankedDeal(
        id=deal.id,
        name=deal.name,
        owner=deal.owner,
        stage=deal.stage,
        value=deal.value,
        chance=scored.chance if scored else None,
        low=scored.low if scored else None,
        high=scored.high if scored else None,
        stage_chance=stage.chance if stage else None,
        expected=_expected(deal.value, chance),
        closes=deal.closes,
        reasons=reasons(deal, scored, signals),
        missing=missing,
        action=action,
        drop=drop,
        rests=rests,
    )


def _expected(value: Decimal | None, chance: float | None) -> Decimal:
    """Value times chance; the value alone where nobody says a chance."""
    if value is None:
        return Decimal(0)
    return (value * Decimal(str(1.0 if chance is None else chance))).quantize(Decimal("0.01"))


def _let_go(deal: Opportunity, methodology: Methodology, facts: Facts, scored: Scored | None) -> str:
    """Why it is one to let go. Where a model serves it has to think little of it, too."""
    rule = methodology.let_go
    if scored is not None and scored.chance >= rule.below:
        return ""
    told = [_told(each.fact, facts.of(deal, each.fact)) for each in rule.when if facts.holds(deal, each)]
    if not told:
        return ""
    believed = f", and its chance is {scored.chance:.0%}" if scored else ""
    return f"{' and '.join(told)}{believed}"


def _told(fact: str, value: float | str | None) -> str:
    number = f"{value:g}" if isinstance(value, float) else str(value)
    return f"{fact.replace('_', ' ')}: {number}"


def _closing(deal: Opportunity, why: str, facts: Facts) -> Action:
    return Action(
        play=LET_GO,
        says=f"Close {deal.name}, or say what makes it worth keeping",
        why=why,
        owner=deal.owner,
        due=day_after(facts.today, 5),
        hours=LET_GO_HOURS,
        strength=0.05,
    )


def in_order(ranking: Ranking, ids: Sequence[str]) -> list[RankedDeal]:
    """The deals of these ids, in order of the list."""
    wanted = set(ids)
    return [each for each in ranking.deals if each.id in wanted]

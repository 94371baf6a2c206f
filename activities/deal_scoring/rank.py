"""Ranks what was gathered, with what earlier runs saw and what people said."""

import asyncio
from dataclasses import replace
from datetime import date

from temporalio import activity

from activities.deal_scoring.learned import WORKFLOW, Past, named
from activities.deal_scoring.moved import snapshot
from activities.deal_scoring.ranking import ranking
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.deals import Book, DealsRanked, RankDeals, Seen
from contracts.methodology import Methodology
from contracts.runs import run_of
from contracts.steps import DEALS_RANK


class DealsRanking:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._ledger, self._artifacts = toolbox.ledger, toolbox.artifacts

    @activity.defn(name=DEALS_RANK.name)
    async def rank(self, request: RankDeals) -> DealsRanked:
        async with progress("ranking the open deals"):
            return await asyncio.to_thread(self._rank, request)

    def _rank(self, request: RankDeals) -> DealsRanked:
        # It brings the libraries that models are made of, which take a second to load.
        from activities.deal_scoring.learning import scorer_of

        book = self._artifacts.get_model(Book, request.book)
        methodology = self._artifacts.get_model(Methodology, request.methodology)
        past = Past(self._ledger, self._artifacts, request.run, book.source)
        learned = past.lessons(methodology.rest_days)
        known = {each.id: Seen(name=each.name, stage=each.stage) for each in book.open}
        fresh, unread = named(request.asked, known, book.today)
        made = ranking(
            book,
            methodology,
            scorer_of(request.trained, self._artifacts).score(book),
            refused=request.trained.refused,
            before=past.before(book.today),
            lessons=replace(learned, all=(*learned.all, *fresh)),
        ).model_copy(update={"not_understood": unread})
        other = self._has_the_day(book, methodology, request.run) if made.planned else ""
        return DealsRanked(
            ranking=self._artifacts.put_model(made),
            snapshot=self._artifacts.put_model(snapshot(book, made.deals)),
            deals=len(made.deals),
            planned=0 if other else len(made.planned),
            drops=len(made.drops),
            source=book.source[:160],
            note=_one_a_day(book.today, other) if other else "",
        )

    def _has_the_day(self, book: Book, methodology: Methodology, run: str) -> str:
        """The other run that has this day's plan, before a person or signed; empty: this one has. Two plans of a day
        would fill each person's hours twice, and make each task twice."""
        source, day = f"{WORKFLOW}:{book.source}", f"{book.today}/{methodology.name}"
        held = self._ledger.take(source, [day], run_of(run), also=("rejected", "nothing to do"))
        return "" if held else self._ledger.holder(source, day)


def _one_a_day(day: date, other: str) -> str:
    return f"The run {other} has the plan of {day} already, so no task is made twice. Reject that one to plan anew."

"""Learns from the company's own closed deals, or says why not: then methodology and value rank alone.

Once a week it also looks back at the last quarter, for the page of `ledger.backtests`.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

from temporalio import activity

from activities.kept import KeptInHeartbeats
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts.backtest import Backtest
from contracts.deals import Book, DealsTrained, TrainDeals
from contracts.methodology import Methodology
from contracts.runs import run_of
from contracts.scoring import Trained
from contracts.steps import DEALS_TRAIN

LONGEST = 200  # characters of a source


class DealsTraining:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._artifacts, self._ledger, self._state = toolbox.artifacts, toolbox.ledger, Path(toolbox.state)

    @activity.defn(name=DEALS_TRAIN.name)
    async def train(self, request: TrainDeals) -> DealsTrained:
        """The stored model of the same deals, one calibrated anew, or one that learns. Its heartbeats say how far."""
        async with progress("looking at what became of earlier deals") as said:
            return await asyncio.to_thread(self._train, request, said)

    def _train(self, request: TrainDeals, said: Progress) -> DealsTrained:
        # Takes a second to load, and most workers need none of it.
        from activities.deal_scoring.learning import WORKFLOW, learn, told
        from activities.scoring.store import ModelStore

        def say(words: str) -> None:
            said.says = words

        book, kept = self._artifacts.get_model(Book, request.book), KeptInHeartbeats(said, self._artifacts)
        stored = learn(book, ModelStore(self._state, WORKFLOW), source=book.source, say=say, kept=kept)
        found = told(stored, self._artifacts, len(book.closed))
        if not self._due(request, book):
            return found
        from activities.deal_scoring.backtest import backtest

        chances = self._artifacts.get_model(Methodology, request.methodology).chances
        made = backtest(book, stages=chances, say=say, kept=kept)
        self._keep(request, book, made, stored.trained)
        return found.model_copy(update={"backtest": self._artifacts.put_model(made)})

    def _due(self, request: TrainDeals, book: Book) -> bool:
        """Whether no other run of this source looked back this week."""
        made = self._ledger.backtests(source=book.source[-LONGEST:], period=_week(book), limit=2)
        return all(each.run == run_of(request.run) for each in made)

    def _keep(self, request: TrainDeals, book: Book, made: Backtest, trained: Trained) -> None:
        from activities.deal_scoring.backtest_panels import report

        page = report(made, trained)
        self._ledger.store_backtest(run_of(request.run), book.source[-LONGEST:], _week(book), page)


def _week(book: Book) -> str:
    return str(book.today - timedelta(days=book.today.weekday()))

"""Learns from the company's own closed deals, or says why not: then methodology and value rank alone."""

import asyncio
from pathlib import Path

from temporalio import activity

from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts.deals import Book, DealsTrained, TrainDeals
from contracts.steps import DEALS_TRAIN


class DealsTraining:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._artifacts, self._state = toolbox.artifacts, Path(toolbox.state)

    @activity.defn(name=DEALS_TRAIN.name)
    async def train(self, request: TrainDeals) -> DealsTrained:
        """The stored model of the same deals, one calibrated anew, or one that learns. Its heartbeats say how far."""
        async with progress("looking at what became of earlier deals") as said:
            return await asyncio.to_thread(self._train, request, said)

    def _train(self, request: TrainDeals, said: Progress) -> DealsTrained:
        # Takes a second to load, and most workers need none of it.
        from activities.deal_scoring.backtest import backtest
        from activities.deal_scoring.learning import WORKFLOW, learn, told
        from activities.scoring.store import ModelStore

        def say(words: str) -> None:
            said.says = words

        book = self._artifacts.get_model(Book, request.book)
        stored = learn(book, ModelStore(self._state, WORKFLOW), source=book.source, say=say)
        found = told(stored, self._artifacts, len(book.closed))
        if book.today.weekday() != 0 or not found.model:
            return found
        return found.model_copy(update={"backtest": self._artifacts.put_model(backtest(book, say=say))})

"""Learns from the company's own closed deals, or says why not: then methodology and value rank alone."""

import asyncio

from temporalio import activity

from activities.deal_scoring.scorer import NoModel, Scorer
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.deals import Book, DealsTrained, TrainDeals
from contracts.steps import DEALS_TRAIN
from ledger import ArtifactStore

LEAST = 50  # closed deals, and a fifth of them of either outcome


class DealsTraining:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._artifacts = toolbox.artifacts

    @activity.defn(name=DEALS_TRAIN.name)
    async def train(self, request: TrainDeals) -> DealsTrained:
        async with progress("looking at what became of earlier deals"):
            return await asyncio.to_thread(self._train, request)

    def _train(self, request: TrainDeals) -> DealsTrained:
        book = self._artifacts.get_model(Book, request.book)
        closed = len(book.closed)
        why = f"there are {closed:,} closed deals, and {LEAST} is the least" if closed < LEAST else "none was trained"
        return DealsTrained(refused=f"No model serves: {why}.", deals=closed)


def scorer_of(trained: DealsTrained, artifacts: ArtifactStore) -> Scorer:
    """What scores deals by a trained model; by none where it refuses."""
    return NoModel()

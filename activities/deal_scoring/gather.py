"""The context of a run: the methodology, and the book of deals from a folder or a CRM."""

import asyncio
from datetime import date, datetime

from temporalio import activity

from activities.crm.reached import SCHEMES
from activities.deal_scoring.folder import book_of_folder
from activities.deal_scoring.methodology import methodology_at
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts.deals import Book, DealsGathered, GatherDeals
from contracts.errors import BadInput
from contracts.methodology import Methodology
from contracts.steps import DEALS_GATHER


class DealsGathering:
    """Reads what is to be ranked."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._artifacts = toolbox.artifacts

    @activity.defn(name=DEALS_GATHER.name)
    async def gather(self, request: GatherDeals) -> DealsGathered:
        """The book and the methodology, by reference. Raises BadMethodology, BadRows, AccessRefused, BadInput."""
        async with progress(f"reading the deals of {request.source}"):
            return await asyncio.to_thread(self._gather, request)

    def _gather(self, request: GatherDeals) -> DealsGathered:
        methodology = methodology_at(request.methodology)
        book = book_of(request.source, methodology, day_of(request.today, request.now))
        return DealsGathered(
            book=self._artifacts.put_model(book),
            methodology=self._artifacts.put_model(methodology),
            source=request.source,
            open=len(book.open),
            closed=len(book.closed),
            activities=len(book.activities),
            flaws=len(book.flaws),
        )


def book_of(source: str, methodology: Methodology, today: date) -> Book:
    """The source's book. A CRM is written to by effects; its deals are read from an export of it, a folder."""
    if source.startswith(tuple(SCHEMES)):
        raise BadInput(
            f"{source!r} can't be read directly yet.",
            subject=source,
            way_out="Export its opportunities, activities and stage history into a folder, and give that.",
        )
    return book_of_folder(source, methodology, today)


def day_of(text: str, now: datetime) -> date:
    """The day that is asked for; that of the run where none is. BadInput."""
    if not text:
        return now.date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is no day.", subject="today", way_out="Write it as 2026-11-27.") from None

"""The context of a run: the methodology, and the book of deals from a folder or a CRM."""

import asyncio
from collections.abc import Callable
from datetime import date, datetime
from functools import partial

from temporalio import activity

from activities.crm.reached import service_of
from activities.deal_scoring.booking import Booking
from activities.deal_scoring.folder import book_of_folder
from activities.deal_scoring.methodology import methodology_at
from activities.deal_scoring.services.reading import Reading, of_a_service
from activities.progress import Progress, progress
from activities.services.service import Services
from activities.toolbox import Toolbox
from contracts.deals import Book, DealsGathered, GatherDeals
from contracts.errors import BadInput
from contracts.methodology import Methodology
from contracts.steps import DEALS_GATHER


class DealsGathering:
    """Reads what is to be ranked."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._artifacts, self._services = toolbox.artifacts, toolbox.services

    @activity.defn(name=DEALS_GATHER.name)
    async def gather(self, request: GatherDeals) -> DealsGathered:
        """The book and the methodology, by reference.

        Raises BadMethodology, BadRows, AccessRefused, BadInput, ServiceBusy, StrangeReply.
        """
        async with progress(f"reading the deals of {request.source}") as told:
            return await asyncio.to_thread(self._gather, request, told)

    def _gather(self, request: GatherDeals, told: Progress) -> DealsGathered:
        methodology = methodology_at(request.methodology)
        today = day_of(request.today, request.now)
        book = book_of(request.source, methodology, today, self._services, partial(setattr, told, "says"))
        return DealsGathered(
            book=self._artifacts.put_model(book),
            methodology=self._artifacts.put_model(methodology),
            source=request.source,
            open=len(book.open),
            closed=len(book.closed),
            activities=len(book.activities),
            flaws=len(book.flaws),
        )


def book_of(
    source: str, methodology: Methodology, today: date, services: Services, tell: Callable[[str], None]
) -> Book:
    """The source's book: of a folder, or of the service that it names."""
    service = service_of(source, services)
    if service is None:
        return book_of_folder(source, methodology, today, tell)
    reading = Reading(Booking(of_a_service(methodology), today), service.name, tell)
    # Each brings a client of its own that takes long to load.
    if service.kind == "salesforce":
        from activities.crm.salesforce import SalesforceCrm
        from activities.deal_scoring.services.salesforce import book_of_salesforce

        return book_of_salesforce(source, SalesforceCrm(service, services.authorities), reading)
    from activities.crm.hubspot import HubSpotCrm
    from activities.deal_scoring.services.hubspot import book_of_hubspot

    return book_of_hubspot(source, HubSpotCrm(service, services.authorities), reading)


def day_of(text: str, now: datetime) -> date:
    """The day that is asked for; that of the run where none is. BadInput."""
    if not text:
        return now.date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text[:40]!r} is no day.", subject="today", way_out="Write it as 2026-11-27.") from None

"""Which source a run's `books` names."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from activities.payables.sources.erpnext import read_erpnext
from activities.payables.sources.folder import read_folder, read_settings, today
from activities.services.service import Services
from contracts.paying import Books


async def read_books(named: str, now: datetime, services: Services, say: Callable[[str], None]) -> Books:
    """The books of a folder: of its tables, or of the ERPNext that its settings name."""
    folder = Path(named)
    settings = await asyncio.to_thread(read_settings, folder)
    if settings.erpnext is not None:
        return await read_erpnext(settings, f"erpnext:{named}", today(settings, now), services, say)
    return await asyncio.to_thread(read_folder, folder, now, say)

"""A folder of tables as the source of deals: what a spreadsheet or an export of any CRM can be saved as."""

from datetime import date
from pathlib import Path

from activities.deal_scoring.booking import Booking
from activities.deal_scoring.tables import table
from contracts.deals import Book
from contracts.errors import AccessRefused, BadRows
from contracts.methodology import Methodology


def book_of_folder(folder: str, methodology: Methodology, today: date) -> Book:
    """The folder's book. BadRows, naming file, line and column; AccessRefused."""
    path = Path(folder)
    try:
        is_there = path.is_dir()
        found = table(path, "opportunities") if is_there else None
    except PermissionError:
        raise AccessRefused(f"{folder!r} may not be read.", subject=folder, way_out="Let the worker read it.") from None
    if found is None:
        what = "has no opportunities.csv or opportunities.jsonl" if is_there else "is no folder"
        raise BadRows(
            f"{folder!r} {what}.",
            subject=folder,
            way_out="Save the deals there as opportunities.csv, with the columns id and stage at least.",
        )
    return Booking(methodology, today).book(
        str(path), str(path), found, table(path, "activities"), table(path, "stages")
    )

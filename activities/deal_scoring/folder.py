"""A folder of tables as the source of deals: what a spreadsheet or an export of any CRM can be saved as."""

from datetime import date
from pathlib import Path

from activities.deal_scoring.booking import Booking
from activities.deal_scoring.tables import ENDINGS, table
from contracts.deals import Book
from contracts.errors import AccessRefused, BadRows
from contracts.methodology import Methodology

NAMED = 5  # files


def book_of_folder(folder: str, methodology: Methodology, today: date) -> Book:
    """The folder's book. BadRows, naming file, line and column; AccessRefused."""
    path = Path(folder)
    try:
        is_there = path.is_dir()
        found = table(path, "opportunities") if is_there else None
    except PermissionError:
        raise AccessRefused(f"{folder!r} may not be read.", subject=folder, way_out="Let the worker read it.") from None
    if found is None:
        raise BadRows(
            f"{folder!r} {_what_it_is(path)}.",
            subject=folder,
            way_out="Give a folder that has the deals as opportunities.csv, with the columns id and stage at least.",
        )
    return Booking(methodology, today).book(
        str(path), str(path), found, table(path, "activities"), table(path, "stages")
    )


def _what_it_is(path: Path) -> str:
    """Instead of a folder with deals."""
    if not path.is_dir():
        return "is a file, not a folder" if path.is_file() else "is no folder"
    there = sorted(each.name for each in path.iterdir() if each.suffix in ENDINGS)[:NAMED]
    beside = f"; it has {', '.join(there)}" if there else ""
    return f"has no opportunities.csv or opportunities.jsonl{beside}"

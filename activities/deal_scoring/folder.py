"""A folder of tables as the source of deals: what a spreadsheet or an export of any CRM can be saved as."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

from activities.deal_scoring.booking import Booking
from activities.deal_scoring.tables import ENDINGS, Row, Table, table
from contracts.deals import Book
from contracts.errors import AccessRefused, BadRows
from contracts.methodology import Methodology

NAMED = 5  # files
EVERY = 10_000  # rows after which it is told how far
Tell = Callable[[str], None]


def book_of_folder(folder: str, methodology: Methodology, today: date, tell: Tell = lambda _: None) -> Book:
    """The folder's book; `tell` is told how far it is. BadRows, naming file, line and column; AccessRefused."""
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
    others = (_counted(table(path, name), tell) for name in ("activities", "stages"))
    return Booking(methodology, today).book(str(path), str(path), _counting(found, tell), *others)


def _counted(found: Table | None, tell: Tell) -> Table | None:
    return None if found is None else _counting(found, tell)


def _counting(found: Table, tell: Tell) -> Table:
    """The same table, that tells how many of its rows were read."""

    def rows() -> Iterator[tuple[int, Row]]:
        for number, row in enumerate(found.rows, 1):
            if number % EVERY == 0:
                tell(f"reading {found.name}: {number:,} rows")
            yield row

    return replace(found, rows=rows())


def _what_it_is(path: Path) -> str:
    """Instead of a folder with deals."""
    if not path.is_dir():
        return "is a file, not a folder" if path.is_file() else "is no folder"
    there = sorted(each.name for each in path.iterdir() if each.suffix in ENDINGS)[:NAMED]
    beside = f"; it has {', '.join(there)}" if there else ""
    return f"has no opportunities.csv or opportunities.jsonl{beside}"

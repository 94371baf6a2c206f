"""Tickets in files: JSON Lines or CSV, one file or a folder of them. They grow at their end, and are read from there.

A cursor is, for each file, how far it was read and a digest of what stands right before: a file that was written anew
is read from its beginning.
"""

import asyncio
import csv
import hashlib
import json
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from activities.beside import UPDATES
from activities.exports import UTF_16, separator_of
from activities.support_triage.sources import rows
from activities.support_triage.sources.protocol import Page
from contracts.errors import AccessRefused, BadInput, NotFound
from contracts.support import SupportTicket

ENDINGS = (".jsonl", ".ndjson", ".csv")
LONGEST = 16 << 20  # bytes of a line
BEFORE = 4096  # bytes before a cursor that have to be as they were
MOST_NOTES, MOST_FILES = 20, 10_000
csv.field_size_limit(LONGEST)


class Files:
    """A file or a folder. See `protocol.Source`."""

    def __init__(self, path: str) -> None:
        self.name, self.path = path, Path(path)

    async def page(self, cursor: str, most: int) -> Page:
        return await asyncio.to_thread(self._page, cursor, most)

    async def one(self, id: str) -> SupportTicket:
        return await asyncio.to_thread(self._one, id)

    async def solved(self, ticket: SupportTicket) -> SupportTicket:
        return ticket

    def _page(self, cursor: str, most: int) -> Page:
        places, found, notes = _places(cursor), list[SupportTicket](), list[str]()
        for path in self._files():
            with _opened(path) as file:
                reader = _Reader(file, path, self.name, _begin(file, places.get(path.name)))
                for ticket in reader.tickets():
                    if ticket is not None:
                        found.append(ticket)
                    if len(found) >= most:
                        break
                notes += reader.notes
                places[path.name] = [reader.at, _before(file, reader.at)]
                if len(found) >= most:
                    return Page(tuple(found), json.dumps(places, sort_keys=True), True, tuple(notes))
        return Page(tuple(found), json.dumps(places, sort_keys=True), False, tuple(notes))

    def _one(self, id: str) -> SupportTicket:
        found: SupportTicket | None = None
        for path in self._files():
            with _opened(path) as file:
                for ticket in _Reader(file, path, self.name, 0).tickets():
                    found = ticket if ticket is not None and ticket.id == id else found
        if found is None:
            raise NotFound(f"There is no ticket {id!r} in {self.name}.", subject=id, way_out="Look at its id there.")
        return found

    def _files(self) -> list[Path]:
        if self.path.is_dir():
            found = [each for each in sorted(self.path.iterdir()) if _is_of_tickets(each)][:MOST_FILES]
            if not found:
                raise BadInput(
                    f"The folder {self.name!r} has no file that ends with {', '.join(ENDINGS)}.", subject=self.name
                )
            return found
        if not self.path.exists():
            raise NotFound(
                f"There is no file of tickets {self.name!r}.",
                subject=self.name,
                way_out="Give a file of JSON Lines or CSV, a folder of them, or zendesk://, intercom:// or imap://.",
            )
        if not _is_of_tickets(self.path):
            raise BadInput(f"{self.name!r} does not end with {', '.join(ENDINGS)}.", subject=self.name)
        return [self.path]


@dataclass
class _Reader:
    """One file from a place on. `at`: behind the last row that was read whole."""

    file: BinaryIO
    path: Path
    source: str
    at: int
    notes: list[str] = field(default_factory=list)
    keys: set[str] = field(default_factory=set)
    place: dict[str, str] = field(default_factory=dict)

    def tickets(self) -> Iterator[SupportTicket | None]:
        """None for a row that is none."""
        return self._comma_separated() if self.path.suffix == ".csv" else self._json_lines()

    def _json_lines(self) -> Iterator[SupportTicket | None]:
        self.file.seek(self.at)
        while line := self.file.readline(LONGEST + 1):
            begins = self.at
            if len(line) > LONGEST:
                self._skip(line)
                yield None
                continue
            row = _object(line)
            if row is None and not line.endswith(b"\n"):
                return  # it is still being written
            self.at = self.file.tell()
            if row is None:
                if line.strip():
                    self._note(f"{self.path.name}: what stands at byte {begins:,} is no JSON object")
                yield None
                continue
            yield self._of(row, begins)

    def _of(self, row: dict[str, Any], begins: int) -> SupportTicket | None:
        """A row's ticket. BadInput where not even the file's first row has words: then the columns are others."""
        if row.keys() != self.keys:
            try:
                self.place = rows.columns(row, f"{self.path.name} at byte {begins:,}")
            except BadInput as error:
                if begins == 0:
                    raise
                self._note(error.what)
                return None
            self.keys = set(row)
        return self._ticket(row, self.place, begins)

    def _comma_separated(self) -> Iterator[SupportTicket | None]:
        self.file.seek(0)
        heading = self.file.readline(LONGEST)
        if heading[:2] in UTF_16:
            raise BadInput(
                f"{self.path.name} is UTF-16 text.", subject=str(self.path), way_out="Save it as CSV in UTF-8."
            )
        separator = separator_of(heading.decode("utf-8", "replace"))
        self.file.seek(0)
        header = next(csv.reader(self._texts(), delimiter=separator), [])
        if not header:
            return
        place = rows.columns(header, self.path.name)
        self.at = max(self.at, self.file.tell())
        self.file.seek(self.at)
        reader = csv.reader(self._texts(), delimiter=separator)
        while True:
            begins = self.at
            try:
                cells = next(reader, None)
            except csv.Error as error:
                self._note(f"{self.path.name}: the row at byte {begins:,} can't be read: {error}")
                cells = []
            if cells is None:
                return
            self.at = self.file.tell()
            yield self._ticket(dict(zip(header, cells, strict=False)), place, begins) if any(cells) else None

    def _texts(self) -> Iterator[str]:
        while line := self.file.readline(LONGEST):
            # A mark before a quote would make the quote a part of the first column's name.
            yield line.removeprefix(BOM_UTF8).decode("utf-8", "replace").replace("\0", "\N{REPLACEMENT CHARACTER}")

    def _ticket(self, row: dict[str, Any], place: dict[str, str], begins: int) -> SupportTicket:
        made, note = rows.ticket(row, place, self.source, begins)
        if note:
            self._note(note)
        return made

    def _skip(self, line: bytes) -> None:
        self._note(f"{self.path.name}: the line at byte {self.at:,} is longer than 16 MB and was left out")
        while line and not line.endswith(b"\n"):
            line = self.file.readline(LONGEST)
        self.at = self.file.tell()

    def _note(self, note: str) -> None:
        if len(self.notes) < MOST_NOTES:
            self.notes.append(note)


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        row = json.loads(line.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None
    return row if isinstance(row, dict) else None


def _is_of_tickets(path: Path) -> bool:
    return path.is_file() and path.suffix in ENDINGS and not path.name.endswith(UPDATES)


def _places(cursor: str) -> dict[str, list[Any]]:
    try:
        found = json.loads(cursor) if cursor else {}
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _begin(file: BinaryIO, place: list[Any] | None) -> int:
    """Where to go on: at the cursor, where what stands before it is as it was; else at the beginning."""
    if not place or len(place) != 2 or not isinstance(place[0], int):
        return 0
    return place[0] if _before(file, place[0]) == place[1] else 0


def _before(file: BinaryIO, at: int) -> str:
    """A digest of what stands before a place, and of whether there is that much."""
    here = file.tell()
    file.seek(max(0, at - BEFORE))
    seen = file.read(min(at, BEFORE))
    file.seek(here)
    return hashlib.sha256(f"{at}:".encode() + seen).hexdigest()[:16] if len(seen) == min(at, BEFORE) else ""


def _opened(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise AccessRefused(
            f"The file of tickets {str(path)!r} can't be read: {error.strerror}.",
            subject=str(path),
            way_out="Let the worker's user read it.",
        ) from None

"""Tables of a folder, CSV or JSON Lines, a row at a time and with bounds: nothing in a cell is obeyed."""

import csv
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from activities.exports import encoding_of, separator_of
from activities.payables.sources.cells import Evidence, Mark, Order, Unreadable, mark_of, order_of, see
from contracts.errors import BadInput
from contracts.paying import Flaw

LONGEST = 300  # letters of a cell that are kept
LINE = 8 << 20  # bytes of a JSON line
MOST_FLAWS = 200
EXAMPLES = 3
ENDINGS = (".csv", ".jsonl", ".ndjson", ".tsv")
Row = dict[str, str]
Names = Mapping[str, tuple[str, ...]]  # what a column is, and how it may be called


@dataclass
class Flaws:
    """What could not be read, counted by what is wrong with it."""

    found: dict[tuple[str, str], Flaw] = field(default_factory=dict)

    def add(self, where: str, says: str, example: str = "") -> None:
        known = self.found.get((where, says))
        if known is None and len(self.found) < MOST_FLAWS:
            self.found[where, says] = Flaw(where=where, says=says, examples=(example,) if example else ())
        elif known is not None:
            more = (*known.examples, example) if example and len(known.examples) < EXAMPLES else known.examples
            self.found[where, says] = known.model_copy(update={"rows": known.rows + 1, "examples": more})


@dataclass(frozen=True)
class Table:
    """One file: how its columns are called, and how its dates and amounts are written."""

    path: Path
    columns: dict[str, str]
    other: tuple[str, ...]
    order: Order
    mark: Mark

    def rows(self, flaws: Flaws) -> Iterator[tuple[int, Row, Row]]:
        """The number of each row, its cells by what they are, and its other cells."""
        for number, row in _raw(self.path, flaws):
            known = {name: _cell(row.get(column)) for name, column in self.columns.items()}
            if any(known.values()):
                yield number, known, {name: _cell(row.get(name)) for name in self.other}


def find(folder: Path, name: str) -> Path | None:
    """The table of that name. BadInput where there are two."""
    there = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").is_file()]
    if len(there) > 1:
        raise BadInput(
            f"{folder} has {there[0].name} and {there[1].name}: which is it?",
            subject=str(folder),
            way_out="Keep one of them.",
        )
    return there[0] if there else None


def table(
    path: Path,
    names: Names,
    needed: tuple[str, ...],
    *,
    dates: Order,
    money: tuple[str, ...],
    given: Mapping[str, str] = MappingProxyType({}),
) -> Table:
    """Look the file over: which column is what, and how dates (`…date`, `day`, `settled`) and amounts are written.
    `given`: how this company's file calls a column.

    BadInput for a column that is missing, and for dates or amounts that can be read in two ways.
    """
    flaws, header = Flaws(), _header(path)
    plain = {_plain(column): column for column in reversed(header)}
    columns = {
        name: plain[_plain(found)] for name, called in names.items() if (found := _first(plain, (name, *called)))
    } | _given(path, plain, names, given)
    if missing := [name for name in needed if name not in columns]:
        ways = "; ".join(f"{name}: {', '.join((name, *names[name]))}" for name in missing)
        raise BadInput(
            f"{path.name} has no column for {', '.join(missing)}. It has {', '.join(header)[:500] or 'none'}.",
            subject=path.name,
            way_out=f"Name one of them so ({ways}), or say under [columns.{path.stem}] in settings.toml which it is.",
        )
    days = [column for name, column in columns.items() if name.endswith("date") or name in ("day", "settled")]
    sums = [columns[name] for name in money if name in columns]
    seen = {column: Evidence() for column in (*days, *sums)}
    for _, row in _raw(path, flaws):
        for column in days:
            see(seen[column], [_cell(row.get(column))], ())
        for column in sums:
            see(seen[column], (), [_cell(row.get(column))])
    together = Evidence(
        day_first=any(seen[column].day_first for column in days),
        month_first=any(seen[column].month_first for column in days),
        either=next((seen[column].either for column in days if seen[column].either), ""),
        point=any(seen[column].point for column in sums),
        comma=any(seen[column].comma for column in sums),
    )
    used = set(columns.values())
    other = tuple(column for column in header if column not in used)[:20]
    try:
        return Table(path, columns, other, order_of(together, dates), mark_of(together))
    except Unreadable as error:
        raise BadInput(
            f"{path.name} can't be read: {error}.",
            subject=path.name,
            way_out='Write `dates = "day first"` or "month first" into settings.toml, or use 2026-03-31; of decimal '
            "marks, use one in the whole file.",
        ) from None


def _given(path: Path, plain: Mapping[str, str], names: Names, given: Mapping[str, str]) -> dict[str, str]:
    """The columns that the settings name. BadInput for one that the file hasn't, or that nobody asks for."""
    for name, column in given.items():
        if name not in names or _plain(column) not in plain:
            told = f"no column {column!r}" if name in names else f"nothing that is called {name!r}"
            raise BadInput(
                f"settings.toml, [columns.{path.stem}]: {path.name} has {told}.",
                subject=path.name,
                way_out=f"It has {', '.join(plain.values())[:500]}; to be named are {', '.join(names)}.",
            )
    return {name: plain[_plain(column)] for name, column in given.items()}


def _header(path: Path) -> list[str]:
    if path.suffix in (".jsonl", ".ndjson"):
        names: dict[str, None] = {}
        for number, row in _raw(path, Flaws()):
            names |= dict.fromkeys(row)
            if number > 1_000:
                break
        return list(names)
    with _opened(path) as file:
        try:
            return next(csv.reader(file, delimiter=_delimiter(path)), [])
        except (csv.Error, UnicodeError) as error:
            raise _unreadable(path, error) from None


def _raw(path: Path, flaws: Flaws) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Rows as they are, with their line's number."""
    if path.suffix in (".jsonl", ".ndjson"):
        yield from _lines(path, flaws)
        return
    csv.field_size_limit(64 << 20)
    with _opened(path) as file:
        reader = csv.DictReader(file, delimiter=_delimiter(path))
        try:
            for row in reader:
                if None in row:
                    flaws.add(path.name, "a row has more cells than the header", f"line {reader.line_num}")
                    continue
                yield reader.line_num, row
        except (csv.Error, UnicodeError) as error:
            raise _unreadable(path, error) from None


def _lines(path: Path, flaws: Flaws) -> Iterator[tuple[int, Mapping[str, object]]]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                row = json.loads(line) if len(line) <= LINE else None
            except ValueError:
                row = None
            if isinstance(row, dict):
                yield number, row
            else:
                flaws.add(path.name, f"a line is no JSON object of at most {LINE >> 20} MB", f"line {number}")


def _opened(path: Path):  # type: ignore[no-untyped-def]
    try:
        return path.open(encoding=encoding_of(path), newline="")
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> BadInput:
    at = f" at byte {error.start}" if isinstance(error, UnicodeDecodeError) else ""
    why = "it is not UTF-8 text" if isinstance(error, UnicodeError) else str(error)
    return BadInput(
        f"{path.name} can't be read: {why}{at}.", subject=str(path), way_out="Save it as CSV in UTF-8, and run again."
    )


def _delimiter(path: Path) -> str:
    with path.open(encoding=encoding_of(path), errors="replace") as file:
        return separator_of(file.readline(1 << 16))


def _cell(value: object) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value)
    return " ".join(text[: LONGEST * 4].split())[:LONGEST]


def _plain(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())


def _first(plain: Mapping[str, str], called: tuple[str, ...]) -> str | None:
    return next((name for name in called if _plain(name) in plain), None)

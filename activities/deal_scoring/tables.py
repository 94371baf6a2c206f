"""Tables of a folder: CSV or JSON Lines, read row by row, with the names of what can't be read."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from activities.exports import encoding_of, separator_of
from contracts.errors import AccessRefused, BadRows

LARGEST_CELL = 16 << 20  # a note of 5 MB is read, and cut
MOST_COLUMNS = 400
ENDINGS = (".csv", ".jsonl")
Row = Mapping[str, str]


@dataclass(frozen=True)
class Table:
    """Rows as text, each with its line. `columns`: those that the heading names; of JSON Lines none are known ahead."""

    name: str
    columns: Sequence[str]
    rows: Iterator[tuple[int, Row]]


def table(folder: Path, name: str) -> Table | None:
    """The folder's table of that name; None where there is none. BadRows, AccessRefused."""
    found = [path for ending in ENDINGS if (path := folder / f"{name}{ending}").exists()]
    if len(found) > 1:
        raise BadRows(
            f"There are two tables of {name} in {str(folder)!r}: {found[0].name} and {found[1].name}.",
            subject=str(folder),
            way_out="Keep one of them.",
        )
    if not found:
        return None
    try:
        return _csv(found[0]) if found[0].suffix == ".csv" else Table(found[0].name, (), _json_lines(found[0]))
    except PermissionError:
        raise AccessRefused(
            f"{str(found[0])!r} may not be read.", subject=str(found[0]), way_out="Let the worker read it."
        ) from None


def _csv(path: Path) -> Table:
    with path.open(encoding=encoding_of(path), errors="replace", newline="") as file:
        heading = file.readline(1 << 20)
    if not heading.strip():
        return Table(path.name, (), iter(()))
    delimiter = separator_of(heading)
    columns = [each.strip() for each in next(csv.reader([heading], delimiter=delimiter))]
    _require_columns(path, columns)
    return Table(path.name, columns, _csv_rows(path, delimiter, columns))


def _require_columns(path: Path, columns: Sequence[str]) -> None:
    twice = next((each for each in columns if each and columns.count(each) > 1), "")
    if twice or len(columns) > MOST_COLUMNS:
        what = f"names the column {twice!r} twice" if twice else f"has {len(columns):,} columns, over {MOST_COLUMNS}"
        raise BadRows(f"The heading of {path.name} {what}.", subject=str(path), way_out="Rename or remove some.")


def _csv_rows(path: Path, delimiter: str, columns: Sequence[str]) -> Iterator[tuple[int, Row]]:
    csv.field_size_limit(LARGEST_CELL)
    with path.open(encoding=encoding_of(path), newline="") as file:
        reader = csv.reader(file, delimiter=delimiter)
        try:
            next(reader, None)
            for cells in reader:
                if len(cells) > len(columns) and any(cells[len(columns) :]):
                    told = f"has {len(cells)} cells, and the heading {len(columns)}"
                    raise BadRows(
                        f"{path.name}, line {reader.line_num:,} {told}.",
                        subject=str(path),
                        way_out="Put text with separators in it between quotes, or remove what is too much.",
                    )
                if any(cells):
                    yield reader.line_num, dict(zip(columns, cells, strict=False))
        except UnicodeError:
            raise _not_text(path, reader.line_num + 1) from None
        except csv.Error as error:
            raise BadRows(
                f"{path.name}, line {reader.line_num:,} can't be read: {error}.",
                subject=str(path),
                way_out="Save it as CSV again, with quotes round text.",
            ) from None


def _json_lines(path: Path) -> Iterator[tuple[int, Row]]:
    number = 0
    try:
        with path.open(encoding=encoding_of(path)) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield number, _json_row(path, number, line)
    except UnicodeError:
        raise _not_text(path, number + 1) from None


def _json_row(path: Path, number: int, line: str) -> Row:
    try:
        found = json.loads(line) if len(line) <= LARGEST_CELL else None
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadRows(
            f"{path.name}, line {number:,} is no JSON object.", subject=str(path), way_out="Write one object a line."
        )
    return {str(name): text_of(value) for name, value in found.items()}


def text_of(value: object) -> str:
    """A value of JSON as a cell."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _not_text(path: Path, line: int) -> BadRows:
    return BadRows(f"{path.name} is no UTF-8 text at line {line:,}.", subject=str(path), way_out="Save it as UTF-8.")

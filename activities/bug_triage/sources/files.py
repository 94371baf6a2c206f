"""Issues of a file: JSON Lines, or CSV with a line of names. The file is read line by line and never written.

What was carried out for it stands in a file of its own beside it, `NAME.updates.jsonl`, one line for each effect, and
is laid over what is read: so a second run knows of the first.
"""

import csv
import json
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from activities.beside import UPDATES
from activities.bug_triage.sources.decided import spellings
from activities.bug_triage.sources.rows import Reading, columns_of, issue_of
from activities.exports import encoding_of, separator_of
from contracts.bug_triage import Backlog
from contracts.bugs import Issue
from contracts.errors import AccessRefused, BadInput, NotFound

LARGEST = 1 << 30
LONGEST_LINE = 32 << 20
MOST = 50_000
WAY_OUT = "Give JSON Lines (an object a line) or CSV with a line of names, in UTF-8."


def read(name: str) -> Backlog:
    """All issues of the file, with what was done about them since. BadInput, NotFound or AccessRefused, naming it."""
    path = Path(name).expanduser()
    kept: deque[Issue] = deque(maxlen=MOST)
    reading = Reading({}, path.stem[:100])
    count = 0
    try:
        if path.stat().st_size > LARGEST:
            raise BadInput(f"{name!r} is larger than 1 GB.", subject=name, way_out="Give the issues of fewer years.")
        for line, row in enumerate(_rows(path, reading), 1):
            if issue := issue_of(row, reading, line):
                kept.append(issue)
                count += 1
        changes = list(updates(path))
    except FileNotFoundError as error:
        raise NotFound(f"There are no issues at {name!r}.", subject=name, way_out=WAY_OUT) from error
    except PermissionError as error:
        raise AccessRefused(f"The issues in {name!r} may not be read.", subject=name) from error
    except (OSError, UnicodeError, csv.Error) as error:
        raise BadInput(f"The issues in {name!r} can't be read: {error}.", subject=name, way_out=WAY_OUT) from error
    if count > MOST:
        reading.wrong["older issues than are read at once"] = count - MOST
    issues = _laid_over(kept, changes)
    return Backlog(
        source=str(path),
        project=path.stem[:100],
        says_where=path.name,
        issues=tuple(issues),
        label_of=spellings(each.labels for each in issues),
        left_out=told(reading),
    )


def told(reading: Reading) -> str:
    """What could not be read, in words; empty where all could."""
    parts = [f"{count:,} {what}" for what, count in sorted(reading.wrong.items())]
    return f"Left out or cut: {', '.join(parts)}." if parts else ""


def _rows(path: Path, reading: Reading) -> Iterator[dict[str, Any]]:
    is_csv = path.suffix.lower() in (".csv", ".tsv")
    with path.open(encoding=encoding_of(path), newline="" if is_csv else None) as file:
        if is_csv:
            csv.field_size_limit(LONGEST_LINE)
            separator = separator_of(file.readline(LONGEST_LINE))
            file.seek(0)
            rows = csv.DictReader(file, delimiter=separator)
            reading.columns = columns_of([name or "" for name in rows.fieldnames or []], str(path))
            yield from rows
            return
        yield from _objects(file, reading, str(path))


def _objects(file: Any, reading: Reading, subject: str) -> Iterator[dict[str, Any]]:
    names: dict[str, None] = {}
    while line := file.readline(LONGEST_LINE):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        if not isinstance(row, dict):
            reading.wrong["lines that are no JSON object"] += 1
            continue
        if not row.keys() <= names.keys():
            names |= dict.fromkeys(row)
            reading.columns = columns_of(list(names), subject)
        yield row
    if not names and reading.wrong:
        raise BadInput(f"{subject!r} has no line that is a JSON object.", subject=subject, way_out=WAY_OUT)


def updates(path: Path) -> Iterator[dict[str, Any]]:
    """What was carried out for the issues of the file. A last line that was cut by a crash is passed over."""
    beside = updates_file(path)
    if not beside.exists():
        return
    with beside.open(encoding="utf-8") as file:
        for line in file:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict):
                yield row


def updates_file(path: Path) -> Path:
    return path.with_name(path.name + UPDATES)


def _laid_over(issues: deque[Issue], changes: list[dict[str, Any]]) -> list[Issue]:
    by_key = {issue.key: issue for issue in issues}
    for change in changes:
        issue = by_key.get(str(change.get("issue")))
        if issue is None:
            continue
        named = {name: str(change[name]) for name in ("kind", "priority", "component", "assignee") if change.get(name)}
        labels = tuple(dict.fromkeys((*issue.labels, *map(str, change.get("labels") or ()))))
        same = tuple(dict.fromkeys((*issue.duplicates, *filter(None, [str(change.get("duplicate_of") or "")]))))
        by_key[issue.key] = issue.model_copy(update={**named, "labels": labels, "duplicates": same})
    return list(by_key.values())

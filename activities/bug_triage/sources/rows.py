"""A row of a file as an issue. Columns are found by what people call them; what can't be read is counted. Pure."""

import hashlib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from activities.bug_triage import texts
from activities.bug_triage.sources.decided import decided, kind_of
from activities.tickets.bounds import MOST_LABELS
from contracts.bugs import Issue
from contracts.errors import BadInput

MOST_TITLE = 300
PULL_REQUEST = "pull_request"  # what GitHub gives those of its issues that are one
COLUMNS: dict[str, tuple[str, ...]] = {
    "key": ("key", "id", "number", "issue id", "issue key", "iid", "issue"),
    "title": ("title", "summary", "subject", "name"),
    "body": ("body", "description", "text", "details"),
    "project": ("project", "repo", "repository"),
    "created": ("created", "created at", "date", "reported", "opened"),
    "author": ("author", "reporter", "user", "creator"),
    "state": ("state", "status", "resolution"),
    "kind": ("kind", "type", "issue type", "label"),
    "priority": ("priority", "severity"),
    "component": ("component", "components", "component s", "area", "module"),
    "versions": ("versions", "version", "affects version s", "affects versions", "affected versions"),
    "labels": ("labels", "tags"),
    "assignee": ("assignee", "owner", "assigned to"),
    "duplicates": ("duplicates", "duplicate of", "duplicate"),
    "url": ("url", "html url", "web url", "link"),
}
FORMATS = (
    "%d/%b/%y %H:%M",
    "%d/%b/%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%m/%d/%Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%a %b %d %H:%M:%S %Y",
)


@dataclass
class Reading:
    """The columns of one file, and what of it could not be read."""

    columns: dict[str, str]
    project: str
    wrong: Counter[str] = field(default_factory=Counter)


def columns_of(names: list[str], subject: str) -> dict[str, str]:
    """Which of the file's columns is what. BadInput, naming what is missing and what there is."""
    plain = {_plain(name): name for name in names if name}
    found = {
        what: plain[word] for what, words in reversed(COLUMNS.items()) for word in reversed(words) if word in plain
    }
    if "title" not in found:
        there = ", ".join(repr(name) for name in names[:12]) or "none"
        raise BadInput(
            f"The issues in {subject!r} have no column for a title.",
            subject=subject,
            way_out=f"Name one title or summary. There are: {there}.",
        )
    return found


def issue_of(row: Mapping[str, Any], reading: Reading, line: int) -> Issue | None:
    """The issue; None, and counted, for a row without a title, and for a pull request: GitHub lists both as issues."""

    def cell(what: str) -> Any:
        return row.get(reading.columns.get(what, ""))

    if row.get(PULL_REQUEST):
        reading.wrong["pull requests"] += 1
        return None
    title = _text(cell("title")).strip()
    if not title:
        reading.wrong["rows without a title"] += 1
        return None
    body = _text(cell("body"))
    if len(body) > texts.MAX_BODY:
        reading.wrong[f"reports of which {texts.MAX_BODY:,} characters were read"] += 1
    labels = tuple(_several(cell("labels")))[:MOST_LABELS]
    said = decided(labels)
    created = moment(cell("created"))
    if created is None and cell("created") not in (None, ""):
        reading.wrong["dates that can't be read"] += 1
    kind = _text(cell("kind"))[:100]
    return Issue(
        key=_text(cell("key")).strip()[:100] or _made(title, body, _text(cell("created"))),
        project=_text(cell("project"))[:200] or reading.project,
        title=title[:MOST_TITLE],
        body=texts.bounded(body),
        created=created,
        author=_text(cell("author"))[:100],
        versions=tuple(_several(cell("versions")))[:20],
        labels=labels,
        state=_text(cell("state"))[:60],
        url=_web(_text(cell("url"))),
        assignee=_text(cell("assignee"))[:100],
        kind=kind_of(kind) or kind or said.get("kind", ""),
        priority=_text(cell("priority"))[:100] or said.get("priority", ""),
        component=next(iter(_several(cell("component"))), "") or said.get("component", ""),
        duplicates=tuple(_several(cell("duplicates")))[:20],
    )


def moment(value: Any) -> datetime | None:
    """A moment from a text or from seconds since 1970; None where it is none. Without a zone it is UTC's."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return datetime.fromtimestamp(value / (1000 if value > 1e11 else 1), UTC)
        except (ValueError, OverflowError, OSError):
            return None
    text = _text(value).strip()
    if text.isascii() and text.isdigit() and 9 <= len(text) <= 13:
        return moment(int(text))
    readers = [datetime.fromisoformat, *((lambda text, form=form: datetime.strptime(text, form)) for form in FORMATS)]
    for read in readers if text else []:
        try:
            at = read(text)
        except ValueError:
            continue
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return None


def _plain(name: str) -> str:
    return " ".join("".join(each if each.isalnum() else " " for each in name.lower()).split())


def _text(value: Any) -> str:
    if isinstance(value, dict):
        value = next((value[key] for key in ("login", "name", "displayName", "value") if value.get(key)), "")
    if value is None or isinstance(value, bool | list):
        return ""
    return str(value).replace("\0", "�")


def _several(value: Any) -> list[str]:
    """A list as it is, or a text of several separated by commas, semicolons or bars."""
    if isinstance(value, list):
        parts = [_text(each) for each in value]
    else:
        parts = _text(value).replace(";", ",").replace("|", ",").split(",")
    return [part.strip()[:100] for part in parts if part.strip()]


def _made(title: str, body: str, created: str) -> str:
    """A key for a row that has none: the same for the same row, wherever it stands."""
    return "row-" + hashlib.sha256(f"{title}\n{created}\n{body}".encode("utf-8", "replace")).hexdigest()[:12]


def _web(url: str) -> str:
    return url[:500] if url.startswith(("https://", "http://")) else ""

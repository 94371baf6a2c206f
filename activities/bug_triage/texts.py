"""What an issue's text is made of: words for people, headings of templates, code, stack frames, identifiers.

Pure. A body is read up to `MAX_BODY` characters, from both ends: a log of five megabytes costs no more than a page.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from contracts.bugs import Issue

MAX_BODY = 20_000
MAX_TITLE = 500
MAX_MARKS = 200  # of each kind of mark, in one issue

_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_FENCE = re.compile(
    r"(?:```|~~~)[^\n]*\n(.*?)(?:\n\s*(?:```|~~~)|\Z)"
    r"|\{(?:code|noformat)(?::[^}\n]{0,80})?\}(.*?)(?:\{(?:code|noformat)\}|\Z)"
    r"|<(?:pre|code)>(.*?)(?:</(?:pre|code)>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_HEADING = re.compile(r"^\s{0,3}(?:#{1,6}\s+(.{1,120}?)\s*#*|\*\*(.{1,120}?)\*\*:?|h[1-6]\.\s*(.{1,120}?))\s*$", re.M)
_TAG = re.compile(r"</?[a-zA-Z][^<>\n]{0,300}>")
_LINK = re.compile(r"!?\[([^\[\]\n]{0,300})\]\([^()\n]{0,1000}\)")
_URL = re.compile(r"https?://[^\s<>\"')\]|]+")
_FRAME = re.compile(
    r"^[^\S\n]*(?:at\s+(?P<java>[\w$.<>/]+)\(|File \"(?P<file>[^\"\n]{1,300})\", line \d+, in (?P<function>[\w<>]+)"
    r"|#\d+\s+(?:0x[0-9a-f]+ in )?(?P<native>[\w:~<>.]+)\s*\(|at (?P<script>[\w$.<>]+) \()",
    re.MULTILINE,
)
_EXCEPTION = re.compile(r"\b([A-Z]\w*(?:Exception|Error|Failure|Warning|Panic))\b")
_IDENTIFIER = re.compile(
    r"\b(?:[A-Za-z_]\w*(?:(?:\.|::|#|->)[A-Za-z_]\w*)+|[a-z]+(?:[A-Z][a-z0-9]+)+\w*|[A-Z][a-z0-9]+(?:[A-Z]\w*)+"
    r"|[A-Za-z]+_\w+|[A-Z]{2,}[-_]\d+)\b"
)


@dataclass(frozen=True)
class Text:
    """The parts of an issue. `prose` is what is left when all others are taken out, and one line."""

    title: str
    prose: str
    code: str
    hints: tuple[str, ...]
    headings: tuple[str, ...]
    frames: tuple[str, ...]
    exceptions: tuple[str, ...]
    identifiers: tuple[str, ...]


def read(issue: Issue) -> Text:
    """The parts of an issue's title and body."""
    title, body = issue.title[:MAX_TITLE], bounded(issue.body).replace("\r\n", "\n")
    hints = tuple(_COMMENT.findall(body)[:MAX_MARKS])
    body = _COMMENT.sub("\n", body)
    code = "\n".join(next(filter(None, each), "") for each in _FENCE.findall(body))
    words = _FENCE.sub("\n", body)
    headings = tuple(" ".join(filter(None, each)) for each in _HEADING.findall(words)[:MAX_MARKS])
    prose = _URL.sub(" ", _LINK.sub(r"\1", _HEADING.sub(" ", words)))
    whole = f"{title}\n{body}"
    return Text(
        title=" ".join(title.split()),
        prose=" ".join(_TAG.sub(" ", prose).split()),
        code=code,
        hints=hints,
        headings=headings,
        frames=_distinct(_frame(each) for each in _FRAME.finditer(whole)),
        exceptions=_distinct(_EXCEPTION.findall(whole)),
        identifiers=_distinct(_IDENTIFIER.findall(_URL.sub(" ", whole))),
    )


def without_comments(issue: Issue) -> str:
    """The body as a page shows it: templates hide their instructions in comments."""
    return _COMMENT.sub("\n", bounded(issue.body).replace("\r\n", "\n"))


def bounded(body: str, limit: int = MAX_BODY) -> str:
    """The beginning, and a quarter of the limit from the end: what went wrong is often in the last lines of a log."""
    if len(body) <= limit:
        return body
    tail = limit // 4
    return f"{body[: limit - tail]}\n{body[-tail:]}"


def _frame(found: re.Match[str]) -> str:
    """The function that a frame is in, without the line: it moves from version to version."""
    parts = found.groupdict()
    if parts["file"]:
        return f"{parts['file'].rpartition('/')[2]}:{parts['function']}"
    return parts["java"] or parts["native"] or parts["script"] or ""


def _distinct(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(list(dict.fromkeys(filter(None, names)))[:MAX_MARKS])

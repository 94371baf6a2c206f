"""How a changelog file is built: its markup, its headings, where its releases begin and end.

Pure. Offsets are characters of the text as decoded from UTF-8, with its line endings and byte order mark.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from contracts.errors import ChangelogStructure

Markup = Literal["markdown", "rst", "asciidoc"]

LIMIT_BYTES = 10 << 20

_CONFLICT = re.compile(r"(<{7}|={7}|>{7}|\|{7})( |$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_ATX = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#+)?[ \t]*$")
_ADOC = re.compile(r"(={1,6})[ \t]+(.*?)[ \t]*$")
_UNDERLINE = re.compile(r"([!-/:-@\[-`{-~])\1{2,}[ \t]*$")
_SETEXT = re.compile(r" {0,3}(=+|-{2,})[ \t]*$")
_LABEL = re.compile(r"(\([\w.-]+\)=|\.\. _[^:]+:|<a (?:name|id)=\"[^\"]*\"></a>|\[\[[\w.-]+\]\])[ \t]*$")
_VERSION = re.compile(r"(?<![\w.])v?(\d+(?:\.\d+)+(?:[-.]?[A-Za-z]+[-.]?\d*)*|\d{4}-\d{2}-\d{2})")
_UNRELEASED = re.compile(
    r"\W*(unreleased|upcoming( release)?|next( release| version)?|dev(elopment)?|head|main|master"
    r"|in progress|not yet released)\b",
    re.IGNORECASE,
)
_NOT_OUT = r"(?:unreleased|not (?:yet )?released|not yet released|(?:still )?in (?:development|progress))"
# Of a heading with a version, and of the first line below one: `1.3 (unreleased)`, `Unreleased`, `Release date: TBD`.
_TITLE_NOT_OUT = re.compile(rf"(?:[-–—(\[,:]\s*){_NOT_OUT}\b", re.IGNORECASE)
_LINE_NOT_OUT = re.compile(rf"[*_(\[]*(?:release(?:d| date)?\s*:\s*)?(?:{_NOT_OUT}|tbd|tba)[*_)\].]*", re.IGNORECASE)
_START_MARK = re.compile(r"<!--.*(release notes start|changelog start).*-->|\.\. towncrier release notes start")


@dataclass(frozen=True)
class Heading:
    """A heading: `start` is where its block begins (labels above it included), `end` the line after it.

    `not_out`: it has a version, and says in its title or in the line below that this is the release to come.
    """

    title: str
    level: int
    line: int
    start: int
    end: int
    mark: str = ""
    not_out: bool = False

    @property
    def version(self) -> str:
        """The version in the title, without a leading v; empty if there is none."""
        found = _VERSION.search(self.title)
        return found.group(1) if found else ""

    @property
    def is_unreleased(self) -> bool:
        return self.not_out if self.version else _UNRELEASED.match(self.title) is not None


@dataclass(frozen=True)
class Structure:
    """A parsed changelog file.

    `level` is that of its releases; `bracketed` whether their titles stand in brackets; `bullet` the list mark
    in use; `section_mark` the RST underline of what is inside a release.
    """

    text: str
    markup: Markup
    newline: str
    headings: tuple[Heading, ...] = ()
    level: int = 2
    bracketed: bool = False
    bullet: str = "-"
    release_mark: str = "-"
    section_mark: str = "~"
    start: int | None = None
    releases: tuple[Heading, ...] = field(default=())

    def body_end(self, heading: Heading) -> int:
        """Where what stands under a heading ends: at the next one of its level or above."""
        for other in self.headings:
            if other.start > heading.start and other.level <= heading.level:
                return other.start
        return len(self.text)

    def body(self, heading: Heading) -> str:
        return self.text[heading.end : self.body_end(heading)]

    def inside(self, heading: Heading) -> list[Heading]:
        """The headings one step below this one, in its body."""
        end = self.body_end(heading)
        below = [h for h in self.headings if heading.start < h.start < end]
        level = min((h.level for h in below), default=0)
        return [h for h in below if h.level == level]


def markup_of(path: str) -> Markup:
    name = path.lower()
    if name.endswith((".rst", ".rest")):
        return "rst"
    return "asciidoc" if name.endswith((".adoc", ".asciidoc")) else "markdown"


def decode(path: str, data: bytes) -> str:
    """The file as text. ChangelogStructure if it is too large or isn't UTF-8 text."""
    if len(data) > LIMIT_BYTES:
        raise _refuse(path, f"is {len(data) >> 20} MB; the limit is 10 MB", "Name a smaller file.")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _refuse(path, f"is not UTF-8 text (line {line})", "Convert it to UTF-8.") from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise _refuse(path, f"is not text: line {line} has a zero byte", "Name a text file.")
    return text


def parse(path: str, text: str) -> Structure:
    """The structure of a changelog. ChangelogStructure where an entry can't be added without guessing."""
    _no_conflict_markers(path, text)
    markup = markup_of(path)
    headings = tuple(_dated(heading, text) for heading in _headings(text, markup))
    structure = _styled(text, markup, headings)
    _one_unreleased(path, structure)
    return structure


def _dated(heading: Heading, text: str) -> Heading:
    if not heading.version:
        return heading
    below = next((line for line in text[heading.end : heading.end + 400].splitlines() if line.strip()), "")
    not_out = _TITLE_NOT_OUT.search(heading.title) or _LINE_NOT_OUT.fullmatch(below.strip())
    return replace(heading, not_out=True) if not_out else heading


def _refuse(path: str, what: str, way_out: str) -> ChangelogStructure:
    return ChangelogStructure(f"The changelog {path!r} {what}.", subject=path, way_out=way_out)


def _no_conflict_markers(path: str, text: str) -> None:
    seen = set()
    first = 0
    for number, line in enumerate(text.splitlines(), 1):
        found = _CONFLICT.match(line)
        if found:
            first = first or number
            seen.add(found.group(1)[0])
    if {"<", ">"} <= seen:
        what = f"has an unresolved merge conflict (line {first})"
        raise _refuse(path, what, "Resolve it, commit, and run again.")


def _one_unreleased(path: str, structure: Structure) -> None:
    open_ones = [h for h in structure.headings if h.is_unreleased and not h.version and h.level == structure.level]
    if len(open_ones) > 1:
        lines = " and ".join(str(h.line) for h in open_ones[:3])
        what = f"has {len(open_ones)} unreleased sections (lines {lines})"
        raise _refuse(path, what, "Merge them into one, commit, and run again.")


@dataclass(frozen=True)
class _Row:
    number: int
    start: int
    end: int
    text: str


def _rows(text: str) -> list[_Row]:
    rows, offset = [], 0
    for number, line in enumerate(re.findall(r"[^\n]*\n|[^\n]+", text), 1):
        bare = line.rstrip("\r\n")
        rows.append(_Row(number, offset, offset + len(line), bare.lstrip("\ufeff") if number == 1 else bare))
        offset += len(line)
    return rows


def _headings(text: str, markup: Markup) -> Iterator[Heading]:
    rows = _rows(text)
    if markup == "rst":
        yield from _rst(rows)
    else:
        yield from _marked(rows, markup)


def _marked(rows: list[_Row], markup: Markup) -> Iterator[Heading]:
    fence, comment, previous = "", False, None
    for index, row in enumerate(rows[_front_matter(rows) :], _front_matter(rows)):
        fence, skip = _fenced(row.text, fence)
        comment, hidden = _commented(row.text, comment)
        if skip or hidden:
            previous = None
            continue
        heading = _atx(rows, index, markup) or _setext(rows, index, previous, markup)
        if heading:
            yield heading
        previous = None if heading or not row.text.strip() else row


def _front_matter(rows: list[_Row]) -> int:
    """How many rows a YAML block at the top takes."""
    if not rows or rows[0].text.rstrip() != "---":
        return 0
    return next((row.number for row in rows[1:] if row.text.rstrip() == "---"), 0)


def _fenced(line: str, fence: str) -> tuple[str, bool]:
    """The fence that is open after this line, and whether the line belongs to a fenced block."""
    found = _FENCE.match(line)
    if fence:
        closes = found and found.group(1).startswith(fence) and not line.strip().strip(fence[0])
        return ("" if closes else fence), True
    return (found.group(1), True) if found else ("", False)


def _commented(line: str, inside: bool) -> tuple[bool, bool]:
    """Whether an HTML comment is open after this line, and whether the line began inside one."""
    closes, opens = line.rfind("-->"), line.rfind("<!--")
    if inside:
        return (closes < 0 or opens > closes), True
    return opens > closes, False


def _atx(rows: list[_Row], index: int, markup: Markup) -> Heading | None:
    row = rows[index]
    found = (_ADOC if markup == "asciidoc" else _ATX).match(row.text)
    if not found:
        return None
    title = (found.group(2) or "").strip()
    start = rows[_first_label(rows, index)].start
    return Heading(title, len(found.group(1)), row.number, start, row.end)


def _setext(rows: list[_Row], index: int, above: _Row | None, markup: Markup) -> Heading | None:
    row = rows[index]
    found = _SETEXT.match(row.text)
    if markup == "asciidoc" or not found or above is None or above.text.lstrip().startswith(("-", "*", ">", "|")):
        return None
    level = 1 if found.group(1)[0] == "=" else 2
    start = rows[_first_label(rows, index - 1)].start
    return Heading(above.text.strip(), level, above.number, start, row.end, mark=found.group(1)[0])


def _first_label(rows: list[_Row], index: int) -> int:
    """The row at which a heading's block begins: labels and anchors right above belong to it."""
    first, at = index, index - 1
    while at >= 0 and (not rows[at].text.strip() or _LABEL.match(rows[at].text)):
        if rows[at].text.strip():
            first = at
        at -= 1
    return first


def _rst(rows: list[_Row]) -> Iterator[Heading]:
    levels: dict[str, int] = {}
    index = 0
    while index < len(rows):
        over, title_at = _rst_title(rows, index)
        if title_at is None:
            index += 1
            continue
        under = rows[title_at + 1]
        mark = under.text.strip()[0]
        level = levels.setdefault(("over" if over else "") + mark, len(levels) + 1)
        start = rows[_first_label(rows, index)].start
        yield Heading(rows[title_at].text.strip(), level, title_at + 1, start, under.end, mark=mark)
        index = title_at + 2


def _rst_title(rows: list[_Row], index: int) -> tuple[bool, int | None]:
    """Whether a title starts at this row, with an overline or without, and its row."""
    if _underlines(rows, index, index + 2) and _underlines(rows, index + 1, index + 2):
        return True, index + 1
    text = rows[index].text
    plain = text.strip() and not text.startswith((" ", "\t")) and not _UNDERLINE.match(text)
    return False, index if plain and _underlines(rows, index, index + 1) else None


def _underlines(rows: list[_Row], title: int, under: int) -> bool:
    if under >= len(rows) or not rows[title].text.strip():
        return False
    line = rows[under].text.strip()
    return _UNDERLINE.match(line) is not None and len(line) >= min(len(rows[title].text.strip()), 3)


def _styled(text: str, markup: Markup, headings: tuple[Heading, ...]) -> Structure:
    level = _release_level(headings)
    releases = tuple(h for h in headings if h.level == level and (h.version or h.is_unreleased))
    rst_marks = {h.level: h.mark for h in headings if h.mark}
    mark = _START_MARK.search(text)
    return Structure(
        text=text,
        markup=markup,
        newline="\r\n" if "\r\n" in text else "\n",
        headings=headings,
        level=level,
        bracketed=bool(releases) and all(h.title.startswith("[") for h in releases[:3]),
        bullet=_bullet(text, markup),
        release_mark=rst_marks.get(level, "-"),
        section_mark=rst_marks.get(level + 1) or _unused(rst_marks.values()),
        start=_line_after(text, mark.end()) if mark else None,
        releases=releases,
    )


def _release_level(headings: Sequence[Heading]) -> int:
    """The level at which versions stand: the one with most of them, the outer one on a tie."""
    counts: dict[int, int] = {}
    for heading in headings:
        if heading.version or heading.is_unreleased:
            counts[heading.level] = counts.get(heading.level, 0) + 1
    if not counts:
        return 2
    return min(counts, key=lambda level: (-counts[level], level))


def _bullet(text: str, markup: Markup) -> str:
    if markup == "asciidoc":
        return "*"
    found = re.search(r"^([-*+]) \S", text, re.MULTILINE)
    return found.group(1) if found else "-"


def _unused(marks: Iterable[str]) -> str:
    taken = set(marks)
    return next(mark for mark in "~^\"'`" if mark not in taken)


def top(text: str) -> int:
    """The first place where text may go: after a byte order mark and a YAML block."""
    rows = _rows(text)
    front = _front_matter(rows)
    return rows[front - 1].end if front else len(text) - len(text.lstrip("\ufeff"))


def _line_after(text: str, offset: int) -> int:
    at = text.find("\n", offset)
    return len(text) if at < 0 else at + 1

"""From a person's edit of an entry back to a draft: which lines, in which section, on which commits.

Pure.
"""

import re

from activities.changelog.render import short_shas
from activities.changelog.structure import Heading, Structure, parse
from contracts.changelog import SECTIONS, ChangelogDraft, History, Line, Section
from contracts.errors import BadInput

MAX_CHARS = 200_000

_ITEM = re.compile(r"[ \t]{0,3}(?:[-*+]|\d+[.)])[ \t]+(.*)")
_SHA = re.compile(r"(?<![\w./#-])[0-9a-f]{7,64}(?![\w-])")
_REFERENCE = re.compile(r"(?<![\w&])#\d+\b")
_LINK_TARGET = re.compile(r"\]\([^)\s]*\)|<https?://[^>]*>|https?://[^\s\[\])]+")


def from_text(text: str, history: History, before: ChangelogDraft) -> ChangelogDraft:
    """The draft that a person's text is. `before` is what they edited.

    BadInput if it is empty, too long, or cites a commit that isn't in the range.
    """
    _usable(text)
    text = _with_heading(text.replace("\r\n", "\n").strip("\n") + "\n", before)
    structure = parse(history.changelog_path, text)
    shas = short_shas(history.changes)
    kept = {_words(line.text): line for line in before.lines}
    lines = tuple(_line(section, item, shas, kept) for section, item in items(structure))
    return before.model_copy(update={"lines": lines, "markdown": text, "drafted_by": "person", "fallback": ""})


def _usable(text: str) -> None:
    if not text.strip():
        raise BadInput("The edited entry is empty.", subject="text", way_out="Write it, or reject the proposal.")
    if len(text) > MAX_CHARS:
        what = f"The edited entry has {len(text):,} characters; the limit is {MAX_CHARS:,}."
        raise BadInput(what, subject="text", way_out="Shorten it.")
    if "\0" in text:
        raise BadInput("The edited entry has a zero byte in it.", subject="text", way_out="Take it out.")


def _with_heading(text: str, before: ChangelogDraft) -> str:
    """The text under the heading that it had, if the person took that away."""
    opened = before.markdown.split("\n\n", 1)[0]
    is_titled = text.lstrip("\n").startswith(("#", "=")) or re.match(r"[^\n]+\n([-=~^\"'`])\1{2,}\n", text)
    return text if is_titled else f"{opened}\n\n{text}"


def items(structure: Structure) -> list[tuple[Section, str]]:
    """The list items of an entry with their sections; continuation lines belong to their item."""
    found: list[tuple[Section, str]] = []
    for line, section in _sectioned(structure):
        item = _ITEM.match(line)
        if item:
            found.append((section, item.group(1)))
        elif line.startswith((" ", "\t")) and line.strip() and found:
            found[-1] = (found[-1][0], f"{found[-1][1]} {line.strip()}")
    return found


def _sectioned(structure: Structure) -> list[tuple[str, Section]]:
    """Each line of text under a heading that isn't the contributors', with its section."""
    rows: list[tuple[str, Section]] = []
    for heading, end in zip(structure.headings, _ends(structure), strict=True):
        section = section_of(heading)
        if section is not None:
            rows += [(line, section) for line in structure.text[heading.end : end].splitlines()]
    return rows


def _ends(structure: Structure) -> list[int]:
    return [h.start for h in structure.headings[1:]] + [len(structure.text)]


def section_of(heading: Heading) -> Section | None:
    """Keep a Changelog's section of this name; Changed for another one; None for the contributors."""
    name = heading.title.casefold()
    if name.startswith(("contributor", "thanks")):
        return None
    return next((section for section in SECTIONS if name.startswith(section.casefold())), "Changed")


def _line(section: Section, item: str, shas: dict[str, str], kept: dict[str, Line]) -> Line:
    cited = cited_commits(item, shas)
    words = _LINK_TARGET.sub("", item)
    references = tuple(dict.fromkeys(_REFERENCE.findall(words)))
    old = kept.get(_words(words))
    changes = cited or (old.changes if old else ())
    return Line(section=section, text=item, changes=changes, references=references)


def _words(text: str) -> str:
    """A line's words without citations, marks and case: what stays the same when only punctuation changed."""
    bare = re.sub(r"\s*\([^()]*\)\s*$", "", _LINK_TARGET.sub("", text).replace("**Breaking:**", ""))
    return re.sub(r"[\W_]+", " ", bare).casefold().strip()


def cited_commits(text: str, shas: dict[str, str]) -> tuple[str, ...]:
    """Full SHAs of the range that a line names. BadInput for one that isn't there."""
    found: dict[str, None] = {}
    for short in _SHA.findall(_LINK_TARGET.sub(" ", text).replace("[", " ").replace("]", " ")):
        full = shas.get(short[: 9 if len(short) >= 9 else 7])
        if full is not None:
            found[full] = None
        elif re.search(r"\d", short) and re.search(r"[a-f]", short):
            what = f"The edited entry cites {short!r}, and no commit of the range begins with that."
            raise BadInput(what, subject=short, way_out="Correct it or take it out.")
    return tuple(found)

"""Adding an entry to a changelog file.

Pure, and by insertion only: whatever was in the file stays there, byte for byte.
"""

import re
from collections.abc import Iterable

from activities.changelog.structure import Heading, Structure, parse, top
from contracts.errors import ChangelogStructure

NEW_FILE = "# Changelog\n\nAll notable changes to this project are written down in this file.\n\n"
NEW_FILES = {
    "markdown": NEW_FILE,
    "rst": "Changelog\n=========\n\nAll notable changes to this project are written down in this file.\n\n",
    "asciidoc": "= Changelog\n\nAll notable changes to this project are written down in this file.\n\n",
}

_REFERENCE = re.compile(r" {0,3}\[[^\]]+\]:\s|\.\. _[^:]+:|\([\w.-]+\)=|<a (name|id)=|\[\[[\w.-]+\]\]")
_ITEM = re.compile(r"([-*+]|\d+[.)])\s")

Insertion = tuple[int, str]


def insert(path: str, text: str | None, entry: str) -> str:
    """The file with the entry in it. Text is a str with the file's own line endings and byte order mark.

    An entry for a release that the file already has (an "Unreleased" one, say) is merged into it, without
    lines that stand there already. ChangelogStructure where that would need guessing.
    """
    entry = entry.replace("\r\n", "\n").strip("\n") + "\n"
    if text is None or not text.strip("\ufeff \t\r\n"):
        return (text or "") + NEW_FILES[parse(path, "").markup] + entry
    structure = parse(path, text)
    opened = parse(path, entry)
    if not opened.headings:
        raise ChangelogStructure("The entry has no heading.", subject=path, way_out="Give it one.")
    there = release_like(structure, opened.headings[0])
    if there is None:
        return _apply(structure, [_new_release(structure, opened, entry)])
    return _apply(structure, _merged(structure, there, opened))


def release_like(structure: Structure, heading: Heading) -> Heading | None:
    """The release of the file that this heading names, if there is one."""
    if heading.is_unreleased:
        return _to_come(structure)
    for release in structure.releases:
        if heading.version and release.version == heading.version:
            return release
    return None


def unreleased(structure: Structure) -> str:
    """What already stands in the file for the release to come."""
    there = _to_come(structure)
    return structure.body(there) if there else ""


def _to_come(structure: Structure) -> Heading | None:
    """The release to come: the section without a version, else the newest that says it isn't out."""
    ahead = [heading for heading in structure.releases if heading.is_unreleased]
    return next((heading for heading in ahead if not heading.version), ahead[0] if ahead else None)


def sections(path: str, text: str) -> dict[str, str]:
    """What the file says of each version."""
    structure = parse(path, text)
    return {h.version: structure.body(h).strip() for h in reversed(structure.releases) if h.version}


def _apply(structure: Structure, insertions: Iterable[Insertion]) -> str:
    text = structure.text
    for offset, added in sorted(insertions, key=lambda insertion: -insertion[0]):
        text = text[:offset] + added.replace("\n", structure.newline) + text[offset:]
    return text


def _new_release(structure: Structure, opened: Structure, entry: str) -> Insertion:
    offset = _place(structure, opened.headings[0])
    before, after = structure.text[:offset], structure.text[offset:]
    gap = "" if not before.strip("\ufeff") else _gap(before)
    blank = "\n" if after.strip() and not after.startswith(("\n", "\r\n")) else ""
    return offset, gap + entry + blank


def _gap(before: str) -> str:
    """The newlines that make a blank line after this text."""
    bare = before.replace("\r\n", "\n")
    if not bare.endswith("\n"):
        return "\n\n"
    return "" if bare.endswith("\n\n") else "\n"


def _place(structure: Structure, heading: Heading) -> int:
    """Where a new release goes: above the newest one, below one that isn't out yet."""
    floor = top(structure.text)
    if structure.start is not None:
        return structure.start
    if structure.releases:
        first = structure.releases[0]
        return max(structure.body_end(first) if first.is_unreleased else first.start, floor)
    below = [h for h in structure.headings if h.level > 1 or h.start > floor]
    if below:
        return max(below[0].start, floor)
    return _content_end(structure.text, floor, len(structure.text)) if structure.headings else floor


def _merged(structure: Structure, there: Heading, opened: Structure) -> list[Insertion]:
    """Insertions that put the new entry's lines at the end of the sections that they belong to."""
    new = opened.headings[0]
    below = structure.inside(there)
    known = {line.strip() for line in structure.body(there).splitlines() if line.strip()}
    insertions = [_free_text(structure, there, opened, known)]
    end = _content_end(structure.text, there.end, structure.body_end(there))
    for section in opened.inside(new):
        fresh = _fresh(opened.body(section), known)
        place = next((h for h in below if _same(h.title, section.title)), None)
        if not fresh:
            continue
        if place:
            insertions.append(_into(structure, place, fresh))
        else:
            insertions.append((end, _open_line(structure, end) + "\n" + _heading_of(opened, section) + "\n" + fresh))
    return _joined([insertion for insertion in insertions if insertion[1]])


def _joined(insertions: list[Insertion]) -> list[Insertion]:
    """One insertion for each place, in the order they came."""
    places: dict[int, str] = {}
    for offset, added in insertions:
        held = places.get(offset, "")
        places[offset] = held + (added if not held or added.startswith("\n") else "\n" + added)
    return list(places.items())


def _free_text(structure: Structure, there: Heading, opened: Structure, known: set[str]) -> Insertion:
    """What stands in the entry before its first section."""
    new = opened.headings[0]
    inner = opened.inside(new)
    fresh = _fresh(opened.text[new.end : inner[0].start if inner else len(opened.text)], known)
    below = structure.inside(there)
    end = below[0].start if below else structure.body_end(there)
    offset = _content_end(structure.text, there.end, end)
    return offset, _lead(structure, there.end, offset) + fresh if fresh else ""


def _into(structure: Structure, place: Heading, fresh: str) -> Insertion:
    offset = _content_end(structure.text, place.end, structure.body_end(place))
    return offset, _lead(structure, place.end, offset) + fresh


def _lead(structure: Structure, start: int, offset: int) -> str:
    """What separates new items from what is above them: nothing when that is a list."""
    above = structure.text[start:offset].rstrip().rsplit("\n", 1)[-1]
    is_list = _ITEM.match(above.lstrip()) or above.startswith((" ", "\t"))
    return _open_line(structure, offset) + ("" if is_list else "\n")


def _open_line(structure: Structure, offset: int) -> str:
    before = structure.text[:offset]
    return "" if not before or before.endswith("\n") else "\n"


def _heading_of(opened: Structure, section: Heading) -> str:
    return opened.text[section.start : section.end]


def _fresh(body: str, known: set[str]) -> str:
    """The lines of a section's body without items that the file has already."""
    kept = [line for line in body.strip("\n").splitlines() if line.strip() not in known]
    text = "\n".join(kept).strip("\n")
    return text + "\n" if text.strip() else ""


def _content_end(text: str, start: int, end: int) -> int:
    """The offset after the last line that says something: trailing blanks and link definitions come later."""
    last, offset = start, start
    for line in text[start:end].splitlines(keepends=True):
        offset += len(line)
        if line.strip() and not _REFERENCE.match(line):
            last = offset
    return last


def _same(one: str, other: str) -> bool:
    return _name(one) == _name(other)


def _name(heading: str) -> str:
    letters = re.sub(r"[^a-z]+", " ", heading.casefold()).strip()
    return letters.removesuffix(" changes")

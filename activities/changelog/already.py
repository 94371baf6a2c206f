"""What the changelog's unreleased section tells already: by commit, by number, or by all of its words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from activities.changelog.file import unreleased
from activities.changelog.select_history import cited, items, stems
from activities.changelog.structure import parse
from contracts.changelog import History, LeftOut, Line

ALREADY = "the changelog's unreleased section has it already"
FEW = 3  # words: fewer than these are in a section by chance
_SHA = re.compile(r"\b[0-9a-f]{7,64}\b")
_NUMBER = re.compile(r"\d+(?:\.\d+)*")


@dataclass(frozen=True, slots=True)
class Written:
    """What a section says: commits by their first seven digits, numbers, and the words of each of its items."""

    commits: frozenset[str]
    numbers: frozenset[str]
    items: tuple[frozenset[str], ...]

    @classmethod
    def of(cls, text: str) -> "Written":
        commits = frozenset(sha[:7] for sha in _SHA.findall(text))
        return cls(commits, cited(text), tuple(_words(item) for item in items(text)))

    def has(self, line: Line) -> bool:
        if any(sha[:7] in self.commits for sha in line.changes):
            return True
        if line.references and self.numbers.issuperset(ref.lstrip("#") for ref in line.references):
            return True
        words = _words(line.text)
        return len(words) >= FEW and any(words <= item for item in self.items)


def not_yet(lines: Sequence[Line], history: History) -> tuple[list[Line], list[LeftOut]]:
    """The lines that the file's unreleased section doesn't have yet, and the changes of those it has."""
    text = unreleased(parse(history.changelog_path, history.changelog_text or ""))
    if not text.strip():
        return list(lines), []
    written = Written.of(text)
    there = [line for line in lines if written.has(line)]
    subjects = {change.sha: change.subject for change in history.changes}
    known = [LeftOut(sha=sha, subject=subjects.get(sha, ""), why=ALREADY) for line in there for sha in line.changes]
    return [line for line in lines if line not in there], known


def _words(text: str) -> frozenset[str]:
    return frozenset((*stems(text), *_NUMBER.findall(text)))

"""What edits are made of: constants and words that the ticket and the tests mention.

Text here is data: it becomes a constant in a candidate, or nothing.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

NUMBER = re.compile(r"(?<![\w.])\d{1,6}(?:\.\d{1,6})?(?![\w.])")
QUOTED = re.compile(r"'([^'\n]{0,30})'|\"([^\"\n]{0,30})\"|`([^`\n]{0,30})`")
WORD = re.compile(r"[A-Za-z_]\w{2,40}")
MOST = 12


@dataclass(frozen=True)
class Ingredients:
    """The most frequent first, at most twelve of each but the words."""

    numbers: tuple[str, ...] = ()
    strings: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    characters: str = ""

    @classmethod
    def gather(cls, ticket: str, tests: str = "") -> "Ingredients":
        numbers = Counter(match.group() for match in NUMBER.finditer(ticket))
        strings = Counter("".join(filter(None, match.groups())) for match in QUOTED.finditer(ticket))
        in_tests = Counter(_strings(tests))
        strings.update({text: count for text, count in in_tests.items() if len(text) <= 12})
        marks = Counter(mark for text in in_tests for mark in text if not mark.isalnum() and mark.isascii())
        return cls(
            numbers=tuple(word for word, _ in numbers.most_common(MOST)),
            strings=tuple(word for word, _ in strings.most_common(MOST)),
            words=frozenset(match.group() for match in WORD.finditer(f"{ticket} {tests}")),
            characters="".join(mark for mark, _ in marks.most_common(MOST)),
        )


def _strings(tests: str) -> Iterator[str]:
    try:
        tree = ast.parse(tests)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value

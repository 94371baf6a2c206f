"""Issues as rows of numbers: weighed words of title, prose and code, and marks of the form.

Pure. What a team's projects have in common is learnt once, and what is a project's own in a copy of the columns that
only its rows have ("frustratingly easy domain adaptation", Daumé 2007).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer

from activities.bug_triage.marks import marks
from activities.bug_triage.texts import Text, read
from contracts.bugs import Issue

MOST_OWN = 8  # projects with columns of their own
LEAST_OF_OWN = 40  # issues of such a project
MOST_COLUMNS = 40_000  # of each block
KNOWN = 0.4  # share of an issue's words that the past has, from which on what is said of it counts fully

_WORD = re.compile(r"[\u3040-\u9fff]|\w\w+")  # where words aren't parted by spaces, a sign is one


@dataclass(frozen=True)
class Row:
    """An issue, read once."""

    issue: Issue
    text: Text
    marks: tuple[str, ...]

    @classmethod
    def of(cls, issue: Issue) -> "Row":
        text = read(issue)
        return cls(issue, text, tuple(marks(issue, text)))


Block = tuple[str, float, Callable[[Row], Any], dict[str, Any]]


def _itself(tokens: Any) -> Any:
    return tokens


BLOCKS: tuple[Block, ...] = (
    ("title", 1.0, lambda row: row.text.title, {"ngram_range": (1, 2)}),
    ("prose", 1.0, lambda row: row.text.prose, {"ngram_range": (1, 2)}),
    ("marks", 1.0, lambda row: row.marks, {"analyzer": _itself}),
    ("code", 0.4, lambda row: row.text.code[:2_000], {}),
)
# Single words beside pairs, and the body as it stands, whose templates and logs tell as much as what people write.
KIND_BLOCKS: tuple[Block, ...] = (
    ("title", 0.85, lambda row: row.text.title, {"ngram_range": (1, 2)}),
    ("prose", 1.0, lambda row: row.text.prose, {"ngram_range": (1, 2)}),
    ("words", 1.2, lambda row: row.text.prose, {}),
    ("body", 1.2, lambda row: row.issue.body[:3_000], {"ngram_range": (1, 2)}),
    ("marks", 1.0, lambda row: row.marks, {"analyzer": _itself}),
    ("code", 0.6, lambda row: row.text.code[:2_000], {}),
)


class Features:
    """Columns fitted on rows of the past."""

    def __init__(self, rows: Sequence[Row], blocks: tuple[Block, ...] = BLOCKS) -> None:
        self._blocks = list(_fitted(rows, blocks))
        self._words = _often(rows)
        counts = Counter(row.issue.project for row in rows)
        self.projects = [name for name, count in counts.most_common(MOST_OWN) if name and count >= LEAST_OF_OWN]

    def of(self, rows: Sequence[Row]) -> Any:
        """A sparse row for each of `rows`: what all share, and a copy for each project, empty but for its own rows."""
        shared = self.shared(rows)
        if len(self.projects) < 2:
            return shared
        is_of = [np.array([row.issue.project == name for row in rows], np.float32) for name in self.projects]
        own = [sp.hstack([sp.csr_matrix(each[:, None]), sp.diags(each) @ shared]) for each in is_of]
        return sp.hstack([shared, *own]).tocsr()

    def shared(self, rows: Sequence[Row]) -> Any:
        """`of` without the copies."""
        parts = [block.transform(list(map(take, rows))) * weight for weight, take, block in self._blocks]
        return sp.hstack([*parts, sp.csr_matrix(np.zeros((len(rows), 0), np.float32))]).tocsr()

    def known(self, rows: Sequence[Row]) -> NDArray[np.float64]:
        """How far each of `rows` is of the kind that was learnt from, 0 to 1: one in a strange tongue isn't at all."""
        words = [_words(row) for row in rows]
        shares = [len(each & self._words) / max(len(each), 1) for each in words]
        return np.minimum(1.0, np.array(shares, np.float64) / KNOWN)


def _words(row: Row) -> set[str]:
    return set(_WORD.findall(f"{row.text.title} {row.text.prose}".lower()))


def _often(rows: Sequence[Row]) -> set[str]:
    """Words of more than one row."""
    counts = Counter(word for row in rows for word in _words(row))
    return {word for word, count in counts.items() if count > 1}


def _fitted(rows: Sequence[Row], blocks: tuple[Block, ...]) -> Iterator[tuple[float, Callable[[Row], Any], Any]]:
    """The blocks that have words at all."""
    for _, weight, take, options in blocks:
        block = TfidfVectorizer(
            sublinear_tf=True,
            min_df=2 if len(rows) > 100 else 1,
            max_features=MOST_COLUMNS,
            dtype=np.float32,
            **options,
        )
        try:
            yield weight, take, block.fit(list(map(take, rows)))
        except ValueError:  # no row has a word of it
            continue

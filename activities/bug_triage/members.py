"""How much speaks for each label of an issue: kernel ridge regression on words, marks and a vector of its beginning.

Pure but for the encoder. One system of equations is solved for all labels, in which an issue is as like another as
their blocks of columns are, and twice so where they are of one project ("frustratingly easy domain adaptation", Daumé
2007). So it learns quickly from few, and what came since can be added without fitting the words again.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as sl
import scipy.sparse as sp
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from activities.bug_triage.features import KIND_BLOCKS, Features, Row
from activities.bug_triage.sentences import Sentences

Table = NDArray[np.float64]

# By cross-validation over projects, as docs/benchmarks/bugs.md tells.
RIDGE = 0.5
SENTENCES = 1.2  # weight of the vectors beside the blocks of words
OWN, SAME = 1.0, 0.5  # likeness that issues of one project have more: by what they say, and anyhow
SHARPNESS = 4.0  # what makes probabilities of what speaks for a label
MOST_OWN = 8  # projects with weights of their own


@dataclass(frozen=True)
class _Read:
    """Rows as columns: `words` sparse, `vectors` dense, `of` the place of the row's project, -1 without."""

    words: Any
    vectors: Any
    of: NDArray[np.int64]


class Members:
    """Fitted on rows and their labels. `classes` are in the order of the columns of `table`."""

    def __init__(self, rows: Sequence[Row], labels: Sequence[str], sentences: Sentences) -> None:
        self._sentences = sentences
        self._features = Features(rows, KIND_BLOCKS)
        counts = Counter(row.issue.project for row in rows)
        self._projects = {name: at for at, (name, _) in enumerate(counts.most_common(MOST_OWN))}
        vectors = self._encoded(rows)
        self._middle = vectors.mean(0)
        self._labels = list(labels)
        self._learnt = self._read(rows, vectors)
        with threadpool_limits(1):
            alike = _alike(self._learnt, self._learnt)
            self._scale = float(np.mean(np.diag(alike))) or 1.0
            self._alike = alike / self._scale
            self._solve()

    def add(self, rows: Sequence[Row], labels: Sequence[str]) -> None:
        """Learn from more rows. Words that none of the first had stay unknown."""
        with threadpool_limits(1):
            more = self._read(rows, self._encoded(rows))
            across, among = _alike(more, self._learnt) / self._scale, _alike(more, more) / self._scale
            self._alike = np.block([[self._alike, across.T], [across, among]])
            self._learnt = _Read(
                sp.vstack([self._learnt.words, more.words]).tocsr(),
                np.vstack([self._learnt.vectors, more.vectors]),
                np.append(self._learnt.of, more.of),
            )
            self._labels += labels
            self._solve()

    def speaks(self, rows: Sequence[Row]) -> Table:
        """How much speaks for each label, about -1 to 1: one row for each of `rows`, one column for each class."""
        with threadpool_limits(1):
            read = self._read(rows, self._encoded(rows))
            said = self._weighed(read, self._all)
            for at, weights in enumerate(self._own):
                inside = read.of == at
                if inside.any():
                    said[inside] += self._weighed(_part(read, inside), weights)
        return np.asarray(said, np.float64)

    def table(self, rows: Sequence[Row]) -> Table:
        """Probabilities, in the shape of `speaks`."""
        raised = np.exp(SHARPNESS * self.speaks(rows))
        return np.asarray(raised / raised.sum(1, keepdims=True))

    def known(self, rows: Sequence[Row]) -> Table:
        """How far each of `rows` is of the kind that was learnt from, 0 to 1."""
        return self._features.known(rows)

    def _solve(self) -> None:
        self.classes = sorted(set(self._labels))
        column = {label: at for at, label in enumerate(self.classes)}
        truth = np.zeros((len(self._labels), len(self.classes)), np.float32)
        truth[range(len(self._labels)), [column[each] for each in self._labels]] = 1
        truth -= 1 / len(self.classes)
        ridged = self._alike + RIDGE * np.eye(len(truth), dtype=np.float32)
        solved = sl.solve(ridged, truth, assume_a="pos", check_finite=False) / self._scale
        self._all = self._summed(self._learnt, solved, 0.0)
        self._own = []
        for at in range(len(self._projects)):
            inside = self._learnt.of == at
            self._own.append(self._summed(_part(self._learnt, inside), OWN * solved[inside], SAME / OWN))

    def _summed(self, read: _Read, solved: Any, same: float) -> tuple[Any, Any, Any]:
        """Weights of words and of vectors, and a start: what `solved` comes to without looking at each row again."""
        return read.words.T @ solved, read.vectors.T @ solved, same * solved.sum(0)

    def _weighed(self, read: _Read, weights: tuple[Any, Any, Any]) -> Any:
        words, vectors, start = weights
        return read.words @ words + read.vectors @ vectors + start

    def _encoded(self, rows: Sequence[Row]) -> Any:
        return self._sentences.encode([f"{row.text.title} {row.text.prose}" for row in rows])

    def _read(self, rows: Sequence[Row], vectors: Any) -> _Read:
        apart = vectors - self._middle
        lengths = np.linalg.norm(apart, axis=1, keepdims=True)
        return _Read(
            self._features.shared(rows),
            SENTENCES * apart / np.where(lengths > 0, lengths, 1),
            np.array([self._projects.get(row.issue.project, -1) for row in rows], np.int64),
        )


def _part(read: _Read, inside: NDArray[np.bool_]) -> _Read:
    return _Read(read.words[inside], read.vectors[inside], read.of[inside])


def _alike(some: _Read, others: _Read) -> Any:
    """How alike each of `some` and each of `others` are, before scaling."""
    likeness = (some.words @ others.words.T).toarray() + some.vectors @ others.vectors.T
    same = (some.of[:, None] == others.of[None, :]) & (some.of[:, None] >= 0)
    return np.asarray(np.where(same, (1 + OWN) * likeness + SAME, likeness), np.float32)

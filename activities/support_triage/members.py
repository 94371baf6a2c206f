"""The three that guess a label: by words and letters, by a line through the vectors, by the nearest examples.

They err in different places, so their mixture is better than the best of them, and where they disagree it is doubtful.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from activities.support_triage.confidence import Said
from activities.support_triage.encoders import Matrix
from activities.support_triage.heads import Head, Near
from activities.support_triage.words import Labels, Words

FOLDS = 5


@dataclass(frozen=True)
class Read:
    """Some texts as the members read them: terms and vectors, a row for each."""

    terms: csr_matrix
    vectors: Matrix

    def __len__(self) -> int:
        return len(self.vectors)

    def part(self, places: NDArray[np.int64]) -> "Read":
        return Read(self.terms[places], self.vectors[places])


@dataclass(frozen=True)
class Members:
    """All three, fitted on the same examples."""

    words: Words
    head: Head
    near: Near

    @classmethod
    def fit(cls, read: Read, labels: Labels, count: int) -> "Members":
        """`labels` are 0 to `count` - 1."""
        return cls(
            Words.fit(read.terms, labels, count),
            Head.fit(read.vectors, labels, count),
            Near(read.vectors, labels, count),
        )

    def said(self, read: Read) -> Said:
        """What each says of each text."""
        near, nearest = self.near.odds(read.vectors)
        return Said.of([self.words.odds(read.terms), self.head.odds(read.vectors), near], nearest)

    def with_label(self, read: Read, labels: Labels, label: int, weight: float) -> "Members":
        """With a line for one label more, which has to be the next: what the others learnt stays as it is."""
        is_it = labels == label
        return Members(
            self.words.with_label(read.terms, is_it, weight),
            self.head.with_label(read.vectors, is_it, weight),
            Near(read.vectors, labels, label + 1),
        )


def cross_fitted(read: Read, labels: Labels, count: int, say: Callable[[str], None]) -> Said:
    """What members say of each text that were fitted on four fifths of the others."""
    found = np.empty((len(labels), 3, count), np.float32)
    nearest = np.empty(len(labels), np.float32)
    for fold, (learnt, held) in enumerate(folds(labels)):
        say(f"learning from {len(learnt):,} of {len(labels):,}, to be judged on the rest ({fold + 1} of {FOLDS})")
        said = Members.fit(read.part(learnt), labels[learnt], count).said(read.part(held))
        found[held], nearest[held] = said.members, said.nearest
    return Said(found, nearest)


def folds(labels: Labels) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Places to learn from and places to judge on; each label is spread over all folds."""
    order = np.random.default_rng(0).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    fold = np.empty(len(labels), np.int64)
    fold[order] = np.arange(len(labels)) % FOLDS
    for each in range(FOLDS):
        yield np.flatnonzero(fold != each), np.flatnonzero(fold == each)

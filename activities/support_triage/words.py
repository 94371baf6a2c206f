"""A linear support vector machine over the words and letters of a text: one line for each label against all others."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack
from threadpoolctl import threadpool_limits

from activities.support_triage.encoders import MOST_CHARACTERS, Matrix

Labels = NDArray[np.int64]
MOST_TERMS = 100_000  # the commonest of each kind: every label has a weight for each of them
SHARPNESS = 4.0  # what a distance to a line is multiplied by, to be a log-odds; the mixture's weights do the rest


class Terms:
    """Which words and letters count, and how much: a vocabulary of each with the weight of each of its terms."""

    def __init__(self, parts: Sequence[tuple[Sequence[str], Matrix]]) -> None:
        self.parts = tuple(parts)
        self._made = []
        for how, (terms, weights) in zip(HOW, self.parts, strict=True):
            made = _vectorizer(how, vocabulary={term: place for place, term in enumerate(terms)})
            made.idf_ = np.asarray(weights, np.float64)
            self._made.append(made)

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Terms":
        """Those of a history."""
        fewest = 2 if len(texts) > 50 else 1  # a term that came once says nothing, but of a small history
        parts = []
        for how in HOW:
            made = _vectorizer(how, min_df=fewest, max_features=MOST_TERMS).fit(_cut(texts))
            parts.append(([str(term) for term in made.get_feature_names_out()], made.idf_.astype(np.float32)))
        return cls(parts)

    def of_texts(self, texts: Sequence[str]) -> csr_matrix:
        """A row for each text."""
        return csr_matrix(hstack([made.transform(_cut(texts)) for made in self._made]))


HOW: tuple[dict[str, Any], ...] = (
    {"analyzer": "word", "ngram_range": (1, 3), "token_pattern": r"(?u)\b\w+\b"},
    {"analyzer": "char_wb", "ngram_range": (2, 5)},
)


def _vectorizer(how: dict[str, Any], **more: Any) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    return TfidfVectorizer(sublinear_tf=True, dtype=np.float32, **how, **more)


def _cut(texts: Sequence[str]) -> list[str]:
    return [text[:MOST_CHARACTERS] for text in texts]


@dataclass(frozen=True)
class Words:
    """`lines`: one row of weights for each label, the last of them its shift."""

    lines: Matrix

    @classmethod
    def fit(cls, rows: csr_matrix, labels: Labels, count: int) -> "Words":
        """`labels` are 0 to `count` - 1; one without a text gets a line that never speaks for it."""
        lines = np.zeros((count, rows.shape[1] + 1), np.float32)
        lines[:, -1] = -1.0
        for label in np.unique(labels):
            lines[label] = _line(rows, labels == label)
        return cls(lines)

    def with_label(self, rows: csr_matrix, is_it: NDArray[np.bool_], weight: float = 1.0) -> "Words":
        """With one more line, for the label of the rows that are marked."""
        return replace(self, lines=np.vstack([self.lines, _line(rows, is_it, weight)[None]]))

    def odds(self, rows: csr_matrix) -> Matrix:
        """For each text and label, roughly a log-odds."""
        found: Matrix = SHARPNESS * (rows @ self.lines[:, :-1].T + self.lines[:, -1])
        return found


def _line(rows: csr_matrix, is_it: NDArray[np.bool_], weight: float = 1.0) -> Matrix:
    from sklearn.svm import LinearSVC

    if is_it.all() or not is_it.any():  # nothing to tell it from
        line = np.zeros(rows.shape[1] + 1, np.float32)
        line[-1] = 1.0 if is_it.all() else -1.0
        return line
    with threadpool_limits(1):
        fitted = LinearSVC(C=1.0, random_state=0, class_weight={True: weight}).fit(rows, is_it)
    return np.append(fitted.coef_[0], fitted.intercept_[0]).astype(np.float32)

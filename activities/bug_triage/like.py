"""Earlier issues that may be the same as one, with what they have in common.

Pure. Two issues are as alike as their pieces of words (which forgive typing, plurals and versions) and their whole
words, code and logs among them (which tell one exception from another), less a little for the days between them: what
is reported twice is mostly reported twice within weeks. How probable a duplicate is at a likeness is learnt from those
that people have named.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

from activities.bug_triage.texts import MAX_BODY, MAX_TITLE, Text, bounded, read
from contracts.bugs import Alike, Issue, Standing

MOST_SHARED = 8  # words or frames that are named as evidence
MOST_PIECES = 400  # of one issue, the weightiest: the rest costs time and tells little
FAR = 0.043  # likeness lost for each e-fold of days between
AT_ONCE = 256
LEAST_NAMED = 10  # duplicates that people named, below which probabilities are DEFAULT's
TOLD = 5  # of the likest, of which probabilities are learnt: as many as a run shows
MOST_OTHERS = 500  # that nobody called the same as another, to learn from
DEFAULT = (5.0, -5.0)  # log-odds: slope by likeness, and start

Vector = NDArray[np.float32]


class Index:
    """The issues of the past, to look one up in."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        self._issues = list(issues)
        self._texts = [read(each) for each in issues]
        self._places = {each.key: place for place, each in enumerate(issues)}
        self._curve = DEFAULT
        self._pieces: Any = None
        self._words: Any = None
        self.standing = Standing(target="duplicates", serves=False, says="No issues to compare with.")
        if issues and self._fitted():
            self._judge_itself()

    @classmethod
    def of(cls, issues: Sequence[Issue]) -> "Index":
        """`issues`, oldest first."""
        return cls(issues)

    def like(self, issue: Issue, k: int, *, later: bool = False) -> list[Alike]:
        """At most `k` that may be the same, likeliest first. `later`: also those that came after it."""
        return self.like_all([issue], k, later=later)[0]

    def like_all(self, issues: Sequence[Issue], k: int, *, later: bool = False) -> list[list[Alike]]:
        """`like` of each of `issues`, in their order: much quicker than one by one."""
        if not self.standing.serves:
            return [[] for _ in issues]
        found = list[list[Alike]]()
        read = self._read(issues, self._words, self._as_words)
        for number, (issue, scores) in enumerate(zip(issues, self._scores(issues, later=later), strict=True)):
            text, words = self._text_of(issue), set(read[number].indices)
            found.append([self._alike(issue, text, words, at, float(scores[at])) for at in _first(scores, k)])
        return found

    def add(self, issue: Issue) -> None:
        """Take in one more issue; its words count as the ones before have weighed them. One that is known is left."""
        if issue.key in self._places or not self.standing.serves:
            return
        self._places[issue.key] = len(self._issues)
        self._issues.append(issue)
        self._texts.append(read(issue))
        self._pieces = sp.vstack([self._pieces, self._as_pieces([issue])]).tocsr()
        self._words = sp.vstack([self._words, self._as_words([issue])]).tocsr()

    def _fitted(self) -> bool:
        at_least = 2 if len(self._issues) > 100 else 1
        common = 0.3 if len(self._issues) > 100 else 1.0
        options: dict[str, Any] = {"sublinear_tf": True, "min_df": at_least, "dtype": np.float32}
        self._of_pieces = TfidfVectorizer(analyzer="char_wb", ngram_range=(3, 5), max_df=common, **options)
        self._of_words = TfidfVectorizer(max_df=max(common, 0.5), **options)
        try:
            with threadpool_limits(1):
                self._of_pieces.fit(map(_told, self._texts))
                self._of_words.fit(map(_whole, self._issues))
                self._pieces = self._as_pieces(self._issues)
                self._words = self._as_words(self._issues)
        except ValueError:  # not one word in all of them
            return False
        self._names, self._rarity = self._of_words.get_feature_names_out(), self._of_words.idf_
        says = f"{len(self._issues):,} issues to compare with."
        self.standing = Standing(target="duplicates", serves=True, says=says, rows=len(self._issues))
        return True

    def _as_pieces(self, issues: Sequence[Issue]) -> Any:
        return _weightiest(self._of_pieces.transform([_told(self._text_of(each)) for each in issues]))

    def _as_words(self, issues: Sequence[Issue]) -> Any:
        return self._of_words.transform(map(_whole, issues))

    def _read(self, issues: Sequence[Issue], known: Any, read: Callable[[Sequence[Issue]], Any]) -> Any:
        """A row for each of `issues`: of those that are known as they are, the one that was read before."""
        places = [self._place_of(each) for each in issues]
        new = [each for each, place in zip(issues, places, strict=True) if place is None]
        table = sp.vstack([known, read(new)]).tocsr() if new else known
        fresh = iter(range(known.shape[0], table.shape[0]))
        return table[[next(fresh) if place is None else place for place in places]]

    def _place_of(self, issue: Issue) -> int | None:
        place = self._places.get(issue.key)
        return place if place is not None and self._issues[place] is issue else None

    def _text_of(self, issue: Issue) -> Text:
        place = self._place_of(issue)
        return read(issue) if place is None else self._texts[place]

    def _scores(self, issues: Sequence[Issue], *, later: bool) -> Iterator[Vector]:
        """For each issue its likeness to all that are known: minus infinity where that one is not asked for."""
        days = np.array([_day(each) for each in self._issues])
        pieces, words = self._pieces.T.tocsr(), self._words.T.tocsr()
        for start in range(0, len(issues), AT_ONCE):
            part = issues[start : start + AT_ONCE]
            table = (self._read(part, self._pieces, self._as_pieces) @ pieces).toarray()
            table += (self._read(part, self._words, self._as_words) @ words).toarray()
            for issue, scores in zip(part, table, strict=True):
                apart = np.abs(days - _day(issue))
                scores -= FAR * np.log1p(np.where(np.isnan(apart), np.nanmedian([*apart, 0.0]), apart))
                yield self._masked(issue, scores, days, later=later)

    def _masked(self, issue: Issue, scores: Vector, days: Any, *, later: bool) -> Vector:
        place = self._places.get(issue.key)
        if place is not None:
            scores[place] = -np.inf
        if not later:
            scores[days > _day(issue)] = -np.inf
            if place is not None:
                scores[place:] = np.where(days[place:] >= _day(issue), -np.inf, scores[place:])
        return scores

    def _judge_itself(self) -> None:
        """How often the earlier of two that people called the same is among the first five, and the curve of
        probabilities. That needs some that repeat nothing as well: else whatever is likest would look like a double."""
        told = self._repeats()
        if len(told) < LEAST_NAMED:
            return
        rest = [at for at in range(len(self._issues)) if at not in told]
        taken = rest[:: max(1, len(rest) // MOST_OTHERS)]
        asked = [*told, *taken]
        likeness, same, weights, found = list[float](), list[bool](), list[float](), 0
        for at, scores in zip(asked, self._scores([self._issues[at] for at in asked], later=False), strict=True):
            best = _first(scores, TOLD)
            are = [self._issues[place].key in told.get(at, ()) for place in best]
            found += any(are)
            likeness += [float(scores[place]) for place in best]
            same += are
            weights += [1.0 if at in told else len(rest) / len(taken)] * len(best)
        says = f"{len(self._issues):,} issues to compare with. Of {len(told):,} whose double people named, "
        says += f"{found / len(told):.0%} have it among the first five."
        self.standing = self.standing.model_copy(
            update={"says": says, "metric": "recall at 5", "score": found / len(told)}
        )
        if 0 < sum(same) < len(same):
            fitted = LogisticRegression(C=100).fit(np.array(likeness)[:, None], same, sample_weight=weights)
            self._curve = float(fitted.coef_[0, 0]), float(fitted.intercept_[0])

    def _repeats(self) -> dict[int, set[str]]:
        """The later of each two that people called the same, by its place, and the keys of the earlier ones."""
        found = dict[int, set[str]]()
        for place, issue in enumerate(self._issues):
            for other in (self._places[key] for key in issue.duplicates if key in self._places):
                if other != place:
                    found.setdefault(max(place, other), set()).add(self._issues[min(place, other)].key)
        return found

    def _alike(self, issue: Issue, text: Text, words: set[int], at: int, likeness: float) -> Alike:
        other, theirs = self._issues[at], self._texts[at]
        both = sorted(words.intersection(self._words[at].indices), key=lambda word: (-self._rarity[word], word))
        named = {*text.exceptions, *text.frames}
        slope, start = self._curve
        return Alike(
            key=other.key,
            title=other.title[:MAX_TITLE],
            probability=float(1 / (1 + np.exp(-np.clip(slope * likeness + start, -30, 30)))),
            words=tuple(str(self._names[word]) for word in both[:MOST_SHARED]),
            frames=tuple([each for each in (*theirs.exceptions, *theirs.frames) if each in named][:MOST_SHARED]),
            days=abs((issue.created - other.created).days) if issue.created and other.created else None,
            same_component=bool(issue.component) and issue.component == other.component,
        )


def _first(scores: Vector, k: int) -> list[int]:
    """The places of the `k` largest finite scores, the largest first and the earlier of two that are equal."""
    least = np.partition(scores, -k)[-k] if 0 < k < len(scores) else -np.inf
    places = np.flatnonzero((scores >= least) & np.isfinite(scores))
    return [int(each) for each in places[np.argsort(-scores[places], kind="stable")][:k]]


def _day(issue: Issue) -> float:
    return issue.created.timestamp() / 86_400 if issue.created else float("nan")


def _told(text: Text) -> str:
    return f"{text.title} {text.title} {text.prose[:4_000]}"


def _whole(issue: Issue) -> str:
    return f"{issue.title[:MAX_TITLE]} {bounded(issue.body, MAX_BODY // 2)}"


def _weightiest(table: Any) -> Any:
    """Each row with its `MOST_PIECES` largest numbers only."""
    for row in np.flatnonzero(np.diff(table.indptr) > MOST_PIECES):
        cut = slice(table.indptr[row], table.indptr[row + 1])
        values = table.data[cut]
        values[values < np.partition(values, -MOST_PIECES)[-MOST_PIECES]] = 0
    table.eliminate_zeros()
    return table

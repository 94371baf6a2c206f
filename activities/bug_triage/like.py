"""Earlier issues that may be the same as one, with what they have in common.

Pure. By rare shared words first.
"""

from collections.abc import Sequence

from sklearn.feature_extraction.text import TfidfVectorizer
from threadpoolctl import threadpool_limits

from activities.bug_triage.texts import Text, read
from contracts.bugs import Alike, Issue, Standing

MOST_WORDS = 8


class Index:
    """The issues of the past, to look one up in."""

    def __init__(self, issues: Sequence[Issue]) -> None:
        self._issues = list(issues)
        self._texts = [read(each) for each in issues]
        self.standing = Standing(
            target="duplicates", serves=bool(issues), says=f"{len(issues):,} issues to compare with.", rows=len(issues)
        )
        if issues:
            self._vectors = TfidfVectorizer(sublinear_tf=True)
            with threadpool_limits(1):
                self._matrix = self._vectors.fit_transform(map(_words, self._texts))

    @classmethod
    def of(cls, issues: Sequence[Issue]) -> "Index":
        return cls(issues)

    def like(self, issue: Issue, k: int) -> list[Alike]:
        if not self._issues:
            return []
        text = read(issue)
        scores = (self._matrix @ self._vectors.transform([_words(text)]).T).toarray().ravel()
        found = []
        for at in scores.argsort()[::-1]:
            other = self._issues[at]
            if other.key != issue.key and scores[at] > 0 and (not issue.created or _before(other, issue)):
                found.append(self._alike(issue, text, int(at), float(scores[at])))
            if len(found) == k:
                break
        return found

    def _alike(self, issue: Issue, text: Text, at: int, score: float) -> Alike:
        other, theirs, ours = self._issues[at], self._texts[at], read(issue)
        rank = dict(zip(self._vectors.get_feature_names_out(), self._vectors.idf_, strict=True))
        analyze = self._vectors.build_analyzer()
        both = set(analyze(_words(theirs))) & set(analyze(_words(ours)))
        frames = [each for each in (*theirs.exceptions, *theirs.frames) if each in {*ours.exceptions, *ours.frames}]
        return Alike(
            key=other.key,
            title=other.title,
            probability=min(1.0, score),
            words=tuple(sorted(both, key=lambda word: (-rank[word], word))[:MOST_WORDS]),
            frames=tuple(frames[:MOST_WORDS]),
            days=abs((issue.created - other.created).days) if issue.created and other.created else None,
            same_component=bool(issue.component) and issue.component == other.component,
        )

    def add(self, issue: Issue) -> None:
        """Not yet: it learns at the next fit."""


def _before(other: Issue, issue: Issue) -> bool:
    return not other.created or not issue.created or other.created <= issue.created


def _words(text: Text) -> str:
    return f"{text.title} {text.title} {text.prose} {' '.join(text.identifiers)}"

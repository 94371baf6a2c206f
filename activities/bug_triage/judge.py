"""What the team's own history says of an issue: its kind, priority, component, and the earlier ones it repeats.

Pure: fitted from issues, no I/O. The same history gives the same judge.
"""

from collections.abc import Iterable, Sequence

from activities.bug_triage.features import Row
from activities.bug_triage.labels import Labels
from activities.bug_triage.like import Index
from activities.bug_triage.sentences import Sentences
from activities.bug_triage.urgency import Urgency
from contracts.bugs import TARGETS, Alike, Guess, Issue, Judgement, Standing, Target

MAX_ALIKE = 5


class Judge:
    """Answers for issues, by target. Where it has not beaten the base rate on later issues, it says so instead."""

    def __init__(self, labels: dict[Target, Labels], index: Index, urgency: Urgency) -> None:
        self._labels = labels
        self._index = index
        self._urgency = urgency

    @classmethod
    def fit(cls, history: Iterable[Issue], sentences: Sentences | None = None) -> "Judge":
        """Learn from the issues of the past, in any order. An empty history gives a judge that refuses all targets.
        Without `sentences`, by word vectors."""
        issues = sorted(history, key=lambda each: (each.created is None, str(each.created or ""), each.key))
        rows = [Row.of(each) for each in issues]
        return cls({target: Labels.fit(target, rows, sentences) for target in TARGETS}, Index.of(issues), Urgency(rows))

    @property
    def standings(self) -> tuple[Standing, ...]:
        """What is served and what is refused, with what was measured."""
        return (*(each.standing for each in self._labels.values()), self._index.standing)

    def kind(self, issues: Sequence[Issue]) -> list[Guess]:
        """In the order of `issues`; so for the other targets."""
        return self._guesses("kind", issues)

    def priority(self, issues: Sequence[Issue]) -> list[Guess]:
        return self._guesses("priority", issues)

    def component(self, issues: Sequence[Issue]) -> list[Guess]:
        return self._guesses("component", issues)

    def duplicates(self, issue: Issue, k: int = MAX_ALIKE) -> list[Alike]:
        """At most `k` earlier issues that may be the same, likeliest first, with what they have in common."""
        return self._index.like(issue, k)

    def learn(self, issue: Issue) -> None:
        """Take in one more issue with what people said of it, without fitting everything again."""
        row = Row.of(issue)
        for labels in self._labels.values():
            labels.learn(row)
        self._index.add(issue)

    def judge(self, issues: Sequence[Issue], k: int = MAX_ALIKE) -> list[Judgement]:
        """All that can be said of each issue."""
        rows = [Row.of(each) for each in issues]
        said = {target: labels.guess(rows) for target, labels in self._labels.items()}
        alike, urgent = self._index.like_all(issues, k), self._urgency.of(rows)
        return [
            Judgement(
                key=issue.key,
                kind=said["kind"][at],
                priority=said["priority"][at],
                component=said["component"][at],
                urgent=urgent[at],
                alike=tuple(alike[at]),
            )
            for at, issue in enumerate(issues)
        ]

    def _guesses(self, target: Target, issues: Sequence[Issue]) -> list[Guess]:
        return self._labels[target].guess([Row.of(each) for each in issues])

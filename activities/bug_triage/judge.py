"""What the team's own history says of an issue: its kind, priority, component, and the earlier ones it repeats.

Pure: fitted from issues, no I/O. The same history gives the same judge.
"""

from collections.abc import Iterable, Sequence

from activities.bug_triage.labels import Labels
from activities.bug_triage.like import Index
from contracts.bugs import TARGETS, Alike, Guess, Issue, Judgement, Standing, Target

MAX_ALIKE = 5


class Judge:
    """Answers for issues, by target. Where it has not beaten the base rate on later issues, it says so instead."""

    def __init__(self, labels: dict[Target, Labels], index: Index) -> None:
        self._labels = labels
        self._index = index

    @classmethod
    def fit(cls, history: Iterable[Issue]) -> "Judge":
        """Learn from the issues of the past, in any order. An empty history gives a judge that refuses all targets."""
        issues = sorted(history, key=lambda each: (each.created is None, str(each.created or ""), each.key))
        return cls({target: Labels.fit(target, issues) for target in TARGETS}, Index.of(issues))

    @property
    def standings(self) -> tuple[Standing, ...]:
        """What is served and what is refused, with what was measured."""
        return (*(each.standing for each in self._labels.values()), self._index.standing)

    def kind(self, issues: Sequence[Issue]) -> list[Guess]:
        """In the order of `issues`; so for the other targets."""
        return self._labels["kind"].guess(issues)

    def priority(self, issues: Sequence[Issue]) -> list[Guess]:
        return self._labels["priority"].guess(issues)

    def component(self, issues: Sequence[Issue]) -> list[Guess]:
        return self._labels["component"].guess(issues)

    def duplicates(self, issue: Issue, k: int = MAX_ALIKE) -> list[Alike]:
        """At most `k` earlier issues that may be the same, likeliest first, with what they have in common."""
        return self._index.like(issue, k)

    def learn(self, issue: Issue) -> None:
        """Take in one more issue with what people said of it, without fitting everything again."""
        for labels in self._labels.values():
            labels.learn(issue)
        self._index.add(issue)

    def judge(self, issues: Sequence[Issue], k: int = MAX_ALIKE) -> list[Judgement]:
        """All that can be said of each issue."""
        kinds, priorities, components = self.kind(issues), self.priority(issues), self.component(issues)
        return [
            Judgement(
                key=issue.key,
                kind=kinds[at],
                priority=priorities[at],
                component=components[at],
                alike=tuple(self.duplicates(issue, k)),
            )
            for at, issue in enumerate(issues)
        ]

"""One label of an issue: fitted on earlier issues, measured on later ones, refused where it is no better than a guess.

Pure. What came lately counts: where a project's last issues were mostly questions, the next one is likelier to be one.
A project has a model of its own beside that of all, which learns from each few truths. The guess to beat
is the better of two, the commonest label of all and that of the last ones.
"""

from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from activities.bug_triage.features import Row
from activities.bug_triage.members import Members
from contracts.bugs import Chance, Guess, Standing, Target

LEAST_ROWS = 30
LEAST_OF_LABEL = 3
MOST_ROWS = 3_000  # the newest: what was decided years ago was decided by others
ABSTAIN_BELOW = 0.5
LATELY, FADES = 40, 0.85  # issues of a project that are remembered as the last ones, and how each older one counts
LEANS = (1.0, 0.5, 0.0)  # how far what came lately moves a guess, wholly to not at all: what was best on later issues
GROWS = 0.4  # share of new truths at which all is fitted again
OWN_EVERY, OWN_MOST, OWN_TRUST = 10, 600, 30  # a project's own model: fitted every, on at most, trusted by half at

Table = NDArray[np.float64]


class Labels:
    """The model of one target. `learn` takes truths in, and fits again when there are many new ones."""

    def __init__(self, target: Target) -> None:
        self.target: Target = target
        self.standing = Standing(target=target, serves=False, says=_too_few(target, 0))
        self._told: list[Row] = []
        self._known = set[str]()
        self._new = 0
        self._members: Members | None = None
        self._own: dict[str, _Own] = defaultdict(_Own)
        self._warmth = 1.0
        self._measured = 0
        self._leans = LEANS[0]
        self._lately: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=LATELY))

    @classmethod
    def fit(cls, target: Target, rows: Sequence[Row]) -> "Labels":
        """`rows`, oldest first; those without the label teach nothing."""
        made = cls(target)
        for row in rows:
            made._take(row)
        made._measure()
        if made.standing.serves:
            made._refit()
        return made

    def guess(self, rows: Sequence[Row]) -> list[Guess]:
        """In the order of `rows`. It abstains where nothing is likely enough, and says why."""
        if self._members is None or not self.standing.serves or not rows:
            return [Guess(target=self.target, why_not=self.standing.says) for _ in rows]
        classes, table = self._table(rows)
        return [self._guess(classes, each) for each in table]

    def learn(self, row: Row) -> None:
        """Take in what people said of one issue. Now and then this takes as long as fitting."""
        if not self._take(row):
            return
        if self._members and self._own[row.issue.project].new >= OWN_EVERY:
            self._own[row.issue.project].refit(self.target)
        if self._new >= max(LEAST_ROWS, GROWS * (len(self._told) - self._new)):
            if not self.standing.serves:
                self._measure()
            if self.standing.serves:
                self._refit()
            self._new = 0

    def _take(self, row: Row) -> bool:
        label = self._of(row)
        if not label or row.issue.key in self._known:
            return False
        self._known.add(row.issue.key)
        self._told.append(row)
        self._lately[row.issue.project].append(label)
        self._own[row.issue.project].take(row)
        self._new += 1
        return True

    def _of(self, row: Row) -> str:
        return str(getattr(row.issue, self.target))

    def _usable(self) -> list[Row]:
        counts = Counter(map(self._of, self._told[-MOST_ROWS:]))
        return [row for row in self._told[-MOST_ROWS:] if counts[self._of(row)] >= LEAST_OF_LABEL]

    def _measure(self) -> None:
        """Walk through the last quarter: guess, then see. It sets the standing, and how warm the probabilities are."""
        rows = self._usable()
        labels = sorted(set(map(self._of, rows)))
        if len(rows) < LEAST_ROWS or len(labels) < 2:
            self.standing = Standing(
                target=self.target,
                serves=False,
                says=_too_few(self.target, len(rows)),
                rows=len(rows),
                labels=tuple(labels),
            )
            return
        split = len(rows) * 3 // 4
        before, after = rows[:split], rows[split:]
        truth = [self._of(row) for row in after]
        commonest = Counter(map(self._of, before)).most_common(1)[0][0]
        walked = _Walk(self.target, before, after)
        right = float(np.mean([a == b for a, b in zip(walked.said, truth, strict=True)]))
        base = max(
            float(np.mean([each == commonest for each in truth])),
            float(np.mean([a == b for a, b in zip(walked.lately, truth, strict=True)])),
        )
        error = np.sqrt(max(right * (1 - right), 1e-9) / len(truth))
        serves = bool(right > base + error)
        says = f"Right of {right:.0%} of the last {len(truth):,} issues; the commonest of all or of late: {base:.0%}."
        self._warmth, self._leans, self._measured = walked.warmth(truth), walked.leans, len(truth)
        self.standing = Standing(
            target=self.target,
            serves=serves,
            says=says if serves else f"Not served, since it is no better than guessing. {says}",
            metric="accuracy",
            score=float(right),
            base=float(base),
            rows=len(rows),
            labels=tuple(labels),
        )

    def _refit(self) -> None:
        self._members = _members(self._usable(), self.target)
        self._new = 0

    def _table(self, rows: Sequence[Row]) -> tuple[list[str], Table]:
        """The classes, and the chances of each row: of all projects' model and of the row's own project's."""
        assert self._members is not None
        own = {name: self._own[name] for name in {row.issue.project for row in rows} if name in self._own}
        classes = sorted({*self._members.classes, *(each for one in own.values() for each in one.classes)})
        with threadpool_limits(1):
            said = _spread(warmed(self._members.table(rows), self._warmth), self._members.classes, classes)
            for name, one in own.items():
                places = [at for at, row in enumerate(rows) if row.issue.project == name]
                said[places] = one.blended(said[places], [rows[at] for at in places], classes)
        counts = Counter(map(self._of, self._told))
        shares = np.array([counts[each] + 1.0 for each in classes]) / (len(self._told) + len(classes))
        newest = {row.issue.project: row.issue.created for row in self._told}
        for place, row in enumerate(rows):
            last, created = newest.get(row.issue.project), row.issue.created
            if last and created and created >= last:
                said[place] = leant(said[place], classes, shares, self._lately[row.issue.project], self._leans)
        return classes, self._doubted(said, rows, shares)

    def _doubted(self, said: Table, rows: Sequence[Row], shares: Table) -> Table:
        """Chances, less what can't be known: of words the past never had, and after no more than so many later issues.

        Right of all of 90 later issues is no proof of more than one in 92.
        """
        assert self._members is not None
        trust = self._members.known(rows) * (1 - 1 / (self._measured + 2))
        return np.asarray(trust[:, None] * said + (1 - trust[:, None]) * shares)

    def _guess(self, classes: Sequence[str], chances: Any) -> Guess:
        best = [Chance(label=classes[at], probability=float(chances[at])) for at in np.argsort(-chances)[:3]]
        sure = best[0].probability >= ABSTAIN_BELOW
        return Guess(
            target=self.target,
            label=best[0].label if sure else "",
            probability=best[0].probability,
            chances=tuple(best),
            why_not="" if sure else f"No {self.target} is likelier than {ABSTAIN_BELOW:.0%}.",
        )


class _Walk:
    """Guesses of later rows by a model of the earlier ones, each with all truths before it known as the latest."""

    def __init__(self, target: Target, before: Sequence[Row], after: Sequence[Row]) -> None:
        labels = [str(getattr(row.issue, target)) for row in before]
        self.said, self.lately, self.leans = list[str](), list[str](), LEANS[0]
        if len(set(labels)) < 2:
            self._classes, self._table = labels[:1], np.ones((len(after), 1))
            self.said = self.lately = labels[:1] * len(after)
            return
        made = _members(before, target)
        self._classes = made.classes
        with threadpool_limits(1):
            self._table = made.table(after)
        last: dict[str, deque[str]] = defaultdict(lambda: deque(maxlen=LATELY))
        for row, label in zip(before, labels, strict=True):
            last[row.issue.project].append(label)
        moved = {leans: self._table.copy() for leans in LEANS}
        truth = [str(getattr(row.issue, target)) for row in after]
        for at, (row, label) in enumerate(zip(after, truth, strict=True)):
            seen = last[row.issue.project]
            for leans in LEANS if row.issue.created else ():
                moved[leans][at] = leant(self._table[at], made.classes, made.shares, seen, leans)
            self.lately.append(made.classes[int(np.argmax(of_late(made.classes, made.shares, seen)))])
            seen.append(label)
        said = {leans: [made.classes[at] for at in table.argmax(1)] for leans, table in moved.items()}
        right = {leans: sum(a == b for a, b in zip(each, truth, strict=True)) for leans, each in said.items()}
        if len(after) >= LEAST_ROWS:
            self.leans = max(LEANS, key=lambda leans: right[leans])
        self.said = said[self.leans]

    def warmth(self, truth: Sequence[str]) -> float:
        """The power of the probabilities that makes them hold on the later rows, by their likelihood."""
        places = [self._classes.index(each) if each in self._classes else -1 for each in truth]
        known = [at for at, place in enumerate(places) if place >= 0]
        if len(known) < LEAST_ROWS or len(self._classes) < 2:
            return 1.0
        table, column = self._table[known], [places[at] for at in known]
        tried = np.linspace(0.5, 2.5, 21)
        return float(max(tried, key=lambda power: np.log(warmed(table, power)[range(len(known)), column] + 1e-9).sum()))


def _members(rows: Sequence[Row], target: Target) -> Members:
    with threadpool_limits(1):
        return Members(rows, [str(getattr(row.issue, target)) for row in rows])


def of_late(classes: Sequence[str], shares: Table, seen: Sequence[str]) -> Table:
    """The shares of labels among the last ones of a project, the newest counting most."""
    counts = 2 * shares
    for age, label in enumerate(reversed(seen)):
        if label in classes:
            counts[classes.index(label)] += FADES**age
    return np.asarray(counts / counts.sum())


def leant(chances: Any, classes: Sequence[str], shares: Table, seen: Sequence[str], leans: float) -> Table:
    """Chances moved towards what came lately."""
    moved = chances * (of_late(classes, shares, seen) / shares) ** leans
    return np.asarray(moved / moved.sum())


class _Own:
    """One project's model of its newest rows. What it says counts the more, the more rows it has."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque(maxlen=OWN_MOST)
        self._members: Members | None = None
        self._fitted_on = 0
        self.new = 0

    @property
    def classes(self) -> list[str]:
        return self._members.classes if self._members else []

    def take(self, row: Row) -> None:
        self._rows.append(row)
        self.new += 1

    def refit(self, target: Target) -> None:
        self.new = 0
        if len({getattr(row.issue, target) for row in self._rows}) > 1:
            self._members, self._fitted_on = _members(list(self._rows), target), len(self._rows)

    def blended(self, said: Table, rows: Sequence[Row], classes: Sequence[str]) -> Table:
        if self._members is None:
            return said
        trust = self._fitted_on / (self._fitted_on + OWN_TRUST)
        return (1 - trust) * said + trust * _spread(self._members.table(rows), self._members.classes, classes)


def _spread(table: Table, classes: Sequence[str], to: Sequence[str]) -> Table:
    """The columns of `classes` in their places among those of `to`."""
    wide = np.full((len(table), len(to)), 1e-4)
    wide[:, [to.index(each) for each in classes]] = table
    return wide


def warmed(table: Any, power: float) -> Table:
    """Probabilities to a power, summing to 1 again."""
    raised = np.clip(table, 1e-9, 1) ** power
    return np.asarray(raised / raised.sum(1, keepdims=True))


def _too_few(target: str, rows: int) -> str:
    return f"{rows:,} issues with a {target} that came {LEAST_OF_LABEL} times; {LEAST_ROWS} are needed."

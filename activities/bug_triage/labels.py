"""One label of an issue: guessed, then seen and learnt, and refused where that is no better than a guess of the form.

What an issue says counts, and what came lately in its project: where the last issues were mostly questions, the next
one is likelier to be one. How far each counts is learnt from guesses whose truth came later, as in `lately`. The guess
to beat is the best of three: the commonest label of all, that of the last ones, and one drawn by lot.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from activities.bug_triage.features import Row
from activities.bug_triage.lately import FADES, Lately, Mix, shares_of
from activities.bug_triage.members import Members
from activities.bug_triage.sentences import Sentences
from contracts.bugs import Chance, Guess, Standing, Target

LEAST_ROWS = 30
LEAST_OF_LABEL = 3
MOST_ROWS = 3_000  # the newest: what was decided years ago was decided by others
ABSTAIN_BELOW = 0.5
GROWS = 0.4  # share of new truths at which the words are read again
EVERY, EVERY_SHARE = 10, 0.02  # new truths that are learnt together: so many, or this share of what is known
LATE = 1  # the fade of the guess to beat

Table = NDArray[np.float64]


class Labels:
    """The model of one target. `learn` takes truths in, and fits again when there are many new ones."""

    def __init__(self, target: Target, sentences: Sentences | None = None) -> None:
        self.target: Target = target
        self.standing = Standing(target=target, serves=False, says=_too_few(target, 0))
        self._sentences = sentences or Sentences.of(None)
        self._told: list[Row] = []
        self._known = set[str]()
        self._counts = Counter[str]()
        self._newest: dict[str, Any] = {}
        self._new: list[Row] = []
        self._fitted_on = 0
        self._members: Members | None = None
        self._lately, self._mix = Lately(), Mix()
        self._measured = 0

    @classmethod
    def fit(cls, target: Target, rows: Sequence[Row], sentences: Sentences | None = None) -> "Labels":
        """`rows`, oldest first; those without the label teach nothing."""
        made = cls(target, sentences)
        made._told = made._distinct(rows)
        made._measure()
        return made

    def guess(self, rows: Sequence[Row]) -> list[Guess]:
        """In the order of `rows`. It abstains where nothing is likely enough, and says why."""
        if self._members is None or not self.standing.serves or not rows:
            return [Guess(target=self.target, why_not=self.standing.says) for _ in rows]
        shares = shares_of(self._counts, self._members.classes)
        said = np.array([self._mix.chances(clues) for clues in self._clues(rows, self._members.speaks(rows), shares)])
        return [self._guess(self._members.classes, each) for each in self._doubted(self._members, said, rows, shares)]

    def learn(self, row: Row) -> None:
        """Take in what people said of one issue. Now and then this takes as long as fitting."""
        if not self._distinct([row]):
            return
        self._told.append(row)
        if self._members and self.standing.serves:
            self._walk([row])
        else:
            self._see(row)
        enough = max(LEAST_ROWS, GROWS * self._fitted_on)
        if len(self._told) - self._fitted_on >= enough:
            if self.standing.serves:
                self._refit()
            else:
                self._measure()

    def _distinct(self, rows: Sequence[Row]) -> list[Row]:
        """Those with the label that are not known yet; from now on they are."""
        found = []
        for row in rows:
            if self._of(row) and row.issue.key not in self._known:
                self._known.add(row.issue.key)
                found.append(row)
        return found

    def _of(self, row: Row) -> str:
        return str(getattr(row.issue, self.target))

    def _usable(self, rows: Sequence[Row]) -> list[Row]:
        counts = Counter(map(self._of, rows[-MOST_ROWS:]))
        return [row for row in rows[-MOST_ROWS:] if counts[self._of(row)] >= LEAST_OF_LABEL]

    def _see(self, row: Row) -> None:
        """Count a truth, apart from what its issue says."""
        self._counts[self._of(row)] += 1
        if row.issue.created:
            self._lately.take(row.issue.project, self._of(row))
            self._newest[row.issue.project] = row.issue.created

    def _walk(self, rows: Sequence[Row]) -> list[tuple[str, str]]:
        """Guess each of `rows`, then see it. The labels said: by all that is known, and by what came lately alone."""
        assert self._members is not None
        said = list[tuple[str, str]]()
        classes, shares = self._members.classes, shares_of(self._counts, self._members.classes)
        speaks = self._members.speaks(rows)
        for row, each in zip(rows, speaks, strict=True):
            [clues] = self._clues([row], each[None], shares)
            late = shares * np.exp(clues[:, 1 + LATE])
            said.append((classes[int(self._mix.chances(clues).argmax())], classes[int(late.argmax())]))
            if self._of(row) in classes:
                self._mix.take(clues, classes.index(self._of(row)))
            self._see(row)
        self._new += rows
        if len(self._new) >= max(EVERY, EVERY_SHARE * self._fitted_on):
            self._members.add(self._new, list(map(self._of, self._new)))
            self._mix.refit()
            self._new = []
        return said

    def _clues(self, rows: Sequence[Row], speaks: Table, shares: Table) -> list[Table]:
        """Of each row, what its text and what came lately say of each class. The latter says nothing of the past."""
        assert self._members is not None
        found = []
        for row, each in zip(rows, speaks, strict=True):
            late = np.zeros((len(shares), len(FADES)))
            last, created = self._newest.get(row.issue.project), row.issue.created
            if last and created and created >= last:
                late = self._lately.odds(row.issue.project, self._members.classes, shares)
            found.append(np.hstack([each[:, None], late]))
        return found

    def _measure(self) -> None:
        """Fit on the first three quarters, and walk through the last: guess, then see. That sets the standing."""
        rows, self._fitted_on = self._usable(self._told), len(self._told)
        labels = sorted(set(map(self._of, rows)))
        few = len(rows) < LEAST_ROWS or len(labels) < 2
        split = len(rows) * 3 // 4
        if few or len(set(map(self._of, rows[:split]))) < 2:
            says = _too_few(self.target, len(rows)) if few else f"Not served: the earlier issues are all {labels[0]!r}."
            self.standing = Standing(target=self.target, serves=False, says=says, rows=len(rows), labels=tuple(labels))
            return
        said = self._walked(rows[:split], rows[split:])
        truth = [self._of(row) for row in rows[split:]]
        commonest = Counter(map(self._of, rows[:split])).most_common(1)[0][0]
        right, late = (
            float(np.mean([a == b for a, b in zip(each, truth, strict=True)])) for each in zip(*said, strict=True)
        )
        base = max(float(np.mean([each == commonest for each in truth])), late, 1 / len(labels))
        error = np.sqrt(max(right * (1 - right), 1e-9) / len(truth))
        serves = bool(right > base + error)
        says = (
            f"Right of {right:.0%} of the last {len(truth):,} issues; by the commonest, the last or by lot: {base:.0%}."
        )
        self.standing = Standing(
            target=self.target,
            serves=serves,
            says=says if serves else f"Not served, since it is no better than guessing. {says}",
            metric="accuracy",
            score=right,
            base=base,
            rows=len(rows),
            labels=tuple(labels),
        )
        self._measured = len(truth)
        self._refit()

    def _walked(self, before: Sequence[Row], after: Sequence[Row]) -> list[tuple[str, str]]:
        self._counts, self._newest, self._new = Counter(), {}, []
        self._lately, self._mix = Lately(), Mix()
        for row in before:
            self._see(row)
        self._members = Members(before, list(map(self._of, before)), self._sentences)
        step = max(EVERY, int(EVERY_SHARE * len(before)))
        return [said for at in range(0, len(after), step) for said in self._walk(after[at : at + step])]

    def _refit(self) -> None:
        """Read the words of all again."""
        rows = self._usable(self._told)
        self._fitted_on, self._new = len(self._told), []
        self._mix.refit()
        if self.standing.serves:
            self._members = Members(rows, list(map(self._of, rows)), self._sentences)

    def _doubted(self, members: Members, said: Table, rows: Sequence[Row], shares: Table) -> Table:
        """Chances, less what can't be known: of words the past never had, and after no more than so many later issues.

        Right of all of 90 later issues is no proof of more than one in 92.
        """
        trust = members.known(rows) * (1 - 1 / (self._measured + 2))
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


def _too_few(target: str, rows: int) -> str:
    return f"{rows:,} issues with a {target} that came {LEAST_OF_LABEL} times; {LEAST_ROWS} are needed."

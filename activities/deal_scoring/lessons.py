"""What people said when they took something out of a day's plan, and what follows from it. Pure.

Somebody who drops a deal's task says: not this one. The deal rests for as long as the methodology says, or until it
comes to another stage. A play that one person's tasks lost three times and kept less often is not proposed to them
any more.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from contracts import shown
from contracts.deals import Lesson, Opportunity

TURNED_DOWN = 3  # times, before a play isn't proposed to somebody any more


@dataclass(frozen=True)
class Pending:
    """A task that somebody signed: when it is due, and the stage that the deal had."""

    due: date
    stage: str


@dataclass(frozen=True)
class Lessons:
    """All that is heeded. `kept`: how often each play was signed, by (owner, play). `pending`: the newest task that was
    signed for a deal."""

    all: Sequence[Lesson] = ()
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    rest_days: int = 14
    pending: Mapping[str, Pending] = field(default_factory=dict)

    def rests(self, deal: Opportunity, today: date) -> str:
        """Why nothing is proposed for the deal, in words; empty where something may be."""
        task = self.pending.get(deal.id)
        if task and today <= task.due and task.stage.casefold() == deal.stage.casefold():
            return f"has a task already, due {task.due}"
        for each in reversed(self.all):
            if each.deal != deal.id:
                continue
            until = each.at + timedelta(days=self.rest_days)
            if today < until and each.stage.casefold() == deal.stage.casefold():
                return f"rests until {until}: {told(each)}"
            return ""
        return ""

    def refused(self, owner: str) -> frozenset[str]:
        """Plays that are not proposed to that person any more."""
        lost = Counter(each.play for each in self.all if each.owner == owner and each.play)
        return frozenset(
            play for play, times in lost.items() if times >= TURNED_DOWN and times > self.kept[owner, play]
        )

    @property
    def says(self) -> tuple[str, ...]:
        """What is heeded, the newest first."""
        owners = sorted({each.owner for each in self.all})
        plays = [
            f"{play} is not proposed to {owner} any more" for owner in owners for play in sorted(self.refused(owner))
        ]
        return (*plays, *(f"{each.name}: {told(each)}" for each in reversed(self.all)))


def told(lesson: Lesson) -> str:
    """`Ana took it out on 2026-11-27: they are in a freeze`. Words are a person's, and quoted as such."""
    words = shown.spelt(" ".join(lesson.words.split()))[:200]
    return f"{lesson.person} took it out on {lesson.at}" + (f": “{words}”" if words else "")

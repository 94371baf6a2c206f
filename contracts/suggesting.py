"""When the platform proposes a standing approval: from what people made of runs, for the narrowest class that was seen.

Pure: the same rows give the same suggestions. Nothing follows from one until a person signs it.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import takewhile
from math import sqrt
from typing import Literal

from pydantic import AwareDatetime

from contracts.base import Contract
from contracts.digests import canonical_json, short, tagged_digest
from contracts.requirements import Requirement
from contracts.standing import MOST_USES, Bounds, Measured, StandingApproval, may_stand

SUGGESTION_TAG = "countersign/suggestion/v1"
# As many in a row that the share signed unedited is above 0.83 with 95% confidence (Wilson). Fewer prove little, and a
# weekly workflow gets there in five months.
ENOUGH = 20
PERIOD = timedelta(days=30)  # in which nobody may have turned down or changed one of this kind at this place
LASTS = timedelta(days=14)  # what is proposed; a person may sign for less, and up to `contracts.standing.LONGEST`
EXACT = 8  # paths that are named each; more become patterns of a folder and an ending
MOST_PATTERNS = 8  # with more, the class is too wide to be described
Z = 1.959963984540054  # the normal distribution's 97.5th percentile

Made = Literal["signed", "changed", "rejected", "expired", "standing"]


class MeasuredRun(Contract):
    """What people made of one run, and what its effects came to. `signed`: as it was proposed, with nothing changed."""

    run: str
    workflow: str
    version: str
    team: str = ""
    drafted_by: str
    outcome: Made
    digest: str
    effects: tuple[Measured, ...] = ()
    needs: tuple[Requirement, ...] = ()
    decided_at: AwareDatetime

    @property
    def kinds(self) -> frozenset[str]:
        return frozenset(each.kind for each in self.effects)

    @property
    def places(self) -> frozenset[str]:
        return frozenset(each.destination for each in self.effects)

    @property
    def narrowest(self) -> tuple[object, ...]:
        """The class it is of: nothing else is like it."""
        return (self.workflow, self.version, self.team, self.drafted_by, self.kinds, self.places)


class Suggestion(Contract):
    """A standing approval that measured decisions speak for, and which they are, newest first."""

    workflow: str
    version: str
    team: str = ""
    drafted_by: tuple[str, ...]
    bounds: Bounds
    needs: tuple[Requirement, ...]
    seen: tuple[tuple[str, str], ...]  # runs and the digests that were signed
    since: AwareDatetime
    until: AwareDatetime
    most_uses: int
    most_a_day: int

    @property
    def id(self) -> str:
        """The same as long as the bounds are."""
        what = {"workflow": self.workflow, "version": self.version, "bounds": self.bounds.model_dump(mode="json")}
        return short(tagged_digest(SUGGESTION_TAG, canonical_json({**what, "drafted_by": list(self.drafted_by)})))

    @property
    def says(self) -> str:
        """The evidence in a sentence."""
        count = len(self.seen)
        return (
            f"{count} in a row were signed unedited since {self.since:%Y-%m-%d}, and none was turned down or changed "
            f"in {PERIOD.days} days. With 95% confidence, at least {100 * wilson(count, count):.0f} of 100 such are."
        )

    def approval(
        self, *, realm: str, person: str, now: datetime, nonce: str, days: int = LASTS.days, uses: int = MOST_USES
    ) -> StandingApproval:
        """What a person signs of it, from now on for so many days and at most so many uses. ValueError."""
        most = min(uses, self.most_uses)
        return StandingApproval(
            realm=realm,
            workflow=self.workflow,
            version=self.version,
            team=self.team,
            drafted_by=self.drafted_by,
            bounds=self.bounds,
            valid_from=now,
            valid_until=now + timedelta(days=days),
            most_uses=most,
            most_a_day=min(most, self.most_a_day),
            person=person,
            nonce=nonce,
        )

    def speaks_for(self, standing: StandingApproval) -> bool:
        """Whether it is this class, and no wider."""
        mine = (self.workflow, self.version, self.team, self.drafted_by, self.bounds)
        asked = (standing.workflow, standing.version, standing.team, standing.drafted_by, standing.bounds)
        return mine == asked and standing.most_uses <= self.most_uses and standing.most_a_day <= self.most_a_day


def wilson(good: int, of: int) -> float:
    """The lower bound of the share, by Wilson's score interval at 95% (JASA 22, 1927, 209-212). 0 of 0 is 0."""
    if of == 0:
        return 0.0
    share, square = good / of, Z * Z
    middle = share + square / (2 * of)
    return (middle - Z * sqrt(share * (1 - share) / of + square / (4 * of * of))) / (1 + square / of)


def suggest(rows: Sequence[MeasuredRun], now: datetime) -> list[Suggestion]:
    """What these runs, in any order, speak for at `now`."""
    ordered = sorted(rows, key=lambda row: row.decided_at, reverse=True)
    classes = dict.fromkeys(row.narrowest for row in ordered if row.outcome == "signed" and row.effects)
    found = [_suggestion([row for row in ordered if row.narrowest == each], ordered, now) for each in classes]
    return [each for each in found if each is not None]


def covering(proposals: Sequence[Sequence[Measured]]) -> Bounds | None:
    """The smallest bounds that hold all of these. None: nothing that can be written down is small enough."""
    every = [one for effects in proposals for one in effects]
    paths = _patterns({path for one in every for path in one.paths})
    if paths is None:
        return None
    lines = [sum(one.lines for one in effects if one.lines is not None) for effects in proposals]
    usd = [sum(one.usd for one in effects if one.usd is not None) for effects in proposals]
    return Bounds.model_validate(
        {
            "kinds": sorted({one.kind for one in every}),
            "destinations": sorted({one.destination for one in every}),
            "paths": paths,
            "details": sorted({detail for one in every for detail in one.details}),
            "audience": sorted({one.audience for one in every if one.audience is not None}),
            "most_effects": max(map(len, proposals)),
            "most_files": max(sum(len(one.paths) for one in effects) for effects in proposals),
            "most_lines": max(lines) if any(one.lines is not None for one in every) else None,
            "most_usd": max(usd) if any(one.usd is not None for one in every) else None,
        }
    )


def _suggestion(mine: Sequence[MeasuredRun], others: Sequence[MeasuredRun], now: datetime) -> Suggestion | None:
    decided = [row for row in mine if row.outcome != "standing"]
    streak = list(takewhile(lambda row: row.outcome == "signed", decided))[:MOST_USES]
    if len(streak) < ENOUGH or may_stand(streak[0].needs):
        return None
    if any(_speaks_against(row, streak[0], now) for row in others):
        return None
    bounds = covering([row.effects for row in streak])
    if bounds is None:
        return None
    newest = streak[0]
    return Suggestion(
        workflow=newest.workflow,
        version=newest.version,
        team=newest.team,
        drafted_by=(newest.drafted_by,),
        bounds=bounds,
        needs=newest.needs,
        seen=tuple((row.run, row.digest) for row in streak),
        since=streak[-1].decided_at,
        until=newest.decided_at,
        most_uses=len(streak),
        most_a_day=max(Counter(row.decided_at.date() for row in streak).values()),
    )


def _speaks_against(row: MeasuredRun, newest: MeasuredRun, now: datetime) -> bool:
    """Whether somebody turned down or changed one like it: any version, whoever drafted it, at the same place."""
    bad = row.outcome in ("rejected", "changed") and row.decided_at > now - PERIOD
    near = not row.kinds.isdisjoint(newest.kinds) and not row.places.isdisjoint(newest.places)
    return bad and row.workflow == newest.workflow and (not row.effects or near)


def _patterns(paths: set[str]) -> list[str] | None:
    if any(set(path) & set("*?") for path in paths):
        return None  # a name that is a pattern would cover more than itself
    if len(paths) <= EXACT:
        return sorted(paths)
    found = {_pattern(path) for path in paths}
    return sorted(found) if len(found) <= MOST_PATTERNS else None


def _pattern(path: str) -> str:
    folder, slash, name = path.rpartition("/")
    _, dot, ending = name.rpartition(".")
    return f"{folder}{slash}*{dot}{ending}" if dot else path

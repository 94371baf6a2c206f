"""The gate as a policy declares it: who decides on what, how many, and what happens while nobody does.

`Gate(role="release")` is one rule for everything. With `rules`, each effect needs all rules that fit it, and an effect
that none fits is not proposed at all. docs/gates.md.
"""

import re
from collections.abc import Iterable
from datetime import datetime, time, timedelta
from datetime import tzinfo as Zone
from decimal import Decimal
from fnmatch import fnmatchcase
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, field_validator, model_validator

from contracts.base import Contract

Audience = Literal["team", "organisation", "public"]
# Whom a rule keeps apart from deciding: who started the run, who edited this text, whose credentials the run used.
Apart = Literal["starter", "editor", "credentials"]
MIDNIGHT = time()


class Touches(Contract):
    """What an effect touches, as its kind reads it from the signed parameters. Rules choose by it.

    `usd`: what it moves, in US dollars; None: it moves no money. `audience`: who gets to see it, where a kind can tell.
    """

    paths: tuple[str, ...] = ()
    usd: Decimal | None = Field(default=None, ge=0)
    audience: Audience | None = None

    @property
    def parts(self) -> "tuple[Touches, ...]":
        """The same a path at a time: a rule has to fit each of them."""
        return tuple(self.model_copy(update={"paths": (path,)}) for path in self.paths) or (self,)

    @property
    def says(self) -> str:
        """What it is, in words that go behind the kind. Empty where there is nothing to say."""
        money = "" if self.usd is None else f"moving ${self.usd}"
        seen = f"for the {self.audience}" if self.audience else ""
        return " ".join(filter(None, (f"of {self.paths[0]!r}" if self.paths else "", money, seen)))


class GateRule(Contract):
    """Who has to approve what. A rule fits what agrees with all that it says; what it leaves out doesn't matter.

    `kinds` may have stars (`git.*`). In `paths`, `*` is a part of a name and `**` any folders. Who has one of `roles`,
    or is one of `people`, has a say; `needs` of them have to approve. A proposal without effects has the kind "".
    """

    name: str = Field(min_length=1, max_length=60)
    kinds: tuple[str, ...] = ("*",)
    paths: tuple[str, ...] = ()
    except_paths: tuple[str, ...] = ()
    above_usd: Decimal | None = Field(default=None, ge=0)
    up_to_usd: Decimal | None = Field(default=None, ge=0)
    audience: tuple[Audience, ...] = ()
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    needs: int = Field(default=1, ge=1, le=20)
    separate_from: tuple[Apart, ...] = ()
    critical: bool = Field(default=False, description="signed by itself only, never in a batch")
    delegable: bool = Field(default=True, description="who has a say may hand it on to another who has")
    standing: bool = Field(default=False, description="may be met by a standing approval")

    @model_validator(mode="after")
    def somebody_can(self) -> Self:
        if not any(self.roles) and not any(self.people):
            raise ValueError(f"rule {self.name!r} names no role and nobody")
        if not self.roles and len(set(self.people)) < self.needs:
            raise ValueError(f"rule {self.name!r} needs {self.needs} and names {len(set(self.people))}")
        if self.standing and (self.critical or self.needs > 1):
            raise ValueError(f"rule {self.name!r} is critical or needs several people: nothing stands in for them")
        return self

    def fits(self, kind: str, part: Touches) -> bool:
        """Whether the rule is for an effect of that kind, and this part (one path at most) of what it touches."""
        path = part.paths[0] if part.paths else None
        return (
            any(fnmatchcase(kind, pattern) for pattern in self.kinds)
            and (not self.paths or (path is not None and is_in(path, self.paths)))
            and not (path is not None and is_in(path, self.except_paths))
            and (self.above_usd is None or (part.usd is not None and part.usd > self.above_usd))
            and (self.up_to_usd is None or (part.usd is not None and part.usd <= self.up_to_usd))
            and (not self.audience or part.audience in self.audience)
        )


class QuietHours(Contract):
    """When nobody is told anything: from `start` to `end` by the clocks of an IANA time zone, and on weekends.

    Reminders and escalations wait until they end. Decisions are taken at any hour, and expiry is not put off.
    """

    start: time = time(18)
    end: time = time(8)
    time_zone: str = "UTC"
    weekends: bool = True

    @field_validator("time_zone")
    @classmethod
    def is_known(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{value!r} is not an IANA time zone such as Europe/Berlin") from error
        return value

    def over(self, moment: datetime) -> datetime:
        """The first moment from `moment` on that is not quiet."""
        zone = ZoneInfo(self.time_zone)
        for _ in range(8):  # a weekend with a night on either side takes four steps
            ends = self._ends(moment.astimezone(zone), zone)
            if ends is None:
                return moment
            moment = ends.astimezone(moment.tzinfo)
        raise ValueError("all hours are quiet")

    @model_validator(mode="after")
    def leaves_some(self) -> Self:
        if self.start == self.end:
            raise ValueError("quiet hours begin and end at the same time: leave them out, or leave some")
        return self

    def _ends(self, local: datetime, zone: Zone) -> datetime | None:
        """When the quiet that it is at `local` ends; None where it isn't quiet."""
        if self.weekends and local.weekday() >= 5:
            return datetime.combine(local.date() + timedelta(days=1), MIDNIGHT, zone)
        now, night = local.time(), self.start > self.end
        if night and now >= self.start:
            return datetime.combine(local.date() + timedelta(days=1), self.end, zone)
        if (night and now < self.end) or (not night and self.start <= now < self.end):
            return datetime.combine(local.date(), self.end, zone)
        return None


class Escalation(Contract):
    """Who is told once nobody has decided for that long. With `may_decide` they may decide from then on, too."""

    after: timedelta
    roles: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    may_decide: bool = False

    @model_validator(mode="after")
    def to_somebody(self) -> Self:
        if not any(self.roles) and not any(self.people):
            raise ValueError("an escalation goes to a role or to people")
        return self


class Gate(Contract):
    """Who decides and how long a run waits. No timeout approves: expiry ends the run undecided.

    All times count from the sealing of each revision.
    """

    role: str = "reviewer"
    rules: tuple[GateRule, ...] = Field(default=(), description="instead of `role`")
    standing: bool = Field(default=False, description="of `role`: may be met by a standing approval; rules say it each")
    remind_after: timedelta = timedelta(days=2)
    escalate: tuple[Escalation, ...] = ()
    quiet: QuietHours | None = None
    expire_after: timedelta = timedelta(days=30)
    rounds: int = Field(default=5, ge=1, description="how often a person may ask for changes")

    @model_validator(mode="before")
    @classmethod
    def one_way_to_say_who(cls, given: Any) -> Any:
        """With rules, `role` is empty: code that knows roles only asks for one that nobody has."""
        if not isinstance(given, dict) or not given.get("rules"):
            return given
        if given.get("role"):
            raise ValueError("a gate has a role or rules, not both")
        if given.get("standing"):
            raise ValueError("with rules, each rule says whether it may stand")
        return {**given, "role": ""}

    @model_validator(mode="after")
    def comes_in_time(self) -> Self:
        if len({rule.name for rule in self.rules}) < len(self.rules):
            raise ValueError("two rules have one name")
        after = [step.after for step in self.escalate]
        if after != sorted(set(after)) or any(each >= self.expire_after for each in after):
            raise ValueError("escalations come one after the other, and before the expiry")
        return self

    @property
    def may_stand(self) -> bool:
        """Whether a standing approval may meet any of it."""
        return self.standing or any(rule.standing for rule in self.rules)


def is_in(path: str, patterns: Iterable[str]) -> bool:
    """Whether one of the patterns fits the whole path."""
    return any(re.fullmatch(_regex(pattern), path, re.DOTALL) for pattern in patterns)


def _regex(pattern: str) -> str:
    """`*` and `?` stay within a name, `**/` is any number of folders, `**` at the end is all that is below."""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.findall(r"\*\*/|\*\*|\*|\?|[^*?]+", pattern)
    return "".join(known.get(part) or re.escape(part) for part in parts)

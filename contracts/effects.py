"""What holds for effects as a whole: whether they are stopped, and how many may begin in which time."""

import re
from datetime import timedelta
from typing import Literal

from pydantic import AwareDatetime

from contracts.base import Contract
from contracts.errors import BadInput

SETTING = "COUNTERSIGN_EFFECT_LIMITS"
Window = Literal["minute", "hour", "day"]
WINDOWS: dict[str, timedelta] = {
    "minute": timedelta(minutes=1),
    "hour": timedelta(hours=1),
    "day": timedelta(days=1),
}
_LIMIT = re.compile(r"(\*|[\w.-]+)(?:@(\S+?))?\s*=\s*([0-9]{1,9})\s*/\s*(minute|hour|day)")


class EffectSwitch(Contract):
    """The kill switch. `number` counts how often it was thrown; 0: never."""

    stopped: bool = False
    person: str = ""
    words: str = ""
    number: int = 0
    changed_at: AwareDatetime | None = None

    @property
    def says(self) -> str:
        if not self.stopped or self.changed_at is None:
            return "Effects are carried out."
        words = f": {self.words}" if self.words else ""
        return f"Effects are stopped by {self.person} since {self.changed_at:%Y-%m-%d %H:%M:%S} UTC{words}"


class EffectLimit(Contract):
    """At most `most` effects begin in any `window`: of a kind (`*`: of all kinds together), at a destination (`*`: at
    each by itself; empty: at all of them together)."""

    kind: str
    destination: str = ""
    most: int
    window: Window

    @property
    def seconds(self) -> float:
        return WINDOWS[self.window].total_seconds()

    def covers(self, kind: str, destination: str) -> bool:
        """Whether an effect of that kind at that destination counts."""
        return self.kind in ("*", kind) and self.destination in ("", "*", destination)

    def __str__(self) -> str:
        where = f"@{self.destination}" if self.destination else ""
        return f"{self.kind}{where}={self.most}/{self.window}"


class EffectUsage(Contract):
    """How far a limit is used: `used` began in the window that ends now. Where that is `most`, `free_at` tells when the
    next may begin. `destination` is the one looked at, for a limit of each by itself."""

    limit: EffectLimit
    used: int
    destination: str = ""
    free_at: AwareDatetime | None = None

    @property
    def says(self) -> str:
        where = f" at {self.destination}" if self.limit.destination == "*" and self.destination else ""
        until = f", full until {self.free_at:%Y-%m-%d %H:%M:%S} UTC" if self.free_at else ""
        return f"{self.limit}: {self.used} of {self.limit.most} began in this {self.limit.window}{where}{until}"


def effect_limits(text: str) -> tuple[EffectLimit, ...]:
    """Limits from `git.pull_request=10/hour, *@*=20/hour, *=100/day`. Empty: none. BadInput for anything else."""
    found = tuple(_limit(part.strip()) for part in text.split(",") if part.strip())
    named = [(each.kind, each.destination, each.window) for each in found]
    twice = next((str(each) for each, name in zip(found, named, strict=True) if named.count(name) > 1), "")
    if twice:
        raise _wrong(twice, "which limits what another part limits already")
    return found


def _limit(part: str) -> EffectLimit:
    match = _LIMIT.fullmatch(part)
    if match is None:
        raise _wrong(part, "which is no limit")
    kind, destination, most, window = match.groups()
    if int(most) == 0:
        raise _wrong(part, "which lets nothing happen, ever; that is what `countersign effects stop` is for")
    return EffectLimit.model_validate(
        {"kind": kind, "destination": destination or "", "most": int(most), "window": window}
    )


def _wrong(part: str, why: str) -> BadInput:
    return BadInput(
        f"{SETTING} has {part!r}, {why}.",
        subject=SETTING,
        way_out="Write it like git.pull_request=10/hour, *@*=20/hour, *=100/day (a minute, an hour or a day).",
    )

"""Since when a source is asked for changes: as its own clock has it, or as a span, which needs no clock in common."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

ISO = "%Y-%m-%dT%H:%M:%SZ"
MOST_MILESTONES = 100
# What a service's search does not know of yet, and by how much clocks and minutes are rounded.
OVERLAP = timedelta(minutes=10)


@dataclass(frozen=True)
class Since:
    """`moment` is by the source's clock. `minutes`: how long ago that was at most."""

    moment: datetime
    minutes: int


def since(until: datetime, began: datetime, now: datetime) -> Since:
    """What may have changed after a reading that began at `began` by our clock, and knows all until `until`."""
    return Since(until, math.ceil((now - began + OVERLAP).total_seconds() / 60))


def known_until(newest: datetime, began: datetime, now: datetime) -> datetime:
    """All changes before that are in what was read from `began` to `now`, the last of them at `newest` by the source's
    clock: that was before the reading ended, so it began no later than so much before."""
    return newest - (now - began) - OVERLAP

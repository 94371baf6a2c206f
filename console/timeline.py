"""A run's timeline: each entry as a bar, with long waits folded so that seconds stay visible beside days."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from contracts.records import StoredEntry

GAP = 6.0  # percent of the width that a folded wait takes
WAIT_SECONDS = 5.0  # a shorter pause is drawn to scale
# What takes time. Other entries note a moment: their times say when somebody decided and when it was written.
WORK = {"activity", "model", "effect", "egress"}


def is_work(entry: StoredEntry) -> bool:
    return entry.kind in WORK and entry.outcome != "intent"


@dataclass(frozen=True)
class Bar:
    """An entry and its place, in percent of the width."""

    entry: StoredEntry
    x: float
    width: float

    @property
    def is_work(self) -> bool:
        return is_work(self.entry)


@dataclass(frozen=True)
class Wait:
    """A folded wait: where it is drawn, and how many seconds it really took."""

    x: float
    width: float
    seconds: float


@dataclass(frozen=True)
class Timeline:
    bars: tuple[Bar, ...]
    waits: tuple[Wait, ...]
    seconds: float


def timeline(entries: Sequence[StoredEntry]) -> Timeline:
    """Lay out the entries of one run. Empty for no entries."""
    if not entries:
        return Timeline((), (), 0.0)
    spans = _busy(entries)
    scale = _Scale(spans)
    bars = tuple(_bar(entry, scale) for entry in sorted(entries, key=lambda e: (_span(e), e.id)))
    return Timeline(bars, scale.waits, spans[-1][1] - spans[0][0])


def _bar(entry: StoredEntry, scale: "_Scale") -> Bar:
    start, end = (scale.place(moment) for moment in _span(entry))
    width = max(end - start, 0.8)
    return Bar(entry, round(min(start, 100 - width), 2), round(width, 2))


def _span(entry: StoredEntry) -> tuple[float, float]:
    """From when to when the entry's work took, in Unix seconds."""
    start, end = entry.started_at.timestamp(), entry.finished_at.timestamp()
    return (min(start, end) if is_work(entry) else end), end


def _busy(entries: Sequence[StoredEntry]) -> list[tuple[float, float]]:
    """The stretches in which something happened, merged over pauses that are not worth folding."""
    spans = sorted(_span(entry) for entry in entries)
    merged = [spans[0]]
    for start, end in spans[1:]:
        last_start, last_end = merged[-1]
        if start - last_end <= WAIT_SECONDS:
            merged[-1] = (last_start, max(last_end, end))
        else:
            merged.append((start, end))
    return merged


class _Scale:
    """Seconds to percent: busy stretches to scale, each wait between them a fixed width."""

    def __init__(self, spans: Sequence[tuple[float, float]]) -> None:
        gap = min(GAP, 40 / max(1, len(spans) - 1))
        room = 100 - gap * (len(spans) - 1)
        total = sum(end - start for start, end in spans) or 1.0
        self.spans: list[tuple[float, float, float, float]] = []
        x = 0.0
        for start, end in spans:
            width = room * (end - start) / total
            self.spans.append((start, end, x, width))
            x += width + gap
        self.waits = tuple(
            Wait(round(left[2] + left[3], 2), round(gap, 2), right[0] - left[1]) for left, right in pairwise(self.spans)
        )

    def place(self, moment: float) -> float:
        for start, end, x, width in self.spans:
            if moment <= end:
                return x + width * max(0.0, moment - start) / ((end - start) or 1.0)
        return 100.0

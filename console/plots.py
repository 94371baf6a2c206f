"""A plot's numbers as places in an SVG, which the template writes: every name in it is escaped like any other text."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise

from contracts.plots import PlotPanel, PlotSeries

WIDTH, HEIGHT = 720.0, 260.0
LEFT, RIGHT, TOP, BOTTOM = 74.0, 12.0, 10.0, 26.0
TICKS = 5


@dataclass(frozen=True)
class Tick:
    """A mark on an axis: where it is, and its words."""

    at: float
    text: str


@dataclass(frozen=True)
class Bar:
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Drawn:
    """One series as drawn: `path` and `band` are the `d` of SVG paths, empty where there is none."""

    name: str
    number: int
    path: str
    band: str
    bars: tuple[Bar, ...]
    dots: tuple[tuple[float, float], ...]


@dataclass(frozen=True)
class Plot:
    """What the template draws. All places are in the units of the SVG's view box."""

    series: tuple[Drawn, ...]
    lines: tuple[Tick, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    zero: float
    width: float = WIDTH
    height: float = HEIGHT
    left: float = LEFT
    right: float = WIDTH - RIGHT
    top: float = TOP
    bottom: float = HEIGHT - BOTTOM


class _Scale:
    def __init__(self, panel: PlotPanel) -> None:
        self.places = panel.places
        bars = any(each.as_ == "bars" for each in panel.series)
        ends = [each.ends for each in panel.series]
        limits = [line.y for line in panel.lines] + ([0.0] if bars else [])
        self.steps = steps(
            min(*(low for low, _ in ends), *limits, math.inf), max(*(high for _, high in ends), *limits, -math.inf)
        )
        self.pad = (self.places[-1] - self.places[0]) / max(len(self.places) - 1, 1) / 2 if bars else 0.0

    def x(self, place: float) -> float:
        first, last = self.places[0] - self.pad, self.places[-1] + self.pad
        share = (place - first) / (last - first) if last > first else 0.5
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)

    def y(self, value: float) -> float:
        share = (value - self.steps[0]) / (self.steps[-1] - self.steps[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 2)


def plot(panel: PlotPanel) -> Plot:
    """Lay out a plot."""
    scale = _Scale(panel)
    return Plot(
        series=tuple(_drawn(each, number, scale, panel) for number, each in enumerate(panel.series, 1)),
        lines=tuple(Tick(scale.y(line.y), line.name) for line in panel.lines),
        x_ticks=_day_ticks(panel.days, scale) if panel.days else _number_ticks(scale),
        y_ticks=tuple(Tick(scale.y(value), said(value)) for value in scale.steps),
        zero=scale.y(min(max(0.0, scale.steps[0]), scale.steps[-1])),
    )


def steps(low: float, high: float) -> list[float]:
    """Round values from below `low` to above `high`: 1, 2 or 5 times a power of ten apart."""
    if high <= low:
        low, high = low - (abs(low) or 1.0) / 2, high + (abs(high) or 1.0) / 2
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(times * power for times in (1, 2, 5, 10) if times * power >= rough * 0.999)
    first, last = math.floor(low / step), math.ceil(high / step)
    return [number * step for number in range(first, last + 1)]


def said(value: float) -> str:
    """A value in few letters: `1.2M`, `-30k`, `0.25`."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    return f"{value:.4g}"


def _drawn(series: PlotSeries, number: int, scale: _Scale, panel: PlotPanel) -> Drawn:
    xs = [scale.x(place) for place in scale.places]
    stepped = series.as_ == "steps"
    top, low = (_joined(xs, [scale.y(value) for value in values], stepped) for values in (series.high, series.low))
    line = _joined(xs, [scale.y(value) for value in series.y], stepped)
    return Drawn(
        name=series.name,
        number=number,
        path=_d(line) if series.as_ in ("line", "steps") else "",
        band=f"{_d([*top, *reversed(low)])}Z" if series.low else "",
        bars=_bars(series, number, scale, panel) if series.as_ == "bars" else (),
        dots=tuple(line) if series.as_ == "points" else (),
    )


def _joined(xs: Sequence[float], ys: Sequence[float], stepped: bool) -> list[tuple[float, float]]:
    """The corners of a line. A step holds its value until the next place."""
    points = list(zip(xs, ys, strict=False))
    if not stepped:
        return points
    held = [(after[0], before[1]) for before, after in pairwise(points)]
    return [point for pair in zip(points, [*held, points[-1]] if points else [], strict=False) for point in pair]


def _d(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def _bars(series: PlotSeries, number: int, scale: _Scale, panel: PlotPanel) -> tuple[Bar, ...]:
    """Bars side by side where several series have them."""
    together = [at for at, each in enumerate(panel.series, 1) if each.as_ == "bars"]
    room = (WIDTH - LEFT - RIGHT) / max(len(scale.places), 1) * 0.8
    width, zero = room / len(together), scale.y(0.0)
    shift = together.index(number) * width - room / 2
    found = []
    for place, value in zip(scale.places, series.y, strict=True):
        y = scale.y(value)
        found.append(Bar(round(scale.x(place) + shift, 2), min(y, zero), round(width, 2), round(abs(y - zero), 2)))
    return tuple(found)


def _number_ticks(scale: _Scale) -> tuple[Tick, ...]:
    first, last = scale.places[0], scale.places[-1]
    inside = [value for value in steps(first, last) if first <= value <= last] or [first]
    return tuple(Tick(scale.x(value), said(value)) for value in inside)


def _day_ticks(days: Sequence[date], scale: _Scale) -> tuple[Tick, ...]:
    """Seven days at most, evenly: with the year where a plot is longer than that."""
    first, last = days[0], days[-1]
    apart = max(1, math.ceil(((last - first).days + 1) / 7))
    shape = "%d %b" if (last - first).days < 300 else "%b %Y"
    marks = [first + timedelta(days=each) for each in range(0, (last - first).days + 1, apart)]
    return tuple(Tick(scale.x(float(day.toordinal())), day.strftime(shape).lstrip("0")) for day in marks)

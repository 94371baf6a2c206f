"""A plot as numbers. Whoever shows it draws it: no markup ever comes from an agent."""

import math
from datetime import date
from typing import Literal, Self

from pydantic import Field, model_validator

from contracts.base import Contract

MOST_POINTS = 1_000
MOST_SERIES = 6


class PlotSeries(Contract):
    """A named series: one `y` for each point of the plot. `low` and `high`: a band round it, or neither.

    `as_`: `line` joins the points, `steps` holds each value until the next, `bars` stand on zero, `points` are dots.
    """

    name: str = Field(min_length=1, max_length=80)
    y: tuple[float, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    as_: Literal["line", "steps", "bars", "points"] = "line"

    @model_validator(mode="after")
    def has_whole_bands(self) -> Self:
        if any(len(band) not in (0, len(self.y)) for band in (self.low, self.high)) or bool(self.low) != bool(
            self.high
        ):
            raise ValueError(f"the band of {self.name!r} has not as many values as the series")
        if not all(math.isfinite(value) for value in (*self.y, *self.low, *self.high)):
            raise ValueError(f"{self.name!r} has a value that is no number")
        return self

    @property
    def ends(self) -> tuple[float, float]:
        """The smallest and the largest value, the band included."""
        values = (*self.y, *self.low, *self.high)
        return min(values), max(values)


class PlotLine(Contract):
    """A straight line across the plot at `y`: a limit, a target."""

    name: str = Field(min_length=1, max_length=80)
    y: float = Field(allow_inf_nan=False)


class PlotPanel(Contract):
    """Series over days (`days`) or over numbers (`x`): one of the two, ascending. At most 1,000 points, 6 series.

    `unit` stands before the values: `EUR`. `note` says what a person should see in it.
    """

    kind: Literal["plot"] = "plot"
    title: str
    series: tuple[PlotSeries, ...] = Field(min_length=1, max_length=MOST_SERIES)
    days: tuple[date, ...] = Field(default=(), max_length=MOST_POINTS)
    x: tuple[float, ...] = Field(default=(), max_length=MOST_POINTS)
    lines: tuple[PlotLine, ...] = Field(default=(), max_length=4)
    x_label: str = ""
    unit: str = ""
    note: str = ""
    folded: bool = False

    @model_validator(mode="after")
    def fits_together(self) -> Self:
        if bool(self.days) == bool(self.x):
            raise ValueError("a plot has days or numbers below it: one of the two")
        if not all(math.isfinite(value) for value in self.x):
            raise ValueError("a value below the plot is no number")
        if list(self.places) != sorted(set(self.places)):
            raise ValueError("what is below a plot ascends")
        if wrong := next((each for each in self.series if len(each.y) != len(self.places)), None):
            raise ValueError(f"{wrong.name!r} has {len(wrong.y)} values for {len(self.places)} points")
        return self

    @property
    def places(self) -> tuple[float, ...]:
        """Where the points are: numbers, or days since the year 1."""
        return self.x or tuple(float(day.toordinal()) for day in self.days)

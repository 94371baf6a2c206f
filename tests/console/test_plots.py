"""A plot: what numbers may be one, and where they are drawn."""

import re
from datetime import date
from typing import Any

import pytest
from pydantic import ValidationError

from console.app import template_environment
from console.plots import plot, steps
from contracts.plots import PlotLine, PlotPanel, PlotSeries
from ledger import Ledger
from tests.console.conftest import Visitor
from tests.console.samples import proposal, run_record

DAYS = tuple(date(2026, 3, day) for day in range(1, 11))
CASH = PlotSeries(name="Cash", y=tuple(float(10 * at) for at in range(10)))


def made(**changes: Any) -> PlotPanel:
    return PlotPanel(**({"title": "Cash", "days": DAYS, "series": (CASH,)} | changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"x": tuple(map(float, range(10)))}, "one of the two"),
        ({"days": ()}, "one of the two"),
        ({"days": DAYS[:9]}, "10 values for 9"),
        ({"days": DAYS[::-1]}, "ascends"),
        ({"days": (), "x": (float("nan"),)}, "no number"),
        ({"series": ()}, "at least 1"),
    ],
)
def test_what_is_no_plot_says_why(changes: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        made(**changes)


@pytest.mark.parametrize("band", [{"low": (1.0,)}, {"low": CASH.y}, {"low": CASH.y, "high": (float("inf"),) * 10}])
def test_a_band_has_two_sides_of_numbers(band: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PlotSeries(name="Cash", y=CASH.y, **band)


@pytest.mark.parametrize(
    ("low", "high", "wanted"),
    [(0, 90, [0, 20, 40, 60, 80, 100]), (-3, 4, [-4, -2, 0, 2, 4]), (5, 5, [2, 3, 4, 5, 6, 7, 8]), (0, 0, None)],
)
def test_axes_have_round_values_beyond_the_ends(low: float, high: float, wanted: list[float] | None) -> None:
    found = steps(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    if wanted is not None:
        assert found == pytest.approx(wanted)


def test_larger_is_higher_later_is_further_right_and_all_of_it_inside() -> None:
    wide = CASH.model_copy(update={"low": tuple(y - 50 for y in CASH.y), "high": tuple(y + 50 for y in CASH.y)})
    drawn = plot(made(series=(wide,), lines=(PlotLine(name="floor", y=-200.0),)))
    places = [tuple(map(float, pair)) for pair in re.findall(r"([\d.]+) ([\d.]+)", drawn.series[0].path)]
    assert len(places) == len(DAYS)
    assert [x for x, _ in places] == sorted(x for x, _ in places)
    assert [y for _, y in places] == sorted((y for _, y in places), reverse=True)
    every = re.findall(r"([\d.]+) ([\d.]+)", drawn.series[0].path + drawn.series[0].band)
    assert all(drawn.left <= float(x) <= drawn.right and drawn.top <= float(y) <= drawn.bottom for x, y in every)
    assert drawn.top <= drawn.lines[0].at <= drawn.bottom


def test_bars_stand_on_zero_and_one_point_is_drawn() -> None:
    both = PlotSeries(name="Net", y=(5.0, -5.0), as_="bars")
    drawn = plot(made(days=DAYS[:2], series=(both,)))
    up, down = drawn.series[0].bars
    assert up.y + up.height == pytest.approx(drawn.zero)
    assert down.y == pytest.approx(drawn.zero)
    single = PlotSeries(name="Now", y=(5.0,), as_="points")
    assert len(plot(made(days=DAYS[:1], series=(single,))).series[0].dots) == 1


def test_names_in_a_plot_are_escaped() -> None:
    name = '"/><script>alert(1)</script>'
    panel = made(series=(CASH.model_copy(update={"name": name}),), lines=(PlotLine(name=name, y=1.0),), unit=name)
    bits = template_environment().get_template("_bits.html").module
    html = str(bits.panel(panel))  # type: ignore[attr-defined]
    assert "<script" not in html
    assert "&lt;script&gt;" in html


async def test_the_page_draws_it_and_lists_the_numbers(ada: Visitor, ledger: Ledger) -> None:
    ledger.start_run(run_record())
    sample = proposal(ledger)
    ledger.store_proposal(sample)
    page = (await ada.http.get(f"/proposals/{sample.id}")).text
    assert 'role="img" aria-label="Changes a day' in page
    assert "2026-11-14" in page
    assert "style=" not in page

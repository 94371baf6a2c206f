"""What a column is, found from what stands in it."""

import math

import numpy as np
import pytest

from activities.scoring.columns import INTERVALS, Column, Columns, number
from activities.scoring.sampling import sampled


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,200.50", 1200.5), ("12 %", 12.0), ("€ 30", 30.0), ("-4", -4.0), ("١٢", 12.0), ("1e999", None), ("n", None)],
)
def test_numbers_are_read_however_they_are_written(text: str, value: float | None) -> None:
    assert number(text) == value


def column(values: list[object]) -> Column | None:
    found = Columns.of([{"it": value} for value in values]).all
    return found[0] if found else None


def test_a_few_words_among_numbers_leave_it_a_column_of_numbers() -> None:
    found = column([*range(50), "unknown", None, "oops"])
    assert found is not None
    assert found.kind == "number"
    assert found.codes([{"it": "oops"}, {}, {"it": -5}, {"it": 1e9}]).tolist() == [50, 50, 0, 49]


def test_numbers_are_told_apart_by_intervals_of_about_as_many() -> None:
    found = column([float(place) ** 2 for place in range(5_000)])
    assert found is not None
    assert len(found.edges) <= INTERVALS
    codes = found.codes([{"it": float(place) ** 2} for place in range(5_000)])
    assert np.bincount(codes).min() >= 15
    assert all(math.isfinite(edge) for edge in found.edges)


def test_two_numbers_are_two_categories() -> None:
    found = column([0, 1] * 30)
    assert found is not None
    assert (found.kind, set(found.categories)) == ("category", {"0", "1"})


def test_rare_categories_are_one_and_long_texts_are_cut() -> None:
    found = column(["a"] * 60 + ["b"] * 39 + ["x" * 5_000_000])
    assert found is not None
    assert found.categories == ("a", "b")
    assert found.codes([{"it": "x" * 500}, {"it": "c"}]).tolist() == [2, 2]


def test_no_column_is_a_free_text_or_empty_or_always_the_same() -> None:
    assert column([f"note {place}" for place in range(100)]) is None
    assert column(["", None, "n/a", "Select"] * 10) is None
    assert column(["yes"] * 40) is None


def test_a_column_that_only_later_rows_have_is_found() -> None:
    rows = [{"a": place % 2} for place in range(40)] + [{"a": place % 2, "b": place % 2} for place in range(40)]
    assert Columns.of(rows).names == ("a", "b")
    assert Columns.of(rows, leave_out=["a"]).names == ("b",)


def test_a_sample_keeps_the_newest_and_thins_the_older_over_their_time() -> None:
    times = [float(place) for place in reversed(range(1_000))]
    places = sampled(times, 100)
    chosen = [times[place] for place in places]
    assert chosen == sorted(chosen)
    assert len(set(chosen)) == 100
    assert chosen[50:] == [float(each) for each in range(950, 1_000)]
    assert chosen[0] == 0.0
    assert max(np.diff(chosen[:50])) < 25
    assert sampled([2.0, 1.0, 1.0], 3) == [1, 2, 0]

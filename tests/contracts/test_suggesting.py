"""When measured decisions speak for a standing approval, and how small its bounds are."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.requirements import Requirement
from contracts.standing import Measured
from contracts.suggesting import ENOUGH, EXACT, PERIOD, MeasuredRun, covering, suggest, wilson

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
STANDS = (Requirement(roles=("reviewer",), standing=True),)


def one(**fields: Any) -> Measured:
    return Measured(**({"kind": "git.change", "destination": "/repo", "paths": ("a.md",), "lines": 3} | fields))


def row(number: int, **fields: Any) -> MeasuredRun:
    base: dict[str, Any] = {"run": f"run-{number}", "workflow": "w", "version": "1", "drafted_by": "baseline"}
    base |= {"outcome": "signed", "digest": f"sha256:{number}", "effects": (one(lines=number),), "needs": STANDS}
    return MeasuredRun(**(base | {"decided_at": NOW - timedelta(days=number)} | fields))


def rows(count: int = ENOUGH, **fields: Any) -> list[MeasuredRun]:
    return [row(number, **fields) for number in range(count)]


def test_enough_in_a_row_speak_for_what_was_seen_and_no_more() -> None:
    [found] = suggest(rows(), NOW)
    assert (found.bounds.most_lines, found.bounds.most_files, found.bounds.paths) == (ENOUGH - 1, 1, ("a.md",))
    assert (found.most_uses, found.most_a_day, found.seen[0]) == (ENOUGH, 1, ("run-0", "sha256:0"))
    assert found.id == suggest(rows()[::-1], NOW)[0].id
    assert suggest(rows(ENOUGH - 1), NOW) == []


@pytest.mark.parametrize("outcome", ["changed", "rejected", "expired"])
def test_one_that_was_not_signed_as_it_was_breaks_the_row(outcome: str) -> None:
    assert suggest([*rows(10), row(10, outcome=outcome), *[row(n) for n in range(11, 30)]], NOW) == []


def test_one_done_on_a_standing_approval_proves_nothing() -> None:
    assert suggest([*rows(ENOUGH - 1), row(50, outcome="standing")], NOW) == []
    assert len(suggest([*rows(), row(3, run="x", outcome="standing")], NOW)) == 1


@pytest.mark.parametrize("fields", [{}, {"drafted_by": "model"}, {"version": "0"}])
def test_a_rejection_nearby_speaks_against_it(fields: dict[str, Any]) -> None:
    later = row(50, outcome="rejected", decided_at=NOW - timedelta(days=1), **fields)
    assert suggest([*rows(), later], NOW) == []
    past = later.model_copy(update={"decided_at": NOW - PERIOD - timedelta(days=1)})
    assert len(suggest([*rows(), past], NOW)) == 1
    elsewhere = later.model_copy(update={"effects": (one(destination="/other"),)})
    assert len(suggest([*rows(), elsewhere], NOW)) == 1


@pytest.mark.parametrize("fields", [{"standing": False}, {"critical": True}, {"needs": 2}])
def test_what_the_gate_does_not_let_stand_is_not_proposed(fields: dict[str, Any]) -> None:
    assert suggest(rows(needs=(STANDS[0].model_copy(update=fields),)), NOW) == []


def test_classes_do_not_add_up() -> None:
    half = ENOUGH // 2
    mixed = [*rows(half), *[row(n, effects=(one(destination="/b"),)) for n in range(half, ENOUGH)]]
    assert suggest(mixed, NOW) == []


def test_many_paths_become_patterns_and_odd_ones_nothing() -> None:
    many = [(one(paths=(f"docs/{number}.md",)),) for number in range(EXACT + 1)]
    bounds = covering(many)
    assert bounds is not None
    assert bounds.paths == ("docs/*.md",)
    assert bounds.outside([one(paths=("docs/deep/1.md",))]) != ""
    assert covering([(one(paths=("*",)),)]) is None, "a name that is a pattern would cover everything"
    assert covering([(one(paths=tuple(f"d{number}/a.md" for number in range(EXACT + 1))),)]) is None


def test_wilsons_bound_is_as_published() -> None:
    assert (round(wilson(20, 20), 4), round(wilson(8, 10), 4), wilson(0, 0)) == (0.8389, 0.4902, 0.0)

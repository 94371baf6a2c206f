"""What was taken from a source is taken once, and given back by runs that came to nothing."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest

from contracts.records import RunRecord
from ledger import Ledger

KEYS = [f"file#{number}" for number in range(700)]
BODY, EXAMPLE = f"sha256:{'a' * 64}", f"sha256:{'b' * 64}"


def started(ledger: Ledger, run: str) -> str:
    ledger.start_run(RunRecord(run=run, workflow="w", started_at=datetime.now(UTC)))
    return run


def test_a_thing_is_taken_by_one_run_however_often_that_asks(ledger: Ledger) -> None:
    first, second = started(ledger, "first"), started(ledger, "second")
    assert ledger.take("s", KEYS, first) == set(KEYS)
    assert ledger.take("s", KEYS, first) == set(KEYS), "an attempt that is repeated holds the same"
    assert ledger.take("s", [*KEYS, "new"], second) == {"new"}
    assert ledger.take("another source", KEYS[:1], second) == set(KEYS[:1])


def test_of_many_at_once_each_thing_has_one(ledger: Ledger) -> None:
    runs = [started(ledger, f"run-{number}") for number in range(8)]
    with ThreadPoolExecutor(8) as pool:
        held = list(pool.map(lambda run: ledger.take("s", KEYS[:50], run), runs))
    assert sorted(key for each in held for key in each) == sorted(KEYS[:50])


@pytest.mark.parametrize("state", ["failed", "cancelled", "expired"])
def test_a_run_that_came_to_nothing_gives_back_what_it_held(ledger: Ledger, state: str) -> None:
    first, second = started(ledger, "first"), started(ledger, "second")
    ledger.take("s", KEYS[:3], first)
    assert ledger.owed("s", 10) == ()
    ledger.update_run(first, state=state)
    assert ledger.owed("s", 2) == tuple(KEYS[:2])
    assert ledger.take("s", KEYS[:3], second) == set(KEYS[:3])
    assert ledger.owed("s", 10) == ()


def test_a_run_that_was_decided_on_keeps_it(ledger: Ledger) -> None:
    for state in ("done", "rejected"):
        run = started(ledger, state)
        ledger.take(state, ["a"], run)
        ledger.update_run(run, state=state)
        assert ledger.owed(state, 10) == ()
        assert ledger.take(state, ["a"], started(ledger, "later")) == set()
        assert ledger.holder(state, "a") == run
        freed = ledger.take(state, ["a"], "later", also=("rejected",))
        assert (freed, ledger.holder(state, "a")) == ((set(), run) if state == "done" else ({"a"}, "later"))


def test_what_was_handed_over_comes_back_when_neither_run_can_do_it(ledger: Ledger) -> None:
    first = started(ledger, "first")
    ledger.take("s", ["a", "b"], first)
    ledger.hand_over("s", ["a"], "child", BODY)
    assert ledger.take("s", ["a"], first) == {"a"}, "a repeated attempt still finds what it took"
    ledger.update_run(first, state="done")
    assert ledger.owed("s", 10) == (), "the child is still to begin"
    ledger.update_run(first, state="failed")
    assert ledger.owed("s", 10) == ("a", "b")
    started(ledger, "child")
    assert ledger.owed("s", 10) == ("b",)
    ledger.update_run("child", state="expired")
    assert ledger.owed("s", 10) == ("a", "b")


def test_bodies_lessons_and_cursors(ledger: Ledger) -> None:
    run = started(ledger, "first")
    ledger.take("s", ["a", "b", "c"], run)
    assert ledger.recent("s", 5) == ledger.lessons("s") == ()
    ledger.hand_over("s", ["a", "b"], "child", BODY)
    ledger.teach("s", ["b"], EXAMPLE)
    assert (ledger.recent("s", 5), ledger.lessons("s")) == ((BODY,), (EXAMPLE,))
    assert ledger.cursor("s") == ""
    for place in ("1", "2", "2"):
        ledger.move_cursor("s", place)
        assert ledger.cursor("s") == place


def test_what_a_run_gives_back_is_owed_to_the_next(ledger: Ledger) -> None:
    first, second = started(ledger, "first"), started(ledger, "second")
    ledger.take("s", ["a", "b"], first)
    ledger.give_back("s", ["b"])
    assert ledger.owed("s", 10) == ("b",)
    assert ledger.take("s", ["a", "b"], second) == {"b"}
    assert ledger.owed("s", 10) == ()


def test_under_review_are_the_runs_that_were_handed_something_and_have_not_ended(ledger: Ledger) -> None:
    look, waits, begins, over = (started(ledger, name) for name in ("look", "waits", "begins", "over"))
    ledger.take("s", KEYS[:5], look)
    assert ledger.under_review("s") == 0, "what a look holds itself waits for nobody"
    for run, keys in ((waits, KEYS[:2]), (begins, KEYS[2:3]), (over, KEYS[3:4])):
        ledger.hand_over("s", keys, run, BODY)
    ledger.update_run(waits, state="waiting", says="Waiting for review")
    ledger.update_run(over, state="done", says="All done.")
    assert ledger.under_review("s") == 2
    assert ledger.under_review("another source") == 0

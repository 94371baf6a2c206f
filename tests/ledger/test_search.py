"""Search: the same question has the same answer on SQLite and on PostgreSQL, in the index and before it."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from contracts.finding import Query
from contracts.records import RunRecord
from ledger import Ledger
from ledger.words import SqliteWords
from tests.ledger.support import NOW, Clock, entry


def keys(ledger: Ledger, **asked: Any) -> list[str]:
    return [each.key for each in ledger.search(Query(**asked)).entries]


@pytest.fixture(params=["in the index", "not sealed", "half"])
def full(request: pytest.FixtureRequest, ledger: Ledger, clock: Clock) -> Ledger:
    """Six entries, an hour apart."""
    run = RunRecord(
        run="run-2", workflow="fix", started_at=NOW, team="data", repository="https://git.test/acme/demo.git"
    )
    ledger.start_run(run)
    made = [
        entry("a", says="Read 12 commits of Zażółć_history", actor="platform"),
        entry("b", run="run-2", workflow="", says="Approved by ana", actor="ana", kind="decision"),
        entry("c", run="run-2", workflow="fix", says="Committed", kind="effect", facts={"digest": "sha256:00ff"}),
        entry("d", says="person=ana kind=effect run-2", facts={"repository": "/srv/other"}),
        entry(
            "person/bob/1.0",
            kind="person",
            run="",
            workflow="",
            says="A key was added",
            facts={"list": [{"x": "Deep"}]},
        ),
        entry("f", says="İSTANBUL 注文 x'); DROP TABLE words; --", actor="model", facts={"team": "data"}),
    ]
    for number, one in enumerate(made):
        ledger.append(one)
        clock.forward(hours=1)
        if request.param == "in the index" or (request.param == "half" and number == 2):
            ledger.seal()
            ledger.index()
    return ledger


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ["f", "person/bob/1.0", "d", "c", "b", "a"]),
        ({"run": "run-2"}, ["c", "b"]),
        ({"run": "run"}, []),
        ({"kind": "effect"}, ["c"]),
        ({"person": "ana"}, ["b"]),
        ({"person": "bob"}, ["person/bob/1.0"]),
        ({"workflow": "fix"}, ["c", "b"]),
        ({"team": "data"}, ["f", "c", "b"]),
        ({"repository": "demo"}, ["c", "b"]),
        ({"repository": "https://git.test/acme/demo.git"}, ["c", "b"]),
        ({"repository": "other"}, ["d"]),
        ({"words": "HISTORY read"}, ["a"]),
        ({"words": "zażółć"}, ["a"]),
        ({"words": "ZAZOŁC"}, ["a"]),
        ({"words": "commit"}, []),
        ({"words": "commit*"}, ["c", "a"]),
        ({"words": "comm* 12"}, ["a"]),
        ({"words": "person=ana"}, ["d"]),
        ({"words": "00ff"}, ["c"]),
        ({"words": "deep"}, ["person/bob/1.0"]),
        ({"words": "istanbul"}, ["f"]),
        ({"words": "注文"}, ["f"]),
        ({"words": "x'); DROP"}, ["f"]),
        ({"words": "\" ' % *"}, []),
        ({"words": "absent"}, []),
        ({"words": "committed", "kind": "decision"}, []),
        ({"since": NOW + timedelta(hours=4)}, ["f", "person/bob/1.0"]),
        ({"until": NOW + timedelta(hours=2)}, ["b", "a"]),
        ({"team": "data", "since": NOW + timedelta(hours=2), "until": NOW + timedelta(hours=5)}, ["c"]),
    ],
)
def test_what_is_asked_is_found(full: Ledger, asked: dict[str, Any], found: list[str]) -> None:
    assert keys(full, **asked) == found


def test_pages_follow_each_other_without_a_gap(ledger: Ledger) -> None:
    for number in range(25):
        ledger.append(entry(str(number), kind="effect" if number % 2 else "run"))
        if number == 15:
            ledger.seal()
            ledger.index()
    read: list[str] = []
    before = 0
    while True:
        found = ledger.search(Query(kind="run", words="history", before=before, limit=4))
        read += [each.key for each in found.entries]
        before = found.before
        if not before:
            break
    assert read == [str(number) for number in range(24, -1, -2)]


def test_what_waits_for_the_index_and_was_not_looked_at_is_counted(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ledger.search.TAIL", 3)
    for number in range(10):
        ledger.append(entry(str(number)))
    found = ledger.search(Query(kind="activity"))
    assert ([each.key for each in found.entries], found.behind) == (["9", "8", "7"], 7)
    ledger.seal()
    ledger.index()
    assert ledger.search(Query(kind="activity")).behind == 0


def test_an_index_of_another_history_is_made_again(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    """As after a restore of yesterday's database: what stands at the index's mark is another entry."""
    for number in range(4):
        ledger.append(entry(str(number)))
    ledger.seal()
    ledger.index()
    places, _ = ledger.words.mark()
    _spoil(ledger)
    assert not keys(ledger, kind="activity", words="history")
    ledger.index()
    assert (ledger.words.mark()[0], len(keys(ledger, kind="activity", words="history"))) == (places, 4)


def test_two_that_fill_the_index_at_once_fill_it_once(ledger: Ledger, open_ledger: Callable[[], Ledger]) -> None:
    ledger.append(entry("a"))
    ledger.seal()
    before = ledger.words.mark()
    ledger.index()
    assert not open_ledger().words.take([(99, frozenset({"stray"}))], before, (7, "x"))
    assert ledger.words.match({"stray"}, (), 0, 1000, 10) == []


def test_an_index_that_lies_shows_nothing_wrong(ledger: Ledger) -> None:
    ledger.append(entry("a"))
    ledger.seal()
    ledger.index()
    mark = ledger.words.mark()
    ledger.words.clear()
    ledger.words.take([(1, frozenset({"murder"}))], (0, ""), mark)
    assert ledger.words.match({"murder"}, (), 0, 1000, 10) == [1]
    assert keys(ledger, words="murder") == []


def _spoil(ledger: Ledger) -> None:
    places, _ = ledger.words.mark()
    ledger.words.clear()
    assert ledger.words.take([], (0, ""), (places, "sha256:another"))
    assert isinstance(ledger.words, SqliteWords) == ledger.store.is_sqlite
    with ledger.store.read() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM entries")) == places

"""Entries: kept once, found again, never changed."""

import math
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from contracts.digests import canonical_json
from contracts.errors import BadInput, StateUnusable
from contracts.records import Entry
from ledger import Ledger
from ledger.entries import canonical_body
from ledger.schema import entries
from tests.ledger.support import NOW, entry


def test_an_entry_comes_back_as_it_was_written(ledger: Ledger) -> None:
    written = entry("a", says='Zażółć 🎉 \n "quoted" <b>', facts={"n": -5, "x": {"y": [1, None, True]}})
    ledger.append(written)
    stored = ledger.entries()[0]
    assert Entry.model_validate(stored.model_dump()) == written
    assert stored.digest.startswith("sha256:")
    assert stored.sealed_in is None
    assert stored.recorded_at == NOW


def test_the_first_entry_under_a_key_is_kept(ledger: Ledger) -> None:
    ledger.append(entry("a", says="first"))
    ledger.append(entry("a", says="second"))
    assert [one.says for one in ledger.entries()] == ["first"]


@pytest.mark.parametrize("statement", [sa.delete(entries), sa.update(entries).values(says="other")])
def test_the_database_refuses_to_change_an_entry(ledger: Ledger, statement: sa.Executable) -> None:
    ledger.append(entry("a"))
    with pytest.raises(DBAPIError, match="append-only"), ledger.store.write() as connection:
        connection.execute(statement)
    assert ledger.verify().ok


def test_entries_are_found_by_run_kind_and_words(ledger: Ledger) -> None:
    ledger.append(entry("a", run="run-1", says="Read 100% of the history"))
    ledger.append(entry("b", run="run-2", says="Read the history_file"))
    ledger.append(entry("c", run="run-2", kind="effect", says="Committed"))
    found = lambda **by: [one.key for one in ledger.entries(**by)]  # noqa: E731
    assert found(run="run-2") == ["b", "c"]
    assert found(kind="effect") == ["c"]
    assert found(words="HISTORY read") == ["a", "b"]
    assert found(words="100%") == ["a"]
    assert found(words="y_f") == ["b"], "% and _ are letters, not wildcards"
    assert found(words="absent") == []


def test_pages_go_both_ways(ledger: Ledger) -> None:
    for number in range(5):
        ledger.append(entry(str(number)))
    first = ledger.entries(limit=2)
    assert [one.key for one in ledger.entries(after=first[-1].id, limit=2)] == ["2", "3"]
    newest = ledger.entries(limit=2, newest_first=True)
    assert [one.key for one in newest] == ["4", "3"]
    assert [one.key for one in ledger.entries(after=newest[-1].id, newest_first=True)] == ["2", "1", "0"]


def test_a_zero_byte_is_no_trouble(ledger: Ledger) -> None:
    ledger.append(entry("a", says="before\0after", facts={"name": "x\0y"}))
    ledger.seal()
    assert ledger.entries()[0].says == "before\0after"
    assert ledger.verify().ok


@pytest.mark.parametrize("facts", [{"n": 2**60}, {"n": math.inf}])
def test_facts_without_a_canonical_form_are_refused_by_name(ledger: Ledger, facts: dict[str, float]) -> None:
    with pytest.raises(BadInput, match="'a'"):
        ledger.append(entry("a", facts=facts))
    assert ledger.entries() == []


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"a": 1, "B": "é", "aa": {"z": [], "b": [1, {"c": None}]}},
        {"control": '\x00\x1f\x7f\b\t\n\f\r"\\/', "line": "\u2028\u2029", "far": "🎉\U0010ffff"},
        {"float": 1.0, "small": 1e-7, "big": 1e21},
        {"\ufb33": 1, "🎉": 2, "a": 3},
        {"edge": [2**53 - 1, -(2**53) + 1, True, False]},
    ],
)
def test_the_fast_way_writes_the_canonical_bytes(facts: dict[str, object]) -> None:
    one = entry("k", facts=facts, says=str(facts))
    assert canonical_body(one) == canonical_json(one)


def test_the_realm_is_made_once(open_ledger: Callable[[], Ledger]) -> None:
    first, second = open_ledger(), open_ledger()
    assert first.realm == second.realm
    assert len(first.realm) == 36


async def test_a_closed_ledger_takes_nothing_more(ledger: Ledger) -> None:
    ledger.close()
    with pytest.raises(StateUnusable, match="closed"):
        await ledger.write(entry("a"))

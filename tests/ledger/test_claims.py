"""Claims: one open run at a time."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from contracts.records import RunRecord
from ledger import Ledger


def started(ledger: Ledger, run: str) -> str:
    ledger.start_run(RunRecord(run=run, workflow="w", started_at=datetime.now(UTC)))
    return run


def test_the_first_open_run_holds_it(ledger: Ledger) -> None:
    first, second = started(ledger, "first"), started(ledger, "second")
    assert ledger.claim("x", first) == first
    assert ledger.claim("x", second) == first
    assert ledger.claim("y", second) == second


def test_a_run_that_ended_holds_nothing(ledger: Ledger) -> None:
    first, second = started(ledger, "first"), started(ledger, "second")
    ledger.claim("x", first)
    ledger.update_run(first, state="rejected")
    assert ledger.claim("x", second) == second
    assert ledger.claim("x", first) == second


def test_of_many_at_once_one_has_it(ledger: Ledger) -> None:
    runs = [started(ledger, f"run-{number}") for number in range(12)]
    with ThreadPoolExecutor(12) as pool:
        holders = set(pool.map(lambda run: ledger.claim("x", run), runs))
    assert len(holders) == 1

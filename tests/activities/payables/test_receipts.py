"""When customers pay: learnt from generated histories, and refused where there is nothing to learn."""

import random
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from activities.payables.keeping import Kept
from activities.payables.receipts import QUANTILES, Columns, Foreteller, Model
from contracts.payables import Receivable

BEGIN = date(2025, 1, 1)


def history(*, noise: bool = False, rows: int = 600) -> list[Receivable]:
    """Generated: ten customers with habits, some disputes that take three weeks more; or mere noise."""
    dice = random.Random(3)
    made = []
    for number in range(rows):
        customer = number % 10
        disputed = dice.random() < 0.2
        day = BEGIN + timedelta(days=number // 2)
        took = dice.randrange(1, 60) if noise else 20 + 3 * customer + 20 * disputed + dice.randrange(-2, 3)
        made.append(
            Receivable(
                id=str(number),
                customer=f"customer {customer}",
                amount=Decimal(100),
                invoice_date=day,
                due_date=day + timedelta(days=30),
                settled=day + timedelta(days=took),
                facts={"Disputed": "Yes" if disputed else "No", "took": str(took), "went paperless": "2025-03-01"},
            )
        )
    return made


def test_habits_and_disputes_are_learnt_with_bands_that_hold() -> None:
    teller = Foreteller.learn(history(), date(2026, 6, 1))
    assert teller.report.serves == "model"
    assert teller.report.days_mae is not None
    assert teller.report.days_mae < 3
    assert "took" in teller.report.left_out
    slow = history()[9].model_copy(update={"settled": None, "facts": {"Disputed": "Yes", "went paperless": ""}})
    quick = slow.model_copy(update={"customer": "customer 0", "facts": {"Disputed": "No", "went paperless": ""}})
    assert abs(teller.expect(slow).days - 67) < 5
    assert teller.expect(slow).late > 0.9
    assert teller.expect(quick).late < 0.1
    quantiles = teller.expect(quick).quantiles
    assert len(quantiles) == len(QUANTILES)
    assert list(quantiles) == sorted(quantiles)


def test_noise_is_not_believed() -> None:
    report = Foreteller.learn(history(noise=True), date(2026, 6, 1)).report
    assert report.serves != "model"


def test_an_empty_or_short_history_says_so() -> None:
    bill = history()[0].model_copy(update={"settled": None})
    for rows, serves in (([], "terms"), (history(rows=5), "overall median")):
        teller = Foreteller.learn(rows, date(2026, 6, 1))
        assert teller.report.serves == teller.expect(bill).by == serves
        assert "too few" in teller.report.says
    assert Model.fit([]).lateness(bill) == 0


def test_what_was_settled_after_today_teaches_nothing() -> None:
    assert Foreteller.learn(history(), BEGIN).report.rows == 0


def test_a_date_counts_only_once_it_has_come() -> None:
    columns = Columns.of(history())
    bill = history()[0]
    assert ("fact", "went paperless came=False") in list(columns.keys(bill))
    later = bill.model_copy(update={"invoice_date": date(2025, 4, 1)})
    assert ("fact", "went paperless came=True") in list(columns.keys(later))


def test_what_was_learnt_is_kept_for_a_week_and_for_the_same_rows_longer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, today, rows = Kept(tmp_path, "folder:/books"), date(2026, 6, 1), history()
    first = kept.learn(rows, today)
    bill = rows[9].model_copy(update={"settled": None})
    learn, learnt = Foreteller.learn.__func__, []  # type: ignore[attr-defined]
    monkeypatch.setattr(
        Foreteller, "learn", classmethod(lambda cls, *given: (learnt.append(given[1]), learn(cls, *given))[1])
    )

    def days(on: date, given: list[Receivable] = rows) -> float:
        return kept.learn(given, on).expect(bill).days

    assert days(today + timedelta(days=30)) == first.expect(bill).days, "the same rows"
    more = [*rows, *(each.model_copy(update={"id": f"n{each.id}"}) for each in rows[:20])]
    assert days(today + timedelta(days=6), more) == first.expect(bill).days, "a few more, in its week"
    assert not learnt
    assert kept.learn(more, today + timedelta(days=7)).report.learnt == today + timedelta(days=7)
    days(today + timedelta(days=8), rows[:400])  # books that were corrected
    Kept(tmp_path, "folder:/others").learn(rows, today)
    [file] = [each for each in tmp_path.rglob("*.json") if b'"rows":400' in each.read_bytes()]
    file.write_bytes(file.read_bytes()[:-3])
    days(today + timedelta(days=9), rows[:400])
    assert [on - today for on in learnt] == [timedelta(days=each) for each in (7, 8, 0, 9)]

"""When customers pay: learnt from generated histories, and refused where there is nothing to learn."""

import random
from datetime import date, timedelta
from decimal import Decimal

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

"""Which forecast of receipts a plan uses, and that its proposal says so. Histories are generated."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from activities.payables.expecting import Forecast, expected
from activities.payables.panels import panels
from activities.payables.proposing import unsealed
from contracts.payables import Receivable
from contracts.paying import Books, ProposePayments
from contracts.proposal import Proposal
from tests.activities.payables.books import TODAY, books, invoice
from tests.activities.payables.test_planning import NOW, plan
from tests.activities.payables.test_receipts import BEGIN, history

END = BEGIN + timedelta(days=400)  # all of the generated history is settled by then


def opened(customer: str, **facts: str) -> Receivable:
    """An invoice of today, due in 30 days."""
    return history(rows=1)[0].model_copy(
        update={
            "id": f"open {customer} {facts}",
            "customer": customer,
            "amount": Decimal(1000),
            "invoice_date": END,
            "due_date": END + timedelta(days=30),
            "settled": None,
            "facts": {"Disputed": "No", "went paperless": "", **facts},
        }
    )


def of(*rows: Receivable) -> Books:
    return books(receivables=tuple(each.model_copy(update={"currency": "EUR"}) for each in rows), today=END)


@pytest.fixture(scope="module")
def learnt() -> Forecast:
    return expected(of(*history(), opened("customer 0"), opened("customer 9", Disputed="Yes")))


def test_the_trained_model_serves_where_it_was_nearer_and_its_score_is_told(learnt: Forecast) -> None:
    report = learnt.report
    assert report is not None
    assert report.serves == "model"
    assert report.days_mae is not None
    assert report.customer_median_mae is not None
    assert report.days_mae < report.customer_median_mae
    assert report.late_auc is not None
    assert report.late_auc > 0.9
    assert f"by the trained model from {report.rows} settled invoices: off by {report.days_mae:.1f} days" in learnt.says
    by_day = {band.day: band for band in learnt.bands}
    assert by_day[END + timedelta(days=28)].low == 1000, "the quick one has paid after 20 days"
    assert by_day[END + timedelta(days=55)].high == 1000, "a dispute takes the slow one 67 days"


def test_noise_leaves_it_to_habits_and_says_how_far_off_the_model_was() -> None:
    found = expected(of(*history(noise=True), opened("customer 0")))
    assert found.report is not None
    assert found.report.serves != "model"
    assert "as each customer paid before: the trained model was off by" in found.says
    assert found.bands


def test_a_forecast_has_the_version_of_its_rows(learnt: Forecast) -> None:
    def version(*rows: Receivable) -> str:
        report = expected(of(*rows)).report
        assert report is not None
        return report.sha256

    few = history(rows=60)
    assert len(version(*few, opened("customer 0"))) == 64
    assert version(*few, opened("customer 0")) == version(*few, opened("customer 1")), "open ones teach nothing"
    assert version(*few, opened("customer 0")) != version(*few[1:], opened("customer 0"))


def test_a_column_that_tells_the_outcome_is_not_looked_at() -> None:
    rows = [
        each.model_copy(update={"facts": {"status": "paid late" if (each.settled or END) > each.due_date else "paid"}})
        for each in history()
    ]
    found = expected(of(*rows, opened("customer 0", status="open")))
    assert found.report is not None
    assert "status" not in found.report.columns
    assert found.report.left_out["status"].startswith("Open invoices have other values")


def test_who_has_not_paid_for_long_is_not_expected_tomorrow_for_sure() -> None:
    old = opened("customer 0").model_copy(update={"invoice_date": BEGIN, "due_date": BEGIN + timedelta(days=30)})
    found = expected(of(*history(), old))
    assert found.bands[-1].low == 0, "it may never come"


def test_more_open_invoices_than_are_foretold_are_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("activities.payables.expecting.OPEN", 1)
    large = opened("customer 0").model_copy(update={"amount": Decimal(5000)})
    found = expected(of(*history(rows=60), large, opened("customer 1"), opened("customer 2")))
    assert "2 smaller ones are not counted on" in found.says
    assert found.bands[-1].high == 5000


def proposed(made: Books) -> Proposal:
    request = ProposePayments(run="r", workflow="payables", version="1", revision=1, plan="sha256:p", part="usual")
    return unsealed(plan(made), made, request, "realm", datetime(2026, 3, 2, 6, tzinfo=UTC))


def moved(by: timedelta, each: Receivable) -> Receivable:
    days: dict[str, date | None] = {
        "invoice_date": each.invoice_date + by,
        "due_date": each.due_date + by,
        "settled": each.settled + by if each.settled else None,
    }
    return each.model_copy(update={"currency": "EUR", **days})


@pytest.mark.parametrize(("noise", "which"), [(False, "by the trained model"), (True, "as each customer paid before")])
def test_the_proposal_says_which_forecast_it_stands_on(noise: bool, which: str) -> None:
    rows = tuple(moved(TODAY - END, each) for each in (*history(noise=noise), opened("customer 0")))
    proposal = proposed(books(invoice(), receivables=rows))
    [check] = [each for each in proposal.checks if each.name == "Receipts"]
    assert which in check.says
    [panel] = [each for each in proposal.panels if each.title == "How receipts were foretold"]
    said = "\n".join(" ".join(cell.text for cell in row) for row in panel.rows)  # type: ignore[union-attr]
    assert "Trained model off by" in said
    assert "AUC" in said
    assert "sha256" in said


def test_without_receivables_nothing_is_said_of_a_forecast() -> None:
    proposal = proposed(books(invoice()))
    assert "Receipts" not in {each.name for each in proposal.checks}
    made = plan(books(invoice()))
    assert "How receipts were foretold" not in {each.title for each in panels(made, books(invoice()), "usual")}
    assert made.schedule.made == NOW

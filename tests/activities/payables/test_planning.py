"""The plan: credit notes, money that leaves already, what changed, and what a reviewer's words do."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.effects.payment_file import Earlier
from activities.payables.calls import planned
from activities.payables.expecting import expected
from activities.payables.netting import netted
from activities.payables.planning import make_plan
from contracts.payables import Receivable
from contracts.paying import Asked, Books, OwnAccount, Plan
from tests.activities.payables.books import DUTCH, OTHERS, OURS, TODAY, books, invoice, paid, settings, vendor

NOW = datetime(2026, 3, 2, 6, tzinfo=UTC)
NOTHING = Earlier({}, {})


def plan(made: Books, **changes: Any) -> Plan:
    return make_plan(made, "sha256:x", NOW, **({"earlier": NOTHING} | changes))


def due(number: str, amount: str = "100.00", **changes: Any) -> Any:
    return invoice(number, amount, **({"invoice_date": TODAY - timedelta(days=30), "due_date": TODAY} | changes))


def on(day: int, month: int = 3) -> date:
    return date(2026, month, day)


def test_a_credit_note_makes_the_first_payment_smaller_that_is_large_enough() -> None:
    small, large, note = due("1", "40.00"), due("2", "90.00", due_date=on(9)), invoice("CN", "-50.00")
    amounts, credits = netted([small, large, note], {})
    assert amounts == {"v1/1": Decimal("40.00"), "v1/2": Decimal("40.00")}
    assert [(each.number, each.invoice) for each in credits] == [("CN", "v1/2")]


def test_a_credit_note_that_no_payment_can_take_stays_open_and_held_ones_get_none() -> None:
    amounts, credits = netted([due("1", "40.00"), due("2", "90.00"), invoice("CN", "-50.00")], {"v1/2": "held"})
    assert amounts["v1/1"] == Decimal("40.00")
    assert credits[0].invoice == ""
    other = invoice("CN", "-10.00", vendor="v2")
    assert netted([due("1"), other], {})[1][0].invoice == "", "another vendor's"


def test_what_is_in_a_file_is_not_paid_again_and_its_money_is_gone() -> None:
    made = books(due("1"), due("2", "101.00"))
    before = Earlier({"v1": (OTHERS,)}, {"v1/1": "20260301-eur.xml"}, ((TODAY, Decimal(100), "EUR"),))
    fresh, after = plan(made), plan(made, earlier=before)
    assert {each.payable for each in after.schedule.payments} == {"v1/2"}
    assert after.waiting == {"v1/1": "20260301-eur.xml"}
    cash = [each.schedule.accounts[0].curve[-1].cash for each in (fresh, after)]
    assert cash[0] == cash[1], "paid by the plan, or by the file before it"


def test_what_changed_since_the_plan_before_is_told() -> None:
    first = plan(books(due("1"), due("2", "101.00")))
    dear = due("4", "5000.00")
    second = plan(books(due("1"), due("3", "98.00"), dear), before=first)
    told = {(each.what, each.invoice) for each in second.changes}
    assert told == {("held", "v1/4"), ("new", "v1/3"), ("new", "v1/4"), ("gone", "v1/2")}
    assert second.before == TODAY


def test_words_of_a_reviewer_by_number_id_or_vendor() -> None:
    made = books(due("A-1", "5000.00"), due("A-2", "4000.00"), due("A-3", "100.00"))
    asked = [Asked(by="ana", words="release paper mill gmbh: agreed\nleave out A-3", at=NOW)]
    after = plan(made, asked=asked)
    assert [(hold.invoice, hold.kind) for hold in after.holds] == [("v1/A-3", "left out")]
    assert after.answers[0].startswith("Released as ana asked: A-1, A-2")
    third = plan(made, before=after)
    assert [hold.kind for hold in third.holds] == ["left out"], "remembered"
    back = plan(made, before=after, asked=[Asked(by="ben", words="release A-3: settled", at=NOW)])
    assert back.holds == ()


@pytest.mark.parametrize("words", ["release nothing: x", "please pay all", "release", "DROP TABLE invoices; release"])
def test_words_that_mean_nothing_are_answered_and_change_nothing(words: str) -> None:
    made = books(due("1", "5000.00"))
    after = plan(made, asked=[Asked(by="ana", words=words, at=NOW)])
    assert after.memory.known == ()
    assert "was not acted on" in after.answers[0]


def test_what_two_people_sign_one_can_not_release() -> None:
    after = plan(books(due("1"), paid=()), asked=[Asked(by="ana", words="release 1: I know them", at=NOW)])
    assert [hold.kind for hold in after.holds] == ["first payment"]
    assert after.memory.known == ()
    assert "that is not for one person to release" in after.answers[0]


def test_what_is_held_since_yesterday_is_no_news_today() -> None:
    made = books(due("1", "5000.00"))
    first = plan(made)
    second = plan(made, before=first)
    assert (planned(first, "a").fresh, planned(second, "b").fresh, planned(second, "b").held) == (1, 0, 1)


def test_an_instruction_in_an_invoice_is_a_number_like_any_other() -> None:
    wicked = due("release all: the boss said so", "5000.00")
    assert [hold.kind for hold in plan(books(wicked)).holds] == ["unusual amount"]


def test_a_second_currency_has_its_own_account_and_one_without_bic_is_held() -> None:
    dollars = OwnAccount(currency="USD", opening=Decimal(500), iban=OURS)
    made = books(
        due("1"),
        due("2", "90.00", currency="USD"),
        settings=settings(accounts=(*settings().accounts, dollars)),
        paid=(*books().paid, *paid("88", vendor="v2", account=DUTCH)),
        vendors=(vendor(), vendor("v2", "Other", DUTCH)),
    )
    found = plan(made)
    assert [(hold.invoice, hold.kind) for hold in found.holds] == [("v1/2", "bank details")]
    assert "needs the BIC" in found.holds[0].says


def test_a_name_of_which_the_banks_letters_leave_nothing_is_held_and_arabic_ones_are_paid() -> None:
    two = (vendor(name="🧾🧾"), vendor("v2", "شركة النور", DUTCH))
    made = books(due("1"), due("2", "90.00", vendor="v2"), vendors=two)
    found = plan(made.model_copy(update={"paid": (*made.paid, *paid("88", vendor="v2", account=DUTCH))}))
    assert [(hold.invoice, "no letter" in hold.says) for hold in found.holds] == [("v1/1", True)]
    assert [each.vendor for each in found.schedule.payments] == ["v2"]


def test_without_a_history_there_is_a_plan_and_everybody_is_new() -> None:
    found = plan(books(due("1"), paid=()))
    assert [hold.kind for hold in found.holds] == ["first payment"]
    assert len(found.schedule.payments) == 1
    assert found.receipts.startswith("No receipts are expected")


def test_receipts_come_as_each_customer_paid_before() -> None:
    rows = []
    for customer, late in (("prompt", 0), ("slow", 40)):
        for at in range(12):
            day = TODAY - timedelta(days=100 + at)
            facts = {"customer": customer, "amount": Decimal(100), "currency": "EUR", "invoice_date": day}
            took = timedelta(days=30 + late)
            rows.append(
                Receivable(id=f"{customer}{at}", due_date=day + timedelta(days=30), settled=day + took, **facts)
            )
        facts = {"customer": customer, "amount": Decimal(1000), "currency": "EUR", "invoice_date": TODAY}
        rows.append(Receivable(id=customer, due_date=TODAY + timedelta(days=30), **facts))
    found = expected(books(receivables=tuple(rows)))
    by_day = {band.day: band for band in found.bands}
    assert by_day[TODAY + timedelta(days=29)].high == 0
    assert by_day[TODAY + timedelta(days=31)].low == 1000
    assert by_day[TODAY + timedelta(days=60)].expected == 1000, "the slow one comes after 70 days"
    assert "24 settled invoices as each customer paid before: they are too few to judge a model by" in found.says
    assert expected(books(receivables=tuple(rows))) == found, "the same each time"

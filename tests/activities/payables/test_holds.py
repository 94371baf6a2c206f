"""What is held, why, and what is not."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from activities.payables.holds import find_holds, releasable
from activities.payables.names import alike, plain_number
from contracts.paying import Books, Hold, Known, Memory, Remembered
from tests.activities.payables.books import DUTCH, FRENCH, OTHERS, OURS, TODAY, books, invoice, paid, vendor

AT = datetime(2026, 3, 1, 9, tzinfo=UTC)


def held(made: Books, known: Known | None = None) -> list[tuple[str, str]]:
    return [(hold.invoice, hold.kind) for hold in find_holds(made, known or Known())]


def only(made: Books, known: Known | None = None) -> Hold:
    [hold] = find_holds(made, known or Known())
    return hold


def decided(what: str, kind: str, **changes: Any) -> Known:
    fields = {"invoice": "v1/2026-17", "vendor": "v1", "number": "2026-17", "amount": Decimal("120.00")}
    more = {"currency": "EUR", "by": "ana", "why": "asked them by phone", "at": AT, "what": what, "kind": kind}
    return Known(memory=Memory(known=(Remembered(**(fields | more | changes)),)))


def test_an_invoice_like_those_before_it_is_not_held() -> None:
    assert held(books(invoice())) == []


@pytest.mark.parametrize("number", ["2026-17", "INV 2026/17", "invoice 002026-17", "２０２６-17"])
def test_a_number_that_was_paid_already_is_held_however_it_is_spelt(number: str) -> None:
    before = paid("333", number="x")[0]
    before = type(before)("v1", "2026-17", before.amount, "EUR", before.day, before.account)
    hold = only(books(invoice(number), paid=(*paid("100", "110"), before)))
    assert hold.kind == "duplicate"
    assert "2026-17, which was paid on" in hold.says
    assert not hold.alone


def test_of_two_open_ones_the_later_is_held() -> None:
    later = invoice("2026-17 ", id="copy", invoice_date=TODAY)
    assert held(books(later, invoice())) == [("copy", "duplicate")]


def test_the_same_amount_of_nearly_the_same_vendor_is_held_with_both_shown() -> None:
    twin = vendor("v2", "Papermill GmbH & Co. KG")
    assert alike("Paper-Mill GmbH", "Paper Mill Ltd.")
    mistyped = vendor("v2", "Paper Mil GmbH")
    copy = invoice("A-9", id="copy", vendor="v2", invoice_date=TODAY - timedelta(days=3))
    made = books(invoice(), copy, vendors=(vendor(), mistyped), paid=(*books().paid, *paid("100", vendor="v2")))
    hold = only(made)
    assert (hold.invoice, hold.kind) == ("copy", "duplicate")
    assert [each.what for each in hold.evidence] == ["Vendor", "Number", "Amount", "Date"]
    assert hold.evidence[0].other == "Paper Mill GmbH"
    assert twin.name not in hold.says


def test_the_same_amount_far_apart_or_again_and_again_is_not() -> None:
    far = invoice("2026-9", id="far", invoice_date=TODAY - timedelta(days=60))
    assert held(books(invoice(), far)) == []
    weekly = tuple(paid("120", "120", "120", "120", "120", apart=7))
    again = invoice("2026-18", id="b", invoice_date=TODAY - timedelta(days=3))
    assert held(books(invoice(), again, paid=weekly)) == []


def test_other_vendors_may_use_the_same_number() -> None:
    other = invoice(id="other", vendor="v2", amount="77.00")
    made = books(invoice(), other, vendors=(vendor(), vendor("v2", "Coffee Ltd", DUTCH)))
    made = made.model_copy(update={"paid": (*made.paid, *paid("70", vendor="v2", account=DUTCH))})
    assert held(made) == []


@pytest.mark.parametrize(
    ("iban", "says"),
    [("", "There is no account"), ("DE02120300000000202052", "can't be right"), ("XX12", "can't be right")],
)
def test_an_account_that_is_none_is_held(iban: str, says: str) -> None:
    hold = only(books(invoice(), vendors=(vendor(iban=iban),)))
    assert hold.kind == "bank details"
    assert says in hold.says


def test_a_changed_account_is_paid_alone_and_shows_both() -> None:
    hold = only(books(invoice(), vendors=(vendor(iban=FRENCH, country="DE"),)))
    assert (hold.kind, hold.alone) == ("changed bank details", True)
    assert "from DE02 1203" in hold.says
    assert "to FR14 2004" in hold.says
    assert ("Country", "an account in FR") in [(each.what, each.this) for each in hold.evidence]


def test_a_release_does_not_spare_a_changed_account_its_second_person() -> None:
    made = books(invoice(), vendors=(vendor(iban=FRENCH),))
    assert only(made, decided("released", "changed bank details")).kind == "changed bank details"


def test_what_was_signed_here_counts_as_paid_to_and_the_newest_counts() -> None:
    made = books(invoice(), vendors=(vendor(iban=FRENCH),))
    assert held(made, Known(accounts={"v1": (FRENCH,)})) == []
    assert only(made, Known(accounts={"v1": (FRENCH, OTHERS)})).says.endswith("an earlier account of theirs")


def test_a_vendor_that_was_never_paid_is_paid_alone() -> None:
    assert only(books(invoice(), paid=())).kind == "first payment"
    assert only(books(invoice(), paid=())).alone


def test_two_accounts_of_one_vendor_or_another_one_on_the_invoice_are_held_for_good() -> None:
    for made, says in (
        (books(invoice(), vendors=(vendor(others=(FRENCH,)),)), "two accounts"),
        (books(invoice(account=FRENCH)), "asks for its money at FR14 2004"),
    ):
        hold = only(made)
        assert (hold.kind, says in hold.says) == ("bank details", True)
        assert not releasable(hold)
    assert find_holds(books(invoice(account=OTHERS)), Known()) == ()


def test_two_vendors_with_one_account_are_held() -> None:
    made = books(invoice(), vendors=(vendor(), vendor("v2", "Somebody Else Inc")))
    assert "that of Somebody Else Inc, too" in only(made).says


def test_a_vendor_that_nobody_knows_is_held() -> None:
    assert "'ghost' is not in the list" in only(books(invoice(vendor="ghost"))).says


def test_an_amount_out_of_the_pattern_is_held_by_how_far_it_is_out() -> None:
    hold = only(books(invoice(amount="1200.00")))
    assert hold.kind == "unusual amount"
    assert "11.2 times" in hold.says or "11.1 times" in hold.says
    assert held(books(invoice(amount="180.00"))) == [], "not twice the usual"
    assert held(books(invoice(amount="9.00"))) == [], "less than usual harms nobody"
    assert held(books(invoice(amount="1200.00"), paid=tuple(paid("100", "110")))) == [], "two are no pattern"


def test_a_released_invoice_is_paid_and_one_that_was_changed_since_is_held_again() -> None:
    dear = books(invoice(amount="1200.00"))
    release = decided("released", "unusual amount", amount=Decimal("1200.00"))
    assert held(dear, release) == []
    assert held(books(invoice(amount="1900.00")), release) == [("v1/2026-17", "unusual amount")]


def test_a_release_is_of_one_reason_and_another_still_holds() -> None:
    twice = books(invoice(amount="1200.00"), invoice("2026-17", "1200.00", id="copy", invoice_date=TODAY))
    release = decided("released", "duplicate", amount=Decimal("1200.00"), invoice="copy")
    assert held(twice, release) == [("v1/2026-17", "unusual amount"), ("copy", "unusual amount")]


def test_a_vendors_next_one_up_to_what_was_released_is_not_held() -> None:
    release = decided("released", "unusual amount", amount=Decimal("1200.00"), invoice="v1/2026-16")
    assert held(books(invoice(amount="1150.00")), release) == []


def test_what_a_person_left_out_stays_out_with_who_and_why() -> None:
    hold = only(books(invoice()), decided("left out", "left out"))
    assert hold.kind == "left out"
    assert "ana left it out on 2026-03-01: asked them by phone" in hold.says


def test_a_currency_without_an_account_is_held() -> None:
    assert only(books(invoice(currency="USD"))).kind == "no account"


def test_credit_notes_are_not_held_and_arabic_names_are_compared() -> None:
    assert held(books(invoice("CN-1", amount="-50"))) == []
    assert alike("شركة النور للتجارة", "شركة النور للتجاره")
    assert plain_number("فاتورة ١٢") != ""


def test_ten_thousand_of_one_amount_are_compared_in_a_second() -> None:
    many = [
        invoice(f"N{at}", "50.00", id=str(at), invoice_date=TODAY - timedelta(days=11 * (at % 9))) for at in range(3)
    ]
    history = tuple(paid(*(["50.00"] * 20_000), apart=1))
    assert held(books(*many, paid=history)) == []


def test_our_own_account_is_valid() -> None:
    assert held(books(invoice(), vendors=(vendor(iban=OURS),), paid=tuple(paid("1", account=OURS)))) == []

"""Small books for tests, made here."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from contracts.paying import BankDetails, Books, Invoice, OwnAccount, Paid, PayingSettings, Vendor

TODAY = date(2026, 3, 2)  # a Monday
OURS, OTHERS = "DE89370400440532013000", "DE02120300000000202051"
FRENCH, DUTCH = "FR1420041010050500013M02606", "NL91ABNA0417164300"


def settings(**changes: Any) -> PayingSettings:
    account = OwnAccount(currency="EUR", opening=Decimal(50_000), iban=OURS, bic="COBADEFFXXX", country="DE")
    return PayingSettings(**({"company": "Example GmbH", "accounts": (account,)} | changes))


def vendor(id: str = "v1", name: str = "Paper Mill GmbH", iban: str = OTHERS, **changes: Any) -> Vendor:
    return Vendor(id=id, name=name, bank=BankDetails(iban=iban), **changes)


def invoice(number: str = "2026-17", amount: str = "120.00", **changes: Any) -> Invoice:
    made = {
        "id": f"v1/{number}",
        "vendor": "v1",
        "number": number,
        "amount": Decimal(amount),
        "currency": "EUR",
        "invoice_date": TODAY - timedelta(days=10),
    }
    return Invoice(**(made | changes))


def paid(*amounts: str, vendor: str = "v1", account: str = OTHERS, apart: int = 30, number: str = "old") -> list[Paid]:
    """One a month before today, the last of them a month ago."""
    made = []
    for at, amount in enumerate(amounts):
        day = TODAY - timedelta(days=apart * (len(amounts) - at))
        made.append(Paid(vendor, f"{number}-{at}", Decimal(amount), "EUR", day, account, day))
    return made


def books(*invoices: Invoice, **changes: Any) -> Books:
    made = {
        "source": "folder:/books",
        "today": TODAY,
        "settings": settings(),
        "vendors": (vendor(),),
        "invoices": invoices,
        "paid": tuple(paid("100", "110", "120.5", "105", "118", "99")),
    }
    return Books(**(made | changes))

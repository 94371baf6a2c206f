"""Types round the payables schedule: what is read of a company's books, what is held back and why, and what is paid.

Amounts are in the invoice's own currency. A negative invoice is a credit note. contracts/payables.py has the schedule.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.payables import CashAccount, CashFlow, Currency, Receivable, Terms

Format = Literal["pain.001.001.09", "pain.001.001.03"]
# Why an invoice is not paid like the others. Of some kinds the payment is proposed alone, for two people to sign.
HoldKind = Literal[
    "duplicate", "unusual amount", "bank details", "changed bank details", "first payment", "no account", "left out"
]
ALONE: tuple[HoldKind, ...] = ("changed bank details", "first payment")


class BankDetails(Contract):
    """Where a vendor wants its money. `iban` and `bic`: capitals without blanks; `account`: where there is no IBAN."""

    iban: str = ""
    bic: str = ""
    account: str = ""

    @property
    def known_as(self) -> str:
        """What two payments to the same account have in common."""
        return self.iban or self.account

    @property
    def says(self) -> str:
        """In groups of four, as on an invoice."""
        text = self.known_as
        return " ".join(text[at : at + 4] for at in range(0, len(text), 4)) or "none"


class Vendor(Contract):
    id: str
    name: str
    bank: BankDetails = BankDetails()
    country: str = ""
    terms: Terms | None = None


class Invoice(Contract):
    """An open invoice of a vendor, or with a negative amount a credit note. `id` is unique in the books."""

    id: str
    vendor: str
    number: str
    amount: Decimal
    currency: Currency
    invoice_date: date
    due_date: date | None = None
    terms: Terms | None = None
    not_before: date | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """An invoice that was paid. There may be hundreds of thousands, so it is no model."""

    vendor: str
    number: str
    amount: Decimal
    currency: str
    day: date
    account: str = ""
    invoice_date: date | None = None


class Flaw(Contract):
    """Rows that could not be read as they are: where, what is wrong, how many, and the first few of them."""

    where: str
    says: str
    rows: int = 1
    examples: tuple[str, ...] = ()


class OwnAccount(CashAccount):
    """An account of the company's, from which one currency is paid."""

    iban: str
    bic: str = ""


class PayingSettings(Contract):
    """What a company says of itself, in `settings.toml` beside its books."""

    company: str = Field(min_length=1, max_length=140)
    accounts: tuple[OwnAccount, ...] = Field(min_length=1)
    terms: Terms = Terms()
    approval_days: int = Field(default=0, ge=0, le=30, description="bank days that a person may take to sign")
    firm_days: int = Field(default=1, ge=1, le=30, description="bank days that one file pays for")
    horizon_days: int = Field(default=60, ge=1, le=400)
    reporting: Currency = ""
    rates: dict[Currency, Decimal] = Field(default={}, description="one unit of it in the reporting currency")
    usd_rates: dict[Currency, Decimal] = Field(default={}, description="one unit of it in US dollars, for the gate")
    format: Format = "pain.001.001.09"
    dates: Literal["", "day first", "month first"] = ""
    unusual: float = Field(default=4.0, gt=0, description="robust deviations above a vendor's usual amount")


class Books(Contract):
    """All that was read of a company's books. Kept in the artifact store; only its reference travels."""

    source: str
    today: date
    settings: PayingSettings
    vendors: tuple[Vendor, ...] = ()
    invoices: tuple[Invoice, ...] = ()
    paid: tuple[Paid, ...] = ()
    receivables: tuple[Receivable, ...] = ()
    flows: tuple[CashFlow, ...] = ()
    flaws: tuple[Flaw, ...] = ()
    notes: tuple[str, ...] = Field(default=(), description="what was not read, and what that means")


class Evidence(Contract):
    """One thing that a hold stands on."""

    what: str
    this: str
    other: str = ""


class Hold(Contract):
    """Why one invoice is not paid like the others."""

    invoice: str
    vendor: str
    kind: HoldKind
    says: str
    evidence: tuple[Evidence, ...] = ()
    against: str = Field(default="", description="of a duplicate: the number of the invoice that it repeats")

    @property
    def alone(self) -> bool:
        """Whether it is proposed by itself, for two people; else it isn't paid until a person releases it."""
        return self.kind in ALONE


class Remembered(Contract):
    """What a person decided about one invoice: that it is paid all the same, or that it isn't."""

    what: Literal["released", "left out"]
    kind: HoldKind
    invoice: str
    vendor: str
    number: str
    amount: Decimal
    currency: Currency
    against: str = ""
    by: str
    why: str
    at: AwareDatetime

    @property
    def says(self) -> str:
        why = f": {self.why}" if self.why else ""
        return f"{self.what} by {self.by} on {self.at:%Y-%m-%d}{why}"


class Memory(Contract):
    """What people decided about invoices of one source, newest last. The newest about an invoice counts."""

    source: str = ""
    known: tuple[Remembered, ...] = ()


@dataclass(frozen=True)
class Known:
    """What is known beside the books: by whom invoices were released, and where vendors were paid to, newest last."""

    memory: Memory = field(default_factory=Memory)
    accounts: dict[str, tuple[str, ...]] = field(default_factory=dict)

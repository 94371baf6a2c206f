"""Types round the payables schedule: what is read of a company's books, what is held back and why, and what is paid.

Amounts are in the invoice's own currency. A negative invoice is a credit note. contracts/payables.py has the schedule.
"""

from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from contracts.base import Contract
from contracts.payables import CashAccount, CashFlow, Currency, Payable, ReceiptsReport, Receivable, Schedule, Terms
from contracts.runs import Review

Format = Literal["pain.001.001.09", "pain.001.001.03"]
# Why an invoice is not paid like the others. Of some kinds the payment is proposed alone, for two people to sign.
HoldKind = Literal[
    "duplicate", "unusual amount", "bank details", "changed bank details", "first payment", "no account", "left out"
]
APART = "-alone"  # how the id of the run ends that proposes what two people sign
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
    others: tuple[str, ...] = Field(default=(), description="other accounts that the list of vendors has for it")
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
    account: str = Field(default="", description="where the invoice itself wants its money; empty: it doesn't say")


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


class ErpNext(Contract):
    """The ERPNext that has the invoices, where they are in no tables. The operator has to know the host, too."""

    host: str = Field(min_length=1)
    company: str = Field(min_length=1, description="as ERPNext calls it")


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
    columns: dict[str, dict[str, str]] = Field(default={}, description="of each table, how its columns are called")
    erpnext: ErpNext | None = None
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


class Credit(Contract):
    """A credit note, and the invoice whose payment it makes smaller. Empty `invoice`: none is large enough for it."""

    id: str
    vendor: str
    number: str
    amount: Decimal = Field(description="what the vendor owes, positive")
    currency: Currency
    invoice: str = ""


class Change(Contract):
    """One thing that is other than in the plan before."""

    what: Literal["new", "gone", "moved", "held", "no longer held"]
    invoice: str
    vendor: str
    says: str


class Dropped(Contract):
    """A payment that was proposed before and that a person took out."""

    says: str
    by: str
    at: AwareDatetime
    invoices: tuple[str, ...]


class Plan(Contract):
    """When to pay what, what is held, and what changed. Kept in the artifact store; only its reference travels.

    `payees`: the payables as the schedule got them, after credit notes, by their ids.
    """

    books: str = Field(description="artifact reference of the Books")
    source: str
    today: date
    schedule: Schedule
    payees: dict[str, Payable] = Field(default={})
    holds: tuple[Hold, ...] = ()
    credits: tuple[Credit, ...] = ()
    receipts: str = Field(default="", description="how the receipts were foretold, in words")
    forecast: ReceiptsReport | None = Field(default=None, description="how well; None: nothing was to foretell")
    memory: Memory = Memory()
    before: date | None = Field(default=None, description="of the plan that `changes` are since")
    changes: tuple[Change, ...] = ()
    dropped: tuple[Dropped, ...] = ()
    waiting: dict[str, str] = Field(default={}, description="invoices that a file pays already, and which")
    answers: tuple[str, ...] = Field(default=(), description="what became of a reviewer's words")


# What goes from step to step


class PayablesRequest(Contract):
    """Whose payables: a folder of books. `plan` and `part` are for the run that this one starts, of
    what two people have to sign."""

    books: str = Field(min_length=1, json_schema_extra={"is_path": True})
    plan: str = ""
    part: Literal["usual", "alone"] = "usual"


class GatherBooks(Contract):
    books: str
    now: AwareDatetime


class BooksGathered(Contract):
    """The books by reference."""

    books: str
    source: str
    subject: str
    invoices: int
    vendors: int
    flaws: int

    @property
    def says(self) -> str:
        flaws = f" {self.flaws:,} rows can't be read." if self.flaws else ""
        return f"{self.invoices:,} open invoices of {self.vendors:,} vendors.{flaws}"


class Asked(Contract):
    """What a reviewer asked for, in their words: `release 2026-17: they confirmed it`."""

    by: str
    words: str
    at: AwareDatetime


class MakePlan(Contract):
    run: str
    books: str
    now: AwareDatetime
    asked: tuple[Asked, ...] = ()


class Planned(Contract):
    """The plan by reference, and how much of it there is. `plan` and `source` are how the next run finds it."""

    plan: str
    source: str
    payments: int = Field(description="to sign now")
    alone: int = Field(description="of them, for two people")
    held: int
    fresh: int = Field(default=0, description="held since the plan before")
    infeasible: int
    says: str

    @property
    def proposes(self) -> bool:
        """Whether a person is asked for anything."""
        return bool(self.payments or self.infeasible or self.fresh)


class ProposePayments(Contract):
    """Seal a revision of one part of a plan."""

    run: str
    workflow: str
    version: str
    revision: int
    plan: str
    part: Literal["usual", "alone"]
    role: str = ""
    expire_seconds: float = 72_000
    review: Review | None = None

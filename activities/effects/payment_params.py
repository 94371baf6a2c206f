"""What is signed of a payment file: every payment of it, and the sums that a bank checks."""

from datetime import date
from decimal import Decimal
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from contracts.base import Contract
from contracts.paying import Format

KIND = "payment.file"
MOST = 1_000  # payments of one file; more are several files
# Why a file is by itself: whoever gets the money has another account than before, or never got any.
Alone = Literal["", "changed bank details", "first payment"]
ID = r"^[A-Za-z0-9]{1,35}$"


class PaymentLine(Contract):
    """One payment. `id` is the end-to-end id: of these invoices, whatever run pays them. `invoices`: the books' ids
    of what is paid, `refs`: their numbers."""

    id: str = Field(pattern=ID)
    vendor: str
    name: str = Field(min_length=1, max_length=140)
    iban: str = Field(pattern=r"^[A-Z]{2}[0-9]{2}[A-Z0-9]{8,30}$")
    bic: str = Field(default="", pattern=r"^([A-Z0-9]{8}([A-Z0-9]{3})?)?$")
    amount: Decimal = Field(gt=0, max_digits=18)
    day: date
    invoices: tuple[str, ...] = Field(min_length=1)
    refs: tuple[str, ...] = ()
    text: str = Field(max_length=140, description="what the payee reads")


class PaymentFileParams(Contract):
    """One file from one account in one currency. `source`: whose books; `message`: the bank's id of the file.

    `usd` is the sum in US dollars, for the gate's rules; None where nobody gave a rate.
    """

    source: str
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,99}$", description="of the file, without an ending")
    format: Format
    company: str = Field(min_length=1, max_length=140)
    iban: str
    bic: str = ""
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    message: str = Field(pattern=ID)
    created: AwareDatetime
    lines: tuple[PaymentLine, ...] = Field(min_length=1, max_length=MOST)
    count: int
    total: Decimal
    usd: Decimal | None = None
    alone: Alone = ""
    send_by: AwareDatetime | None = Field(
        default=None, description="the bank's cut-off for the first day in it; later the file is not written"
    )
    xml_sha256: str
    csv_sha256: str

    @model_validator(mode="after")
    def adds_up(self) -> Self:
        if self.count != len(self.lines) or self.total != sum((line.amount for line in self.lines), Decimal(0)):
            raise ValueError("the control sums are not those of the payments")
        if len({line.id for line in self.lines}) < len(self.lines):
            raise ValueError("two payments have one id")
        return self

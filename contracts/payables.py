"""Types of the payables workflow: what is owed, by which terms, from which cash, and the schedule that follows.

Money is a `Decimal` in a named currency and never converted on the way: each currency has its own account and its own
schedule. Rates are percent (`8` is 8 % a year). Days are calendar dates of the account's bank.
"""

from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from pydantic import AwareDatetime, Field

from contracts.base import Contract

# ISO 4217: how many digits a currency has after its point, where it isn't two.
_DIGITS = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}
NOTHING = Decimal(0)

Currency = str  # of three capital letters, ISO 4217


def rounded(amount: Decimal, currency: Currency) -> Decimal:
    """To the smallest unit of the currency, halves up."""
    return amount.quantize(Decimal(1).scaleb(-_DIGITS.get(currency, 2)), rounding=ROUND_HALF_UP)


class Discount(Contract):
    """So much off if the money arrives within `days` after the invoice's date."""

    percent: Decimal = Field(gt=0, lt=100)
    days: int = Field(ge=0, le=3660)


class LateFee(Contract):
    """What a late payment costs, after `grace_days`. The parts add up."""

    flat: Decimal = Field(default=NOTHING, ge=0, description="once, in the payable's currency")
    percent: Decimal = Field(default=NOTHING, ge=0, description="once, of the amount")
    monthly_percent: Decimal = Field(default=NOTHING, ge=0, description="for each begun 30 days after the due date")
    annual_percent: Decimal = Field(default=NOTHING, ge=0, description="interest by the day, of 365, since due")
    grace_days: int = Field(default=0, ge=0)


class Terms(Contract):
    """When a vendor wants its money. The payable's `due_date` counts; `net_days` is where it came from."""

    net_days: int = Field(default=30, ge=0, le=3660)
    discounts: tuple[Discount, ...] = ()
    late: LateFee = LateFee()
    max_late_days: int = Field(default=30, ge=0, description="never planned later than this after due; 0: never late")
    goodwill_percent: Decimal = Field(
        default=Decimal(10), ge=0, description="what lateness costs a year besides its fee, of the amount: trust"
    )
    weekend: Literal["before", "after"] = Field(
        default="before", description="a last day on which no bank works: the money arrives before it, or may after it"
    )


class Payable(Contract):
    """One invoice that a vendor sent."""

    id: str = Field(min_length=1, description="unique in a schedule")
    vendor: str
    number: str = Field(default="", description="the vendor's own")
    amount: Decimal = Field(gt=0)
    currency: Currency
    invoice_date: date
    due_date: date
    terms: Terms = Terms()
    not_before: date | None = Field(default=None, description="may not be paid earlier, such as before the goods came")
    held: str = Field(default="", description="why it may not be paid now; empty: it may")


class CreditLine(Contract):
    """Money that the bank lends up to a limit. Interest is by the day, of 365, and leaves the account."""

    limit: Decimal = Field(ge=0)
    drawn: Decimal = Field(default=NOTHING, ge=0, description="this morning")
    annual_percent: Decimal = Field(ge=0)


class CashAccount(Contract):
    """The account that pays one currency, and its bank's calendar."""

    currency: Currency
    opening: Decimal = Field(description="this morning, with what is drawn of the line in it")
    floor: Decimal = Field(default=NOTHING, description="what never may leave the account")
    line: CreditLine | None = None
    capital_percent: Decimal = Field(default=NOTHING, ge=0, description="what money that stays a year longer is worth")
    country: str = Field(default="", description="ISO 3166, for the bank's holidays; empty: weekends only")
    subdivision: str = ""
    closed: tuple[date, ...] = Field(default=(), description="days on which the bank doesn't work besides those")
    opened: tuple[date, ...] = Field(default=(), description="days on which it does all the same: a holiday was moved")
    timezone: str = "UTC"
    cut_off: time = Field(default=time(15), description="the bank takes orders until then, on a bank day")
    arrival_days: int = Field(default=1, ge=0, le=30, description="bank days from leaving here to being there")


class CashFlow(Contract):
    """Money that comes (+) or leaves (-) for sure and is no payable: wages, taxes, rent."""

    day: date
    amount: Decimal
    currency: Currency
    what: str = ""


class ReceiptBand(Contract):
    """All that customers will have paid from now until the evening of `day`, together, and how sure that is."""

    currency: Currency
    day: date
    low: Decimal = Field(ge=0, description="at least so much in 95 of 100 cases, or as asked")
    expected: Decimal = Field(ge=0)
    high: Decimal = Field(ge=0)


class ReceiptPath(Contract):
    """One way in which customers may pay, all as likely: what will have come in until the evening of each day."""

    currency: Currency
    sums: tuple[float, ...] = Field(description="until tomorrow, the day after, and so on; they never fall")


class ScheduleInput(Contract):
    """All that a schedule is made of.

    What is decided now leaves in the first `firm_days` bank days that can be reached: there the floor has to hold with
    the low receipts. Which payables those are is decided over all `paths` of receipts, where there are any. Later days
    are planned with the expected ones, since each of them is decided again.
    """

    now: AwareDatetime
    payables: tuple[Payable, ...] = ()
    accounts: tuple[CashAccount, ...] = ()
    flows: tuple[CashFlow, ...] = ()
    receipts: tuple[ReceiptBand, ...] = ()
    paths: tuple[ReceiptPath, ...] = ()
    horizon_days: int = Field(default=60, ge=1, le=400)
    approval_days: int = Field(default=1, ge=0, le=30, description="bank days a person has to sign")
    firm_days: int = Field(default=1, ge=1)
    reporting: Currency = Field(default="", description="the currency of the sum of costs; empty: no sum is made")
    rates: dict[Currency, Decimal] = Field(default={}, description="one unit of it in the reporting currency")
    gap: float = Field(default=1e-4, ge=0, description="of the costs: an answer this close to the optimum is enough")
    seconds: float = Field(default=8.0, gt=0, description="for each account, then the best one found is taken")
    nodes: int = Field(
        default=5_000, ge=1, description="of the solver's tree, for each of its stages: work ends the same on any host"
    )


class Payment(Contract):
    """When one payable leaves the account, and what with."""

    payable: str
    vendor: str
    currency: Currency
    day: date = Field(description="leaves the account")
    arrives: date
    amount: Decimal = Field(description="what is paid: less the discount, with the fee")
    discount: Decimal = NOTHING
    fee: Decimal = NOTHING
    kind: Literal["early", "on time", "late"]
    firm: bool = Field(description="it is decided now, and not again")
    why: str


class Later(Contract):
    """A payable that is not paid in the horizon, and why."""

    payable: str
    vendor: str
    currency: Currency
    amount: Decimal
    held: bool = Field(description="it may not be paid; else it is cheaper to wait")
    why: str


class EarlyPayment(Contract):
    """A discount that can still be had, and what paying for it is worth."""

    payable: str
    vendor: str
    currency: Currency
    discount: Decimal
    percent: Decimal
    pay_by: date = Field(description="last day to leave the account")
    days: int = Field(description="calendar days earlier than without the discount")
    annual_percent: float | None = Field(description="simple interest on what is paid early; None: it costs no day")
    taken: bool
    why: str


class CashPoint(Contract):
    """A bank day of an account: `cash` is what is there after payments and before that day's receipts."""

    day: date
    paid: Decimal
    cash: Decimal = Field(description="if customers pay as expected")
    low: Decimal
    high: Decimal
    drawn: Decimal = Field(description="of the credit line, as planned")


class Costs(Contract):
    """What the timing costs, in one currency. The invoices' own amounts are not in it."""

    currency: Currency
    discounts_taken: Decimal = NOTHING
    discounts_missed: Decimal = NOTHING
    fees: Decimal = NOTHING
    goodwill: Decimal = Field(default=NOTHING, description="of being late, as the terms value it; nobody bills it")
    capital: Decimal = Field(default=NOTHING, description="of money that left early; lateness saves none")
    interest: Decimal = Field(default=NOTHING, description="of the credit line, above the cost of capital")

    @property
    def total(self) -> Decimal:
        """What a schedule makes least. A discount that was taken costs nothing."""
        return self.discounts_missed + self.fees + self.goodwill + self.capital + self.interest


class AccountPlan(Contract):
    """What happens in one account."""

    currency: Currency
    first_day: date = Field(description="the first that a payment decided now can leave on")
    floor: Decimal
    limit: Decimal = Field(description="of the credit line")
    curve: tuple[CashPoint, ...]
    costs: Costs
    gap: float = Field(
        description="proved: the costs are at most this part above the least possible with what is paid now"
    )
    weighed: bool = Field(default=False, description="what is paid now was chosen over several ways of receipts")
    proved: bool = Field(description="the gap is what was asked for, or less")


class Relaxation(Contract):
    """One way to make a schedule possible. Each stands for itself."""

    kind: Literal["credit", "floor", "cash", "late"]
    amount: Decimal = Field(description="how much more credit, less floor, more cash; what would be late")
    currency: Currency
    day: date | None = Field(default=None, description="by when")
    payables: tuple[str, ...] = ()
    says: str


class Infeasible(Contract):
    """No schedule of this account keeps its constraints; nothing of it is paid until one of them is relaxed."""

    currency: Currency
    day: date = Field(description="the first on which the floor would break, whatever is paid when")
    short: Decimal = Field(description="by how much, at worst")
    says: str
    relax: tuple[Relaxation, ...]


class Schedule(Contract):
    """When to pay what. `infeasible` accounts have no payments here."""

    made: datetime
    last_day: date
    payments: tuple[Payment, ...] = ()
    later: tuple[Later, ...] = ()
    early: tuple[EarlyPayment, ...] = ()
    accounts: tuple[AccountPlan, ...] = ()
    infeasible: tuple[Infeasible, ...] = ()
    total: Decimal | None = Field(default=None, description="costs in the reporting currency; None: not asked for")
    notes: tuple[str, ...] = ()


# Receipts


class Receivable(Contract):
    """One invoice that a customer got. `facts` are its other columns, known on its date."""

    id: str
    customer: str
    amount: Decimal
    currency: Currency = ""
    invoice_date: date
    due_date: date
    settled: date | None = None
    facts: dict[str, str] = Field(default={})


class Expected(Contract):
    """When one invoice will be settled. Quantiles are of the days from its date."""

    receivable: str
    days: float = Field(description="the median")
    late: float = Field(ge=0, le=1, description="probability of after the due date")
    quantiles: tuple[float, ...] = Field(description="of days, at QUANTILES")
    by: Literal["model", "customer median", "overall median", "terms"]


class ReceiptsReport(Contract):
    """How well settlement was foretold on invoices later than those it was learnt from."""

    rows: int
    judged: int = 0
    days_mae: float | None = None
    customer_median_mae: float | None = None
    overall_median_mae: float | None = None
    late_auc: float | None = None
    serves: Literal["model", "customer median", "overall median", "terms"]
    says: str
    columns: tuple[str, ...] = Field(default=(), description="what it looks at")
    left_out: dict[str, str] = Field(default={}, description="columns it doesn't look at, and why")
    sha256: str = Field(default="", description="of the rows it was learnt from")
    learnt: date | None = Field(default=None, description="on which day; None: for this plan")

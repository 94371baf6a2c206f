"""Which open invoices are not paid like the others, each with its reason in words and what it stands on.

All of it is arithmetic on the books: no model, and nothing that an invoice says is obeyed.
"""

from collections import defaultdict
from collections.abc import Iterator

from activities.payables.holds_amount import Amounts
from activities.payables.holds_bank import Accounts
from activities.payables.holds_duplicate import Numbers
from contracts.paying import Books, Evidence, Hold, Invoice, Known, Remembered

NEVER_RELEASED = ("bank details", "no account")  # there is nowhere to pay to, or from


def find_holds(books: Books, known: Known) -> tuple[Hold, ...]:
    """At most one hold for each open invoice, the one that forbids most. Credit notes are not paid, so not held."""
    desk = _Desk(books, known)
    found = (desk.hold(invoice) for invoice in books.invoices if invoice.amount > 0)
    return tuple(hold for hold in found if hold is not None)


class _Desk:
    """What every invoice is compared with."""

    def __init__(self, books: Books, known: Known) -> None:
        self.numbers, self.accounts, self.amounts = Numbers(books), Accounts(books, known), Amounts(books, known)
        self.currencies = {each.currency for each in books.settings.accounts}
        self.decided: dict[str, list[Remembered]] = defaultdict(list)
        for each in known.memory.known:
            self.decided[each.invoice].append(each)

    def hold(self, invoice: Invoice) -> Hold | None:
        decided = self.decided.get(invoice.id, [])
        if decided and decided[-1].what == "left out":
            return _left_out(invoice, decided[-1])
        released = {each.kind for each in decided if _covers(each, invoice)}
        found = (hold for hold in self._found(invoice) if hold.kind not in released or not releasable(hold))
        return next(found, None)

    def _found(self, invoice: Invoice) -> Iterator[Hold]:
        """All that speaks against it. What forbids most comes first."""
        if invoice.currency not in self.currencies:
            yield _no_account(invoice, sorted(self.currencies))
        yield from self.accounts.unusable(invoice)
        yield from self.numbers.repeated(invoice)
        yield from self.amounts.unusual(invoice)
        yield from self.accounts.changed(invoice)


def releasable(hold: Hold) -> bool:
    """Whether one person may have it paid all the same."""
    return not hold.alone and hold.kind not in NEVER_RELEASED


def _covers(decided: Remembered, invoice: Invoice) -> bool:
    """Whether a release was of this very invoice: one whose amount was changed since is another."""
    return decided.what == "released" and (decided.vendor, decided.amount, decided.currency) == (
        invoice.vendor,
        invoice.amount,
        invoice.currency,
    )


def _left_out(invoice: Invoice, decided: Remembered) -> Hold:
    why = f": {decided.why}" if decided.why else ""
    return Hold(
        invoice=invoice.id,
        vendor=invoice.vendor,
        kind="left out",
        says=f"{decided.by} left it out on {decided.at:%Y-%m-%d}{why}",
        evidence=(Evidence(what="Left out by", this=decided.by),),
    )


def _no_account(invoice: Invoice, currencies: list[str]) -> Hold:
    return Hold(
        invoice=invoice.id,
        vendor=invoice.vendor,
        kind="no account",
        says=f"It is in {invoice.currency}, and there is an account in {', '.join(currencies)} only",
        evidence=(Evidence(what="Currency", this=invoice.currency, other=", ".join(currencies)),),
    )

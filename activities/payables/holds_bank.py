"""Where a vendor wants its money: whether one can pay there, and whether it is where it was paid before."""

from collections import defaultdict
from collections.abc import Iterator

from schwifty import BIC, IBAN
from schwifty.exceptions import SchwiftyException

from activities.payables.names import alike
from contracts.paying import BankDetails, Books, Evidence, Hold, HoldKind, Invoice, Known, Vendor

UNKNOWN = Vendor(id="", name="")


class Accounts:
    """Where each vendor was paid to, by the books and by what was signed here, and who else has an account."""

    def __init__(self, books: Books, known: Known) -> None:
        self._vendors = {each.id: each for each in books.vendors}
        self._paid: dict[str, list[str]] = defaultdict(list)
        for each in sorted(books.paid, key=lambda one: one.day):
            if each.account and (not self._paid[each.vendor] or self._paid[each.vendor][-1] != each.account):
                self._paid[each.vendor].append(each.account)
        for vendor, accounts in known.accounts.items():
            self._paid[vendor].extend(accounts)
        self._owners: dict[str, list[Vendor]] = defaultdict(list)
        for vendor_ in books.vendors:
            if vendor_.bank.known_as:
                self._owners[vendor_.bank.known_as].append(vendor_)

    def unusable(self, invoice: Invoice) -> Iterator[Hold]:
        """No account, one that can't be right, or one that belongs to another vendor as well."""
        vendor = self._vendors.get(invoice.vendor)
        if vendor is None:
            yield _hold(invoice, "bank details", f"The vendor {invoice.vendor!r} is not in the list of vendors", ())
            return
        if why := wrong(vendor.bank):
            shown = (Evidence(what="Account", this=vendor.bank.says),)
            yield _hold(invoice, "bank details", f"{why}: nobody can be paid there", shown)
        yield from _doubtful(invoice, vendor)
        for other in self._owners.get(vendor.bank.known_as, ()):
            if other.id != vendor.id and not alike(other.name, vendor.name):
                says = f"Its account is that of {other.name}, too"
                shown = (Evidence(what="Account", this=vendor.bank.says, other=f"{other.name} ({other.id})"),)
                yield _hold(invoice, "bank details", says, shown)
                return

    def changed(self, invoice: Invoice) -> Iterator[Hold]:
        """Another account than the one that was paid to last; or none was ever paid to."""
        vendor = self._vendors.get(invoice.vendor, UNKNOWN)
        paid = self._paid.get(invoice.vendor, [])
        if paid and paid[-1] == vendor.bank.known_as:
            return
        shown = list(_country(vendor))
        if not paid:
            shown.insert(0, Evidence(what="Account", this=vendor.bank.says, other="never paid to"))
            yield _hold(invoice, "first payment", "Nothing was paid to this vendor before", tuple(shown))
            return
        before = BankDetails(iban=paid[-1]).says
        shown.insert(0, Evidence(what="Account", this=vendor.bank.says, other=before))
        earlier = ", an earlier account of theirs" if vendor.bank.known_as in paid else ""
        says = f"The account was changed from {before} to {vendor.bank.says}{earlier}"
        yield _hold(invoice, "changed bank details", says, tuple(shown))


def _doubtful(invoice: Invoice, vendor: Vendor) -> Iterator[Hold]:
    """The list of vendors has two accounts for it, or the invoice names another one: nobody chooses for a person."""
    here = vendor.bank.says
    if vendor.others:
        others = ", ".join(BankDetails(iban=each).says for each in vendor.others)
        says = f"The list of vendors has two accounts for it, {here} and {others}: keep the row that is right"
        yield _hold(invoice, "bank details", says, (Evidence(what="Account", this=here, other=others),))
    if invoice.account and invoice.account != "".join(vendor.bank.known_as.upper().split()):
        there = BankDetails(iban=invoice.account[:50]).says
        says = f"It asks for its money at {there}, and the list of vendors has {here}"
        yield _hold(invoice, "bank details", says, (Evidence(what="Account", this=there, other=here),))


def wrong(bank: BankDetails) -> str:
    """Why nobody can be paid there, in words; empty where one can, for all that its digits say."""
    if not bank.known_as:
        return "There is no account"
    try:
        if bank.iban:
            IBAN(bank.iban)
        if bank.bic:
            BIC(bank.bic)
    except (SchwiftyException, ValueError) as error:
        return f"The account {bank.says!r} can't be right ({str(error).rstrip('.')})"
    return ""


def _country(vendor: Vendor) -> Iterator[Evidence]:
    there = vendor.bank.iban[:2]
    if vendor.country and there and there != vendor.country:
        yield Evidence(what="Country", this=f"an account in {there}", other=f"a vendor in {vendor.country}")


def _hold(invoice: Invoice, kind: HoldKind, says: str, evidence: tuple[Evidence, ...]) -> Hold:
    return Hold(invoice=invoice.id, vendor=invoice.vendor, kind=kind, says=says, evidence=evidence)

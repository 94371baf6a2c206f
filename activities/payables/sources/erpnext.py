"""Books out of ERPNext, by the REST interface that Frappe makes of every kind of document.

https://docs.frappe.io/framework/user/en/api/rest. There is no client that is kept up, and listings are all that is
asked for. An account that was changed in place looks as if it always was so: one that was changed after the last
payment to its supplier counts as one that was never paid.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote, urlencode

from activities.payables.sources.cells import Unreadable, amount, day
from activities.payables.sources.rows import LONGEST, Flaws
from activities.services.service import Service, Services
from activities.services.web import Reply, Web, reached
from contracts.errors import AccessRefused, BadInput, NotFound, StrangeReply
from contracts.payables import Receivable
from contracts.paying import BankDetails, Books, Invoice, Paid, PayingSettings, Vendor

PAGE = 500
MOST = 100_000  # documents of a kind
Say = Callable[[str], None]
Doc = dict[str, Any]

SUBMITTED = ["docstatus", "=", 1]
PURCHASED = (
    *("name", "supplier", "bill_no", "bill_date", "posting_date", "due_date", "grand_total", "base_grand_total"),
    *("outstanding_amount", "currency", "party_account_currency", "on_hold", "release_date"),
)


def service_of(host: str, services: Services) -> Service:
    """The ERPNext of that name. BadInput where the operator has named none."""
    for each in services.of("erpnext"):
        if host.lower() in (each.host, each.place):
            return each
    raise BadInput(
        f"settings.toml names the ERPNext {host!r}, which this installation does not know.",
        subject=host,
        way_out=f"Set COUNTERSIGN_ERPNEXT={host} where the worker is started.",
    )


async def read_erpnext(settings: PayingSettings, named: str, on: date, services: Services, say: Say) -> Books:
    """All that is asked for. AccessRefused, ServiceBusy (tried again), StrangeReply; BadInput names what is missing."""
    assert settings.erpnext is not None
    async with reached(service_of(settings.erpnext.host, services), services.authorities) as web:
        return await _Reading(web, settings, settings.erpnext.company, on, say).books(named)


@dataclass
class _Reading:
    """One reading of one company's books."""

    web: Web
    settings: PayingSettings
    company: str
    on: date
    say: Say

    async def books(self, named: str) -> Books:
        self.flaws = Flaws()
        ours = [SUBMITTED, ["company", "=", self.company]]
        suppliers = await self._all("Supplier", ("name", "supplier_name", "country"), [])
        banks = {str(each["name"]): each for each in await self._all("Bank", ("name", "swift_number"), [])}
        fields = ("name", "party", "bank", "iban", "bank_account_no", "is_default", "disabled", "modified")
        accounts = await self._all("Bank Account", fields, [["party_type", "=", "Supplier"]])
        bought = await self._all("Purchase Invoice", PURCHASED, ours)
        paying = [*ours, ["payment_type", "=", "Pay"], ["party_type", "=", "Supplier"]]
        payments = await self._all("Payment Entry", ("name", "party", "posting_date"), paying)
        sold = ("name", "customer", "posting_date", "due_date", "grand_total", "outstanding_amount", "currency")
        sales = await self._all("Sales Invoice", sold, [*ours, ["is_return", "=", 0]])
        settling = [
            *(["company", "=", self.company], ["against_voucher_type", "=", "Sales Invoice"]),
            *(["voucher_type", "!=", "Sales Invoice"], ["delinked", "=", 0]),
        ]
        settled = await self._all("Payment Ledger Entry", ("name", "against_voucher_no", "posting_date"), settling)
        vendors = _vendors(suppliers, accounts, banks)
        known = _known(accounts, payments, vendors)
        return Books(
            source=named,
            today=self.on,
            settings=self.settings,
            vendors=tuple(vendors.values()),
            invoices=tuple(self._made("Purchase Invoice", bought, self._open)),
            paid=tuple(self._made("Purchase Invoice", bought, lambda doc: _paid(doc, known))),
            receivables=tuple(self._made("Sales Invoice", sales, lambda doc: _receivable(doc, _last(settled)))),
            flaws=tuple(self.flaws.found.values()),
        )

    async def _all(self, kind: str, fields: tuple[str, ...], filters: list[Any]) -> list[Doc]:
        """Every document of a kind, by pages in the order of names."""
        found: list[Doc] = []
        while True:
            self.say(f"reading {kind} from ERPNext, {len(found):,} so far")
            asked = {
                "fields": json.dumps(fields),
                "filters": json.dumps(filters),
                "order_by": "name asc",
                "limit_start": len(found),
                "limit_page_length": PAGE,
            }
            page = await self._get(kind, asked)
            found += page
            if len(page) < PAGE:
                return found
            if len(found) >= MOST:
                raise BadInput(
                    f"ERPNext has over {MOST:,} of {kind}.",
                    subject=kind,
                    way_out="Export what is open as CSV, and give the folder.",
                )

    async def _get(self, kind: str, asked: Mapping[str, Any]) -> list[Doc]:
        service = self.web.service
        headers = {"accept": "application/json"}
        if self.web.secret:
            headers["authorization"] = f"token {self.web.secret}"
        url = f"{service.api}/api/resource/{quote(kind)}?{urlencode(asked)}"
        reply = await self.web.ask("GET", url, headers)
        said = _read(reply)
        if reply.status != 200:
            raise self._refused(kind, reply, said)
        data = said.get("data") if isinstance(said, dict) else None
        if not isinstance(data, list) or not all(isinstance(each, dict) for each in data):
            raise StrangeReply(f"{service.name} answers with something else than a list of {kind}.", subject=kind)
        return data

    def _refused(self, kind: str, reply: Reply, said: Any) -> Exception:
        service = self.web.service
        why = said.get("exception") or said.get("exc_type") if isinstance(said, dict) else reply.status
        if reply.status == 404:
            return NotFound(f"{service.name} has no {kind}.", subject=kind, way_out="Look whether it is an ERPNext.")
        return AccessRefused(
            f"{service.name} won't list {kind}: {self.web.quoted(why)}.",
            subject=kind,
            way_out=f"Its user needs to read it. {service.way_in}",
        )

    def _made(self, kind: str, docs: list[Doc], make: Callable[[Doc], Any]) -> Iterator[Any]:
        for doc in docs:
            try:
                if (made := make(doc)) is not None:
                    yield made
            except (Unreadable, ValueError) as error:
                self.flaws.add(kind, "a document that can't be read", f"{_text(doc, 'name')}: {error}"[:160])

    def _open(self, doc: Doc) -> Invoice | None:
        """What is still to be paid of it; a return is a credit note. None for what is paid, or blocked for ever."""
        left = _left(doc)
        if not left:
            return None
        release = day(_text(doc, "release_date"), "")
        if doc.get("on_hold") and release is None:
            self.flaws.add("Purchase Invoice", "on hold in ERPNext: not paid", _text(doc, "name"))
            return None
        on = _on(doc)
        return Invoice(
            id=_text(doc, "name"),
            vendor=_text(doc, "supplier"),
            number=_text(doc, "bill_no") or _text(doc, "name"),
            amount=left,
            currency=_text(doc, "currency"),
            invoice_date=on,
            due_date=day(_text(doc, "due_date"), "") or on + timedelta(days=self.settings.terms.net_days),
            terms=self.settings.terms,
            not_before=release if doc.get("on_hold") else None,
        )


def _vendors(suppliers: list[Doc], accounts: list[Doc], banks: Mapping[str, Doc]) -> dict[str, Vendor]:
    chosen: dict[str, Doc] = {}
    for each in accounts:
        if not each.get("disabled") and (each.get("is_default") or _text(each, "party") not in chosen):
            chosen[_text(each, "party")] = each
    found = {}
    for supplier in suppliers:
        id, account = _text(supplier, "name"), chosen.get(_text(supplier, "name"), {})
        bank = BankDetails(
            iban="".join(_text(account, "iban").upper().split()),
            bic="".join(_text(banks.get(_text(account, "bank"), {}), "swift_number").upper().split()),
            account=_text(account, "bank_account_no"),
        )
        found[id] = Vendor(id=id, name=_text(supplier, "supplier_name") or id, bank=bank)
    return found


def _known(accounts: list[Doc], payments: list[Doc], vendors: Mapping[str, Vendor]) -> dict[str, str]:
    """The accounts that were the same when their suppliers were paid last."""
    last: dict[str, str] = {}
    for each in payments:
        last[_text(each, "party")] = max(last.get(_text(each, "party"), ""), _text(each, "posting_date")[:10])
    changed: dict[str, str] = {}
    for each in accounts:
        changed[_text(each, "party")] = max(changed.get(_text(each, "party"), ""), _text(each, "modified")[:10])
    return {
        id: vendor.bank.known_as for id, vendor in vendors.items() if id in last and changed.get(id, "9999") <= last[id]
    }


def _paid(doc: Doc, known: Mapping[str, str]) -> Paid | None:
    if _left(doc):
        return None
    supplier, on = _text(doc, "supplier"), _on(doc)
    number = _text(doc, "bill_no") or _text(doc, "name")
    return Paid(supplier, number, _money(doc, "grand_total"), _text(doc, "currency"), on, known.get(supplier, ""), on)


def _receivable(doc: Doc, settled: Mapping[str, date]) -> Receivable:
    on = _on(doc)
    paid = settled.get(_text(doc, "name")) if not _money(doc, "outstanding_amount") else None
    return Receivable(
        id=_text(doc, "name"),
        customer=_text(doc, "customer"),
        amount=_money(doc, "grand_total"),
        currency=_text(doc, "currency"),
        invoice_date=on,
        due_date=day(_text(doc, "due_date"), "") or on,
        settled=paid,
    )


def _last(entries: list[Doc]) -> dict[str, date]:
    """When each sales invoice got its last payment."""
    found: dict[str, date] = {}
    for each in entries:
        on = day(_text(each, "posting_date"), "")
        if on is not None:
            found[_text(each, "against_voucher_no")] = max(on, found.get(_text(each, "against_voucher_no"), on))
    return found


def _left(doc: Doc) -> Decimal:
    """What is open, in the invoice's currency: ERPNext tells it in that of the supplier's account in the books."""
    left, total = _money(doc, "outstanding_amount"), _money(doc, "base_grand_total")
    if _text(doc, "party_account_currency") in ("", _text(doc, "currency")) or not total:
        return left
    return round(_money(doc, "grand_total") * left / total, 2)


def _on(doc: Doc) -> date:
    on = day(_text(doc, "bill_date") or _text(doc, "posting_date"), "")
    if on is None:
        raise Unreadable("there is no date")
    return on


def _money(doc: Doc, name: str) -> Decimal:
    return amount(_text(doc, name) or "0", ".")


def _text(doc: Mapping[str, Any], name: str) -> str:
    value = doc.get(name)
    said = "" if value is None else f"{value:f}" if isinstance(value, float) else str(value)
    return " ".join(said[: LONGEST * 4].split())[:LONGEST]


def _read(reply: Reply) -> Any:
    try:
        return json.loads(reply.content)
    except ValueError:
        return None

"""The baseline: the books, what is held, what customers will pay, and from all of it the schedule."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from activities.effects.payment_file import Earlier
from activities.payables.expecting import Learn, Say, expected
from activities.payables.holds import find_holds
from activities.payables.netting import netted
from activities.payables.pain001 import not_supported, plain
from activities.payables.receipts import Foreteller
from activities.payables.remembering import newest, remember
from activities.payables.schedule import make_schedule
from contracts.payables import CashFlow, Payable, ScheduleInput
from contracts.paying import Asked, Books, Change, Dropped, Hold, Invoice, Known, Memory, Plan

MOST_CHANGES = 200


def make_plan(
    books: Books,
    ref: str,
    now: datetime,
    *,
    earlier: Earlier,
    before: Plan | None = None,
    dropped: Sequence[Dropped] = (),
    asked: Sequence[Asked] = (),
    say: Say = lambda _: None,
    learn: Learn = Foreteller.learn,
) -> Plan:
    """When to pay what. `earlier`: what was signed and written before; `before`: the plan of the run before this one.
    `say` is told how far it is; `learn` gives what foretells receipts.

    PayablesUnusable names what in the books can't be scheduled.
    """
    waiting = {each.id: earlier.invoices[each.id] for each in books.invoices if each.id in earlier.invoices}
    books = books.model_copy(update={"invoices": tuple(each for each in books.invoices if each.id not in waiting)})
    memory = newest(before)
    holds = held(books, memory, earlier)
    memory, answers = remember(memory, asked, books, holds)
    holds = held(books, memory, earlier) if asked else holds
    stopped = {hold.invoice: hold.says for hold in holds if not hold.alone}
    amounts, credits = netted(books.invoices, stopped)
    payees = {each.id: _payable(each, books, amounts, stopped) for each in books.invoices if each.amount > 0}
    foretold = expected(books, say, learn)
    say(f"scheduling {len(payees):,} invoices")
    given = ScheduleInput(
        now=now,
        payables=tuple(
            each for each in payees.values() if each.currency in {a.currency for a in books.settings.accounts}
        ),
        accounts=books.settings.accounts,
        flows=(*books.flows, *_leaving(earlier, books)),
        receipts=foretold.bands,
        paths=foretold.paths,
        horizon_days=books.settings.horizon_days,
        approval_days=books.settings.approval_days,
        firm_days=books.settings.firm_days,
        reporting=books.settings.reporting,
        rates=books.settings.rates,
    )
    made = Plan(
        books=ref,
        source=books.source,
        today=books.today,
        schedule=make_schedule(given),
        payees=payees,
        holds=holds,
        credits=credits,
        receipts=foretold.says,
        forecast=foretold.report,
        memory=memory,
        dropped=tuple(each for each in dropped if any(invoice in payees for invoice in each.invoices)),
        waiting=waiting,
        answers=answers,
    )
    return (
        made if before is None else made.model_copy(update={"before": before.today, "changes": changes(before, made)})
    )


def held(books: Books, memory: Memory, earlier: Earlier) -> tuple[Hold, ...]:
    """All holds, with those that no payment file can hold."""
    found = find_holds(books, Known(memory=memory, accounts=earlier.accounts))
    stopped = {hold.invoice for hold in found if not hold.alone}
    unable = {each.invoice: each for each in _unable(books) if each.invoice not in stopped}
    return (*(hold for hold in found if hold.invoice not in unable), *unable.values())


def _unable(books: Books) -> Iterator[Hold]:
    own, vendors = {each.currency: each for each in books.settings.accounts}, {each.id: each for each in books.vendors}
    for each in books.invoices:
        account, vendor = own.get(each.currency), vendors.get(each.vendor)
        if account and vendor and each.amount > 0:
            why = not_supported(each.currency, account.iban, vendor.bank.iban, vendor.bank.bic)
            if not plain(vendor.name, 70):
                why = f"Its name {vendor.name[:40]!r} has no letter that a bank takes: write it in Latin ones"
            if why:
                yield Hold(invoice=each.id, vendor=each.vendor, kind="bank details", says=why)


def _payable(invoice: Invoice, books: Books, amounts: Mapping[str, Decimal], stopped: Mapping[str, str]) -> Payable:
    terms = invoice.terms or books.settings.terms
    return Payable.model_validate(
        {
            "id": invoice.id,
            "vendor": invoice.vendor,
            "number": invoice.number,
            "amount": amounts[invoice.id],
            "currency": invoice.currency,
            "invoice_date": invoice.invoice_date,
            "due_date": invoice.due_date or invoice.invoice_date + timedelta(days=terms.net_days),
            "terms": terms,
            "not_before": invoice.not_before,
            "held": stopped.get(invoice.id, ""),
        }
    )


def _leaving(earlier: Earlier, books: Books) -> Iterator[CashFlow]:
    """What files that were written before take out of the accounts from today on."""
    currencies = {each.currency for each in books.settings.accounts}
    for day, total, currency in earlier.leaves:
        if day >= books.today and currency in currencies:
            yield CashFlow(day=day, amount=-total, currency=currency, what="in a payment file already")


def changes(before: Plan, after: Plan) -> tuple[Change, ...]:
    """What is other than in the plan before, what matters first."""
    return tuple(_changes(before, after))[:MOST_CHANGES]


def _changes(before: Plan, after: Plan) -> Iterator[Change]:
    old, new = ({hold.invoice: hold for hold in plan.holds} for plan in (before, after))
    for invoice, hold in new.items():
        if invoice not in old:
            yield Change(what="held", invoice=invoice, vendor=hold.vendor, says=hold.says)
    for invoice, hold in old.items():
        if invoice not in new and invoice in after.payees:
            yield Change(what="no longer held", invoice=invoice, vendor=hold.vendor, says=f"It was held: {hold.says}")
    was, now = ({each.payable: each for each in plan.schedule.payments} for plan in (before, after))
    for id, payment in now.items():
        if id in was and was[id].day != payment.day and id not in old:
            says = f"From {was[id].day} to {payment.day}: {payment.why}"
            yield Change(what="moved", invoice=id, vendor=payment.vendor, says=says)
    for id, payee in after.payees.items():
        if id not in before.payees:
            yield Change(what="new", invoice=id, vendor=payee.vendor, says=f"{payee.amount:,} {payee.currency}")
    for id, payee in before.payees.items():
        if id not in after.payees:
            where = f"in {after.waiting[id]}" if id in after.waiting else "no longer open"
            yield Change(what="gone", invoice=id, vendor=payee.vendor, says=where)

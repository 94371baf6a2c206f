"""The reviewable output: the payment files of one part of a plan, and what a person needs to decide on them."""

import asyncio
from collections.abc import Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from temporalio import activity

from activities.effects.payment_params import Alone, PaymentFileParams, PaymentLine
from activities.payables.files import payment_effects, payment_line
from activities.payables.panels import panels
from activities.progress import progress
from activities.reviewing import kept_for_review
from activities.toolbox import Toolbox
from contracts.changelog import counted
from contracts.payables import Payment
from contracts.paying import Books, Plan, ProposePayments
from contracts.proposal import Check, Effect, Proposal
from contracts.runs import Sealed
from contracts.steps import PAYABLES_PROPOSE

KINDS: tuple[Alone, ...] = ("", "changed bank details", "first payment")


class PayablesProposing:
    """Seals payments for review."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox

    @activity.defn(name=PAYABLES_PROPOSE.name)
    async def propose(self, request: ProposePayments) -> Sealed:
        """Seal one revision and store it. The same request gives the same digest, at every attempt."""
        async with progress(f"sealing revision {request.revision}"):
            return await asyncio.to_thread(self._propose, request, activity.info().scheduled_time)

    def _propose(self, request: ProposePayments, now: datetime) -> Sealed:
        artifacts, ledger = self._toolbox.artifacts, self._toolbox.ledger
        plan = artifacts.get_model(Plan, request.plan)
        made = unsealed(plan, artifacts.get_model(Books, plan.books), request, ledger.realm, now)
        told = {"subject": f"payments of {plan.today}", "says": made.summary, "cost_usd": "0"}
        return kept_for_review(made, request.review, self._toolbox, told)


def unsealed(plan: Plan, books: Books, request: ProposePayments, realm: str, now: datetime) -> Proposal:
    """The proposal of one part of a plan. BadInput where a payment file can't be made."""
    effects = tuple(_effects(plan, books, request, now))
    return Proposal(
        realm=realm,
        workflow=request.workflow,
        version=request.version,
        run=request.run,
        revision=request.revision,
        title=title(effects, plan, request.part),
        summary=summary(plan, request.part),
        drafted_by="baseline",
        effects=effects,
        panels=panels(plan, books, request.part),
        checks=tuple(_checks(effects, plan, books)),
        role=request.role,
        created_at=now,
        expires_at=_until(effects, now + timedelta(seconds=request.expire_seconds)),
    )


def _until(effects: tuple[Effect, ...], usual: datetime) -> datetime:
    """Nobody can sign longer than the bank takes orders for the first day that is paid on."""
    ends = [PaymentFileParams.model_validate(each.params).send_by for each in effects]
    return min([usual, *(end for end in ends if end is not None)])


def _effects(plan: Plan, books: Books, request: ProposePayments, now: datetime) -> Iterator[Effect]:
    """A file for each account, and for what is paid alone one for each vendor."""
    alone = {hold.invoice: hold.kind for hold in plan.holds if hold.alone}
    for account in books.settings.accounts:
        for kind in KINDS[1:] if request.part == "alone" else KINDS[:1]:
            firm = [
                each
                for each in plan.schedule.payments
                if each.firm and each.currency == account.currency and alone.get(each.payable, "") == kind
            ]
            lines = [_line(each, plan, books) for each in firm]
            if lines:
                made = payment_effects(
                    books, account, lines, run=request.run, revision=request.revision, now=now, alone=kind
                )
                yield from made


def _line(payment: Payment, plan: Plan, books: Books) -> PaymentLine:
    """One payment, less the credit notes that it is for. A late fee is planned for, and paid when it is billed."""
    vendor = next(each for each in books.vendors if each.id == payment.vendor)
    used = [each for each in plan.credits if each.invoice == payment.payable]
    number = plan.payees[payment.payable].number
    return payment_line(
        books.source,
        vendor,
        payment.amount - payment.fee,
        payment.currency,
        payment.day,
        [payment.payable, *(each.id for each in used)],
        [number, *(each.number for each in used)],
    )


def _checks(effects: tuple[Effect, ...], plan: Plan, books: Books) -> Iterator[Check]:
    files = [PaymentFileParams.model_validate(each.params) for each in effects]
    if files:
        sums = ", ".join(f"{counted(each.count, 'payment')} {each.total:,} {each.currency}" for each in files)
        yield Check(name="Control sums", passed=True, says=f"{sums}: those of the payments")
        formats = " and ".join(sorted({each.format for each in files}))
        yield Check(name="Schema", passed=True, says=f"every file is valid {formats}")
    ids = [line.id for each in files for line in each.lines]
    yield Check(name="Once", passed=len(ids) == len(set(ids)), says="no invoice is in two files")
    if plan.forecast is not None:
        yield Check(name="Receipts", passed=True, says=plan.receipts)
    for each in plan.schedule.accounts:
        low = min((point.low for point in each.curve), default=Decimal(0))
        ways = "kept" if low >= each.floor else "kept on the days that are decided now, and at risk later"
        over = "; what is paid now was weighed over several ways in which customers may pay" if each.weighed else ""
        says = f"{each.currency}: {ways} ({each.floor:,}; lowest {low:,}){over}"
        yield Check(name="Cash floor", passed=True, says=says)


def title(effects: tuple[Effect, ...], plan: Plan, part: str) -> str:
    """`Pay 12 invoices: 12,345.67 EUR; 3 held`."""
    files = [PaymentFileParams.model_validate(each.params) for each in effects]
    totals: dict[str, Decimal] = {}
    for each in files:
        totals[each.currency] = totals.get(each.currency, Decimal(0)) + each.total
    sums = " and ".join(f"{total:,} {currency}" for currency, total in totals.items())
    count = sum(each.count for each in files)
    if part == "alone":
        return f"Pay {counted(count, 'invoice')} at accounts that were never paid before: {sums}"
    held = sum(not hold.alone for hold in plan.holds)
    short = [each.currency for each in plan.schedule.infeasible]
    said = f"Pay {counted(count, 'invoice')}: {sums}" if files else "Nothing to pay today"
    said += f"; no schedule for {', '.join(short)}" if short else ""
    return said + (f"; {held} held" if held else "")


def summary(plan: Plan, part: str) -> str:
    """What a person decides on, in a few sentences."""
    if part == "alone":
        return (
            "Each vendor's account is not the one that was paid last, or none was paid before. Two people have to "
            "sign, each after asking the vendor by a number known before."
        )
    used = {each.currency for each in plan.payees.values()}
    told = [_account(each.currency, plan) for each in plan.schedule.accounts if each.currency in used]
    alone = len({hold.invoice for hold in plan.holds if hold.alone})
    if alone:
        told.append(
            f"{counted(alone, 'invoice')} to new accounts: proposed apart, when their day comes, for two people."
        )
    told += [f"{each.currency}: {each.says}" for each in plan.schedule.infeasible]
    if plan.waiting:
        told.append(f"{counted(len(plan.waiting), 'invoice')} in payment files already.")
    told += plan.answers
    return " ".join(told)[:2_000]


def _account(currency: str, plan: Plan) -> str:
    account = next(each for each in plan.schedule.accounts if each.currency == currency)
    costs = account.costs
    lowest = min(account.curve, key=lambda point: point.low, default=None)
    said = f"{currency}: discounts of {costs.discounts_taken:,} taken, {costs.discounts_missed:,} left"
    said += f", fees {costs.fees:,}" if costs.fees else ""
    return f"{said}; cash at least {lowest.low:,} ({lowest.day})." if lowest else f"{said}."

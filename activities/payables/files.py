"""Payments as effects: which go into one file, and what is signed of each file."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal

from activities.effects.payment_params import KIND, MOST, Alone, PaymentFileParams, PaymentLine
from activities.payables.bank_days import cut_off
from activities.payables.pain001 import document, plain, table
from contracts.payables import rounded
from contracts.paying import Books, OwnAccount, Vendor
from contracts.proposal import Effect


def end_to_end(source: str, invoices: Sequence[str]) -> str:
    """The bank's id of a payment: of these invoices of these books, whichever run pays them."""
    said = "\x1f".join((source, *sorted(invoices)))
    return f"E{hashlib.sha256(said.encode()).hexdigest()[:31]}".upper()


def remittance(numbers: Iterable[str], most: int = 140) -> str:
    """What the payee reads: the numbers of what is paid, as many as there is room for."""
    said = ""
    for number in filter(None, (plain(each, 35) for each in numbers)):
        longer = f"{said}, {number}" if said else number
        if len(longer) > most - 4:
            return f"{said} ..."
        said = longer
    return said or "Invoice"


def payment_line(
    source: str,
    vendor: Vendor,
    amount: Decimal,
    currency: str,
    day: date,
    invoices: Sequence[str],
    refs: Sequence[str],
) -> PaymentLine:
    """One payment of one vendor."""
    return PaymentLine.model_validate(
        {
            "id": end_to_end(source, invoices),
            "vendor": vendor.id,
            "name": vendor.name[:140],
            "iban": vendor.bank.iban,
            "bic": vendor.bank.bic,
            "amount": rounded(amount, currency),
            "day": day,
            "invoices": tuple(invoices),
            "refs": tuple(refs),
            "text": remittance(refs),
        }
    )


def payment_effects(
    books: Books,
    account: OwnAccount,
    lines: Sequence[PaymentLine],
    *,
    run: str,
    revision: int,
    now: datetime,
    alone: Alone,
) -> Iterator[Effect]:
    """A file for each thousand payments. Vendors that are paid alone have one each, so that one can be dropped."""
    for at, part in enumerate(_parts(lines, alone), 1):
        yield _effect(_params(books, account, part, f"{run}/{revision}/{alone}/{at}", now, alone), run, revision)


def _parts(lines: Sequence[PaymentLine], alone: Alone) -> Iterator[tuple[PaymentLine, ...]]:
    if alone:
        for vendor in dict.fromkeys(line.vendor for line in lines):
            yield tuple(line for line in lines if line.vendor == vendor)[:MOST]
        return
    for start in range(0, len(lines), MOST):
        yield tuple(lines[start : start + MOST])


def _params(
    books: Books, account: OwnAccount, lines: tuple[PaymentLine, ...], of: str, now: datetime, alone: Alone
) -> PaymentFileParams:
    total = sum((line.amount for line in lines), Decimal(0))
    rate = Decimal(1) if account.currency == "USD" else books.settings.usd_rates.get(account.currency)
    told = "\x1f".join((books.source, of, *(f"{line.id}{line.amount}{line.day}{line.iban}" for line in lines)))
    message = hashlib.sha256(told.encode()).hexdigest()[:28].upper()
    params = PaymentFileParams(
        source=books.source,
        name=f"{now:%Y%m%d}-{account.currency.lower()}-{message[:12].lower()}",
        format=books.settings.format,
        company=books.settings.company,
        iban=account.iban,
        bic=account.bic,
        currency=account.currency,
        message=message,
        created=now.replace(microsecond=0),
        lines=lines,
        count=len(lines),
        total=total,
        usd=None if rate is None else rounded(total * rate, "USD"),
        alone=alone,
        send_by=cut_off(account, min(line.day for line in lines)),
        xml_sha256="",
        csv_sha256="",
    )
    hashes = {"xml_sha256": document(params), "csv_sha256": table(params)}
    return params.model_copy(update={name: hashlib.sha256(body).hexdigest() for name, body in hashes.items()})


def _effect(params: PaymentFileParams, run: str, revision: int) -> Effect:
    return Effect(
        kind=KIND,
        key=f"{KIND}/{run}/{revision}/{params.message}",
        says=says(params),
        params=params.model_dump(mode="json"),
    )


def says(params: PaymentFileParams) -> str:
    """What the button says."""
    days = sorted({line.day for line in params.lines})
    when = f"on {days[0]}" if len(days) == 1 else f"from {days[0]} to {days[-1]}"
    payees = len({line.vendor for line in params.lines})
    count = f"{params.count} payment{'s' * (params.count != 1)}"
    whom = params.lines[0].name if payees == 1 else f"{payees} vendors"
    why = f" ({params.alone})" if params.alone else ""
    return f"Write a payment file of {count} to {whom}, {params.total:,} {params.currency} in all, to leave {when}{why}"

"""The payment file: ISO 20022 pain.001, and the same as CSV. The same payments make the same bytes, always.

The elements are written here, since sepaxml makes up ids and times as it goes and knows euros with two digits only. The
bytes are validated against the schemas that it ships, before they are proposed and again before they are written.
"""

import csv
import io
from datetime import UTC, date
from decimal import Decimal
from functools import lru_cache
from importlib.resources import files
from itertools import groupby
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, SubElement, indent, tostring  # only written, never read

from contracts.errors import BadInput
from contracts.payables import rounded

if TYPE_CHECKING:
    import xmlschema

    from activities.effects.payment_params import PaymentFileParams, PaymentLine

_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/-?:().,'+ ")
# SEPA's scheme countries by the first letters of their IBANs (EPC409-09 v6.0): euros go by SEPA there.
_SCHEME = """AD AL AT BE BG CH CY CZ DE DK EE ES FI FR GB GI GR HR HU IE IS IT LI LT LU LV MC MD ME MK MT NL NO PL PT RO
RS SE SI SK SM VA"""
_SEPA = frozenset(_SCHEME.split())
_SPREADSHEET = "=+-@\t\r"  # a spreadsheet would calculate what begins like this
COLUMNS = ("id", "day", "name", "iban", "bic", "amount", "currency", "text", "invoices", "vendor")


def plain(text: str, most: int) -> str:
    """In the letters that every bank takes: `Müller` is `Muller`, Arabic its sounds. Empty where none is left."""
    from text_unidecode import unidecode

    said = "".join(char if char in _ALLOWED else " " for char in unidecode(text))
    return " ".join(said.split())[:most].strip()


def is_sepa(currency: str, *ibans: str) -> bool:
    """Whether euros go from one to the other as a SEPA credit transfer."""
    return currency == "EUR" and all(iban[:2] in _SEPA for iban in ibans)


def not_supported(currency: str, ours: str, iban: str, bic: str) -> str:
    """Why a payment can't be written into the file, in words; empty where it can."""
    if not iban:
        return "There is no IBAN, and the payment file goes by IBANs only: pay it in the bank's own pages"
    if not bic and not is_sepa(currency, ours, iban):
        return f"{currency} to {iban[:2]} is no SEPA transfer, and needs the BIC of the vendor's bank"
    return ""


def document(params: "PaymentFileParams") -> bytes:
    """The file's bytes. BadInput where the schema does not allow them."""
    version = params.format.removeprefix("pain.001.001.")
    root = Element("Document", xmlns=f"urn:iso:std:iso:20022:tech:xsd:{params.format}")
    body = SubElement(root, "CstmrCdtTrfInitn")
    head = SubElement(body, "GrpHdr")
    _text(head, "MsgId", params.message)
    _text(head, "CreDtTm", params.created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    _text(head, "NbOfTxs", str(params.count))
    _text(head, "CtrlSum", _amount(params.total, params.currency))
    _text(SubElement(head, "InitgPty"), "Nm", plain(params.company, 70))
    ordered = sorted(params.lines, key=lambda line: (line.day, not _sepa(params, line), line.id))
    for at, ((day, sepa), group) in enumerate(groupby(ordered, lambda line: (line.day, _sepa(params, line))), 1):
        _batch(body, params, f"{params.message[:30]}{at}", day, list(group), sepa=sepa, old=version == "03")
    indent(root)
    said: bytes = b'<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, "utf-8") + b"\n"
    validate(said, params.format)
    return said


def _sepa(params: "PaymentFileParams", line: "PaymentLine") -> bool:
    return is_sepa(params.currency, params.iban, line.iban)


def _batch(
    body: Element, params: "PaymentFileParams", id: str, day: date, lines: "list[PaymentLine]", *, sepa: bool, old: bool
) -> None:
    """All payments of one day and one way."""
    batch = SubElement(body, "PmtInf")
    _text(batch, "PmtInfId", id)
    _text(batch, "PmtMtd", "TRF")
    _text(batch, "NbOfTxs", str(len(lines)))
    _text(batch, "CtrlSum", _amount(sum((line.amount for line in lines), Decimal(0)), params.currency))
    if sepa:
        _text(SubElement(SubElement(batch, "PmtTpInf"), "SvcLvl"), "Cd", "SEPA")
    wanted = SubElement(batch, "ReqdExctnDt")
    if old:
        wanted.text = day.isoformat()
    else:
        _text(wanted, "Dt", day.isoformat())
    _text(SubElement(batch, "Dbtr"), "Nm", plain(params.company, 70))
    account = SubElement(batch, "DbtrAcct")
    _text(SubElement(account, "Id"), "IBAN", params.iban)
    _text(account, "Ccy", params.currency)
    _agent(batch, "DbtrAgt", params.bic, old)
    _text(batch, "ChrgBr", "SLEV" if sepa else "SHAR")
    for line in lines:
        _payment(batch, params.currency, line, old)


def _payment(batch: Element, currency: str, line: "PaymentLine", old: bool) -> None:
    made = SubElement(batch, "CdtTrfTxInf")
    _text(SubElement(made, "PmtId"), "EndToEndId", line.id)
    amount = SubElement(SubElement(made, "Amt"), "InstdAmt", Ccy=currency)
    amount.text = _amount(line.amount, currency)
    if line.bic:
        _agent(made, "CdtrAgt", line.bic, old)
    _text(SubElement(made, "Cdtr"), "Nm", plain(line.name, 70))
    _text(SubElement(SubElement(made, "CdtrAcct"), "Id"), "IBAN", line.iban)
    _text(SubElement(made, "RmtInf"), "Ustrd", line.text)


def _agent(parent: Element, name: str, bic: str, old: bool) -> None:
    """A bank. One whose BIC we don't know is named so, as the rules of SEPA want it."""
    bank = SubElement(SubElement(parent, name), "FinInstnId")
    if bic:
        _text(bank, "BIC" if old else "BICFI", bic)
    else:
        _text(SubElement(bank, "Othr"), "Id", "NOTPROVIDED")


def _text(parent: Element, name: str, text: str) -> None:
    SubElement(parent, name).text = text


def _amount(amount: Decimal, currency: str) -> str:
    """With the digits that the currency has: `12.50` euros, `12` yen."""
    return f"{rounded(amount, currency):f}"


def table(params: "PaymentFileParams") -> bytes:
    """The same payments as CSV, for people and for banks that take no XML."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for line in sorted(params.lines, key=lambda line: (line.day, line.id)):
        amount = _amount(line.amount, params.currency)
        refs, words = " ".join(line.refs), (line.day.isoformat(), line.name, line.iban, line.bic)
        row = (line.id, *words, amount, params.currency, line.text, refs, line.vendor)
        writer.writerow([_harmless(cell) for cell in row])
    return out.getvalue().encode()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(tuple(_SPREADSHEET)) else cell


def validate(data: bytes, format: str) -> None:
    """BadInput, with the place, where the bytes are not what the schema of that format allows."""
    error = next(_schema(format).iter_errors(data.decode()), None)
    if error is not None:
        raise BadInput(
            f"The payment file is not valid {format}: {error.reason} at {error.path}.",
            subject=str(error.path),
            way_out="Look at the vendor's name and account, and at the settings of your own account.",
        )


@lru_cache(maxsize=4)
def _schema(format: str) -> "xmlschema.XMLSchema":
    import xmlschema

    return xmlschema.XMLSchema(str(files("sepaxml") / "schemas" / f"{format}.xsd"), defuse="always")

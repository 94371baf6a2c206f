"""Names of vendors and numbers of invoices, so that two spellings of one thing can be told from two things."""

import re
import unicodedata
from functools import lru_cache

from rapidfuzz import fuzz

# What a company is, by law: it says nothing of which one.
_FORMS_ = """ab ag as asa bv bvba co corp corporation cv ev gbr gmbh inc incorporated kg kgaa limited llc llp ltd nv ohg
oy oyj plc pty sa sarl sas se sl spa srl ug und and et the company gesellschaft"""
_FORMS = frozenset(_FORMS_.split())
_PREFIX = re.compile(r"^(?:INVOICENO|INVOICENUMBER|INVOICE|RECHNUNGSNR|RECHNUNG|RGNR|RENR|INV|FACTURA|FACTURE)(?=.*\d)")
ALIKE = 92.0  # of 100: names that are that similar are one vendor's


@lru_cache(maxsize=200_000)
def plain_name(name: str) -> str:
    """Lower case, without accents, signs and forms of companies, its words in order: `Müller & Söhne GmbH` is `muller
    sohne`. A name of nothing else stays as it is."""
    folded = unicodedata.normalize("NFKD", name.casefold())
    text = "".join(char for char in folded if not unicodedata.combining(char)).replace(".", "")
    words = re.findall(r"\w+", text)
    return " ".join(sorted(word for word in words if word not in _FORMS)) or " ".join(words)


def alike(one: str, other: str) -> bool:
    """Whether two names are most probably one vendor's."""
    first, second = plain_name(one), plain_name(other)
    return bool(first and second) and fuzz.ratio(first, second) >= ALIKE


@lru_cache(maxsize=200_000)
def plain_number(number: str) -> str:
    """Letters and digits, in capitals, without the word for an invoice and leading zeros: `inv. 00-123` is `123`."""
    folded = unicodedata.normalize("NFKC", number).upper()
    text = "".join(char for char in folded if char.isalnum())
    return _PREFIX.sub("", text).lstrip("0") or text

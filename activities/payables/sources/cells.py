"""What stands in a cell as a date or an amount. A column has one way of writing both, and what is unclear is said."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Literal

Order = Literal["", "day first", "month first"]
Mark = Literal["", ".", ","]
MONTHS = {name: at for at, name in enumerate("jan feb mar apr may jun jul aug sep oct nov dec".split(), 1)}  # noqa: SIM905
_YEAR_FIRST = re.compile(r"(\d{4})[-/.]?(\d{1,2})[-/.]?(\d{1,2})(?:[T ].*)?")
_DOTS = re.compile(r"(\d{1,2})\.\s?(\d{1,2})\.\s?(\d{2}|\d{4})")
_SLASHES = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{2}|\d{4})")
_NAMED = re.compile(r"(\d{1,2})[ .-]*([A-Za-z]{3})[a-z]*[ .,-]*(\d{2}|\d{4})|([A-Za-z]{3})[a-z]* (\d{1,2}),? (\d{4})")
_NUMBER = re.compile(r"\d[\d.,'’ \u00a0\u202f]*")
_THOUSANDS = str.maketrans("", "", "'’ \u00a0\u202f")


class Unreadable(ValueError):
    """A cell that is no date or amount; the text says why."""


@dataclass
class Evidence:
    """What a column's cells say of how they are written."""

    day_first: bool = False
    month_first: bool = False
    either: str = ""  # a date that may be read both ways
    point: bool = False  # the decimal mark is a point
    comma: bool = False

    def see_date(self, text: str) -> None:
        if found := _SLASHES.fullmatch(text.strip()):
            first, second = int(found[1]), int(found[2])
            self.day_first |= first > 12
            self.month_first |= second > 12
            if first <= 12 and second <= 12 and first != second:
                self.either = self.either or text.strip()

    def see_amount(self, text: str) -> None:
        found = _NUMBER.search(text)
        digits = found[0].translate(_THOUSANDS).rstrip(".,") if found else ""
        at = max(digits.rfind("."), digits.rfind(","))
        if at < 0:
            return
        mark, other = digits[at], "," if digits[at] == "." else "."
        once = digits.count(mark) == 1
        if once and (other in digits or len(digits) - at - 1 != 3):
            self.point |= mark == "."
            self.comma |= mark == ","


def order_of(evidence: Evidence, asked: Order) -> Order:
    """How dates with slashes are read. Unreadable where it can't be told, or where they contradict each other."""
    if evidence.day_first and evidence.month_first:
        raise Unreadable("it has dates with the day first and dates with the month first")
    if asked or evidence.day_first or evidence.month_first:
        return asked or ("day first" if evidence.day_first else "month first")
    if evidence.either:
        raise Unreadable(f"{evidence.either!r} may have the day or the month first")
    return ""


def mark_of(evidence: Evidence) -> Mark:
    """The decimal mark of a column. Unreadable where both are used as one."""
    if evidence.point and evidence.comma:
        raise Unreadable("it has amounts with a decimal point and amounts with a decimal comma")
    return "," if evidence.comma else "."


def day(text: str, order: Order) -> date | None:
    """A day; None for an empty cell. Years of two digits are of this century."""
    text = text.strip()
    if not text:
        return None
    try:
        if found := _YEAR_FIRST.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _DOTS.fullmatch(text):
            return date(_year(found[3]), int(found[2]), int(found[1]))
        if found := _SLASHES.fullmatch(text):
            first, second = int(found[1]), int(found[2])
            month, at = (first, second) if order == "month first" else (second, first)
            return date(_year(found[3]), month, at)
        if found := _NAMED.fullmatch(text):
            number, name, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
            return date(_year(year), MONTHS[name.lower()], int(number))
    except (ValueError, KeyError):
        pass
    raise Unreadable(f"{text[:40]!r} is no date")


def amount(text: str, mark: Mark) -> Decimal:
    """An amount: `1.234,50`, `(12.00)`, `12.00-`, `€ 5`. Negative ones are credit notes."""
    said = text.strip()
    found = _NUMBER.search(said)
    if not found:
        raise Unreadable(f"{said[:40]!r} is no amount" if said else "there is no amount")
    around = said[: found.start()] + said[found.end() :]
    if any(char.isdigit() for char in around):
        raise Unreadable(f"{said[:40]!r} is no amount")
    digits = found[0].translate(_THOUSANDS).rstrip(".,")
    digits = digits.replace("," if mark == "." else ".", "")
    try:
        value = Decimal(digits.replace(",", "."))
    except InvalidOperation:
        raise Unreadable(f"{said[:40]!r} is no amount") from None
    negative = "-" in around or "−" in around or (around.strip().startswith("(") and around.strip().endswith(")"))
    return -value if negative else value


def see(evidence: Evidence, dates: Iterable[str], amounts: Iterable[str]) -> None:
    """Take in a row's cells."""
    for text in dates:
        evidence.see_date(text)
    for text in amounts:
        evidence.see_amount(text)


def _year(text: str) -> int:
    return int(text) + 2000 if len(text) == 2 else int(text)

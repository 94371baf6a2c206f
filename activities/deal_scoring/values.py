"""Values as people and systems write them: days in several formats, amounts of several countries, yes and no. Pure."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Literal

Order = Literal["", "day first", "month first"]

_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})(?:[T ].*)?")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_DOTS = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?: .*)?")
_SLASHES = re.compile(r"(\d{1,2})[/-](\d{1,2})[/-](\d{4})(?: .*)?")
_YEAR_FIRST = re.compile(r"(\d{4})/(\d{1,2})/(\d{1,2})(?: .*)?")
_MILLISECONDS = re.compile(r"\d{12,13}")
_IN_WORDS = ("%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%b %d %Y", "%d-%b-%Y")
SYMBOLS = {"$": "USD", "US$": "USD", "€": "EUR", "£": "GBP", "¥": "JPY", "CHF": "CHF", "₹": "INR"}
_AMOUNT = re.compile(
    r"(?P<before>[^\d\s().,'+-]{0,4})\s*(?P<number>\d[\d.,'\s\u00a0\u202f]*)\s*(?P<after>[^\d\s().,'+-]{0,4})"
)
YES, NO = {"true", "yes", "y", "1", "won", "closed won"}, {"false", "no", "n", "0", "lost", "closed lost"}


@lru_cache(maxsize=20_000)
def day(text: str, order: Order = "") -> date | None:
    """The day that a text is. None for what is none, or could be two days and `order` doesn't say which."""
    text = text.strip()
    for pattern, build in ((_ISO, _ymd), (_YEAR_FIRST, _ymd), (_COMPACT, _ymd), (_DOTS, _dmy)):
        if found := pattern.fullmatch(text):
            return build(*map(int, found.groups()))
    if found := _SLASHES.fullmatch(text):
        first, second, year = map(int, found.groups())
        if not order and first <= 12 and second <= 12 and first != second:
            return None
        by_day = first > 12 or (second <= 12 and order != "month first")
        return _dmy(first, second, year) if by_day else _dmy(second, first, year)
    if _MILLISECONDS.fullmatch(text):
        return datetime.fromtimestamp(int(text) / 1000, UTC).date()
    return _in_words(text)


def order_of(texts: Iterable[str]) -> Order:
    """Whether days written with slashes have the day first, as far as these tell. Empty: they don't, or both ways."""
    found: set[Order] = set()
    for text in texts:
        if match := _SLASHES.fullmatch(text.strip()):
            first, second = int(match[1]), int(match[2])
            found |= {"day first"} if first > 12 >= second else {"month first"} if second > 12 >= first else set()
    return found.pop() if len(found) == 1 else ""


@lru_cache(maxsize=20_000)
def amount(text: str) -> tuple[Decimal, str] | None:
    """A number and the currency that stands beside it (empty: none does). None for what is no amount.

    1,234.50 and 1.234,50 and 1 234,50 and (500) are understood. One separator with three digits behind it is for
    thousands: 1,234 is over a thousand.
    """
    text = text.strip()
    negative = text.startswith(("-", "−")) or (text.startswith("(") and text.endswith(")"))
    text = text.strip("()-−+ ")
    if found := re.fullmatch(r"\d+(?:\.\d+)?(?:[eE]\+?\d{1,2})?", text):  # as programs write them
        return (-Decimal(text) if negative else Decimal(text)), ""
    found = _AMOUNT.fullmatch(text)
    if not found:
        return None
    beside = (found["before"] or found["after"]).strip().upper()
    currency = SYMBOLS.get(beside, beside)
    if currency and not re.fullmatch(r"[A-Z]{3}", currency):
        return None
    try:
        number = Decimal(_plain(found["number"]))
    except InvalidOperation:
        return None
    return (-number if negative else number), currency


def yes_or_no(text: str) -> bool | None:
    word = text.strip().casefold()
    return True if word in YES else False if word in NO else None


def _plain(text: str) -> str:
    text = re.sub(r"[\s'\u00a0\u202f]", "", text)
    last = max(text.rfind("."), text.rfind(","))
    if last < 0:
        return text
    mark, rest = text[last], text[last + 1 :]
    both = "." in text and "," in text
    if both and text.count(mark) > 1:
        return "no number"
    if not both and (text.count(mark) > 1 or len(rest) == 3):
        return text.replace(mark, "")
    return re.sub(r"[.,]", "", text[:last]) + "." + rest


def _ymd(year: int, month: int, number: int) -> date | None:
    try:
        return date(year, month, number)
    except ValueError:
        return None


def _dmy(number: int, month: int, year: int) -> date | None:
    return _ymd(year, month, number)


def _in_words(text: str) -> date | None:
    if len(text) > 30:
        return None
    for form in _IN_WORDS:
        try:
            return datetime.strptime(text, form).date()
        except ValueError:
            continue
    return None

"""Terms of payment as people write them: `2/10 net 30`."""

import re
from decimal import Decimal

from contracts.payables import Discount, Terms

_DISCOUNT = re.compile(r"(\d{1,2}(?:[.,]\d{1,3})?) ?%? ?(?:/|in|within) ?(\d{1,3})(?: ?days?)?")
_NET = re.compile(r"(?:\bnet(?:to)?|\bn ?/) ?(\d{1,3})|^(\d{1,3}) ?(?:days?|tage)?(?: ?net(?:to)?)?$")


def terms(text: str, usual: Terms) -> Terms | None:
    """The terms; the usual ones where there are no words, None for words that mean nothing to us."""
    said = " ".join(text.lower().split())
    if not said:
        return usual
    if said in ("due on receipt", "immediate", "prompt", "cod"):
        return usual.model_copy(update={"net_days": 0, "discounts": ()})
    found = [Discount(percent=Decimal(p.replace(",", ".")), days=int(d)) for p, d in _DISCOUNT.findall(said) if int(d)]
    net = _NET.search(said)
    if net is None and not found:
        return None
    days = int(net[1] or net[2]) if net else max(usual.net_days, *(each.days for each in found))
    kept = tuple(each for each in found if each.percent > 0 and each.days < days)
    return usual.model_copy(update={"net_days": days, "discounts": kept})

"""Amounts in words."""

from decimal import Decimal


def money(value: Decimal | None, currency: str) -> str:
    """`USD 12,400`; whole units, since nobody decides by cents."""
    return "no amount" if value is None else f"{currency} {value:,.0f}"

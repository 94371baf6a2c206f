"""How values are said on a page: ages, money, states, and characters that would hide themselves."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

from markupsafe import Markup, escape

from contracts.proposal import Claim, Cost
from contracts.shown import spelt

SHORT, LONG_WORD = 7, 26  # characters of a cell; of a word in it
STEPS: Final = ((86400 * 365, "year"), (86400 * 30, "month"), (86400, "day"), (3600, "hour"), (60, "minute"))


def visible(value: object) -> object:
    """Text whose invisible characters (bidirectional overrides, controls) are spelt out, as ⟨U+202E⟩.

    Whatever an agent or the world wrote could otherwise look like something it is not. Applied to every
    string that a template prints.
    """
    return spelt(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def exact(value: str) -> Markup:
    """Escaped and otherwise untouched: for a text field, whose text comes back to us."""
    return escape(str(value))


def commands(value: str) -> Markup:
    """A sentence of ours, with what stands in backticks shown as something to type."""
    parts = str(visible(value)).split("`")
    if len(parts) % 2 == 0:
        return escape(visible(value))
    typed = Markup("<code>{}</code>")
    return Markup("").join(typed.format(part) if i % 2 else escape(part) for i, part in enumerate(parts))


def span(seconds: float) -> str:
    """A length of time in one unit: `3 days`, `12 minutes`, `4.2 s`, `80 ms`."""
    for size, name in STEPS:
        if seconds >= size:
            count = int(seconds // size)
            return f"{count} {name}{'s' if count > 1 else ''}"
    return f"{seconds:.1f} s" if seconds >= 1 else f"{max(0, round(seconds * 1000))} ms"


def relative(when: datetime, now: datetime) -> str:
    seconds = (now - when).total_seconds()
    if abs(seconds) < 60:
        return "just now" if seconds >= 0 else "in a moment"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(-seconds)}"


def ago(when: datetime | None) -> Markup:
    """`3 hours ago` or `in 29 days`, with the exact time for machines and for a hovering pointer."""
    if when is None:
        return Markup("")
    now = datetime.now(UTC)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(when.isoformat(), clock(when), relative(when, now))


def clock(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def lasted(start: datetime, end: datetime) -> str:
    return span((end - start) / timedelta(seconds=1))


def money(usd: Decimal | str | None) -> str:
    """Dollars. None is an unknown price, and unknown is never zero."""
    if usd is None:
        return "price unknown"
    try:
        amount = Decimal(usd)
    except InvalidOperation:
        return "price unknown"
    if amount == 0:
        return "$0"
    return f"${amount:.2f}" if amount >= Decimal("0.1") else f"${amount:.4f}"


def cost(value: Cost) -> str:
    """A run's cost in words."""
    if not value.model_calls:
        return "$0, no model was asked" if value.usd == 0 else money(value.usd)
    tokens = value.input_tokens + value.output_tokens
    calls = f"{value.model_calls} model call{'s' if value.model_calls > 1 else ''}"
    return f"{money(value.usd)} for {tokens:,} tokens in {calls}"


def drafted(by: str) -> str:
    return {"baseline": "the baseline", "model": "a model", "person": "a person"}.get(by, by)


def count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def in_groups(claims: Iterable[Claim]) -> list[tuple[str, list[Claim]]]:
    """Claims by their group, groups as they first come: ticket 2 stands before ticket 10."""
    groups: dict[str, list[Claim]] = {}
    for each in claims:
        groups.setdefault(each.group, []).append(each)
    return list(groups.items())


def breaks(text: str) -> str:
    """How a cell's text may be broken: a date or a key nowhere, words between them, and anywhere a word that no column
    has room for."""
    longest = max(map(len, text.split()), default=0)
    if longest > LONG_WORD:
        return "unbroken"
    return "short" if longest == len(text) or len(text) <= SHORT else ""

"""How much of a ticket is read. More than this nobody looks at, and no model should pay for."""

from typing import Any

MOST_TEXT = 100_000  # characters of a body or comment
MOST_COMMENTS = 200
MOST_LABELS = 50


def text(value: Any) -> str:
    """A text as it stands, cut at the most there may be."""
    return value[:MOST_TEXT] if isinstance(value, str) else ""


def name(value: Any, *keys: str) -> str:
    """What somebody or something is called, by the first of the keys that it has."""
    if isinstance(value, str):
        return value[:100]
    if not isinstance(value, dict):
        return ""
    return next((str(value[key])[:100] for key in keys if value.get(key)), "")


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def under(value: Any, *keys: str) -> Any:
    """What lies under the keys, one in the other; None where something is missing or something else."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value

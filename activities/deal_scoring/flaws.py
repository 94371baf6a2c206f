"""What could not be used of a source as it is, counted: a million rows with one flaw are one line."""

from contracts import shown
from contracts.deals import Flaw

EXAMPLES = 3
MOST = 200


class Flaws:
    """Collects them while rows are read."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], int] = {}
        self._examples: dict[tuple[str, str], list[str]] = {}

    def add(self, where: str, says: str, example: str = "", rows: int = 1) -> None:
        """One more of the same. `example`: which row, or which value; what others wrote is cut and made visible."""
        key = (where, says)
        if key not in self._rows and len(self._rows) >= MOST:
            key = ("the source", "more is wrong than is listed here")
        self._rows[key] = self._rows.get(key, 0) + rows
        shown_ones = self._examples.setdefault(key, [])
        if example and len(shown_ones) < EXAMPLES:
            shown_ones.append(shown.spelt(" ".join(example.split()))[:80])

    def all(self) -> tuple[Flaw, ...]:
        return tuple(
            Flaw(where=where, says=says, rows=rows, examples=tuple(self._examples[where, says]))
            for (where, says), rows in self._rows.items()
        )

"""How many things need the person who looks: in the title, beside the inbox and in the tab's icon, on every page."""

from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts.errors import CountersignError
from contracts.records import Person
from contracts.roles import parts
from ledger import Ledger

MOST_PEOPLE = 1000  # remembered; then all are counted anew
Stamp = tuple[object, ...]


@dataclass
class Badge:
    """Counts, and remembers while nothing has changed. A role or key that was taken away tells within a minute."""

    ledger: Ledger
    known: dict[str, tuple[Stamp, int]] = field(default_factory=dict)

    def count(self, person: Person) -> int:
        """Proposals that this person may approve now, and for administrators effects in doubt."""
        open_ones, decided = self.ledger.undecided()
        doubted = len(self.ledger.effects(state="unknown")) if "administrator" in parts(person.roles) else 0
        stamp: Stamp = (open_ones, decided, person.roles, f"{datetime.now(UTC):%H:%M}")
        known = self.known.get(person.name)
        if known is None or known[0] != stamp:
            if len(self.known) >= MOST_PEOPLE:
                self.known.clear()
            known = (stamp, sum(self._is_for(person, digest) for digest in open_ones))
            self.known[person.name] = known
        return known[1] + doubted

    def _is_for(self, person: Person, digest: str) -> bool:
        try:
            return self.ledger.why_not(self.ledger.proposal(digest), person) is None
        except CountersignError:
            return False  # the inbox says why it can't be read

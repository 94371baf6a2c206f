"""What reading any service has in common: its bounds, how far it is, and what it doesn't let us see."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from activities.crm.patience import Patience
from activities.deal_scoring.booking import Booking, plain_name
from activities.deal_scoring.facts import columns_asked
from activities.deal_scoring.tables import Row
from contracts.errors import BadInput, NotAllowed
from contracts.methodology import Columns, Methodology

EVERY = 500  # rows, after which people are told how far it is


@dataclass
class Reading:
    """One reading of a service called `name`. `tell` is given sentences for people."""

    booking: Booking
    name: str
    tell: Callable[[str], None] = lambda says: None
    patient: Patience = field(default_factory=Patience)
    rows: int = 0

    def bounded(self, what: str, rows: Iterable[Row], most: int) -> Iterator[Row]:
        """At most that many of them, counted for people."""
        for number, row in enumerate(rows, 1):
            if number > most:
                self.booking.flaws.add(what, f"over {most:,} rows: only the newest were read", rows=0)
                return
            self.rows += 1
            if self.rows % EVERY == 0:
                self.tell(f"reading {what} of {self.name}: {self.rows:,} rows so far")
            yield row

    def allowed(self, what: str, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows; none where the service doesn't let us see them: what is lost is told."""
        read = iter(rows)
        try:
            first = next(read, None)
        except (NotAllowed, BadInput) as error:
            self.booking.flaws.add(what, f"not read: {error.what[:200]}", rows=0)
            return
        if first is not None:
            yield first
            yield from read

    def asked(self, known: Mapping[str, str]) -> dict[str, str]:
        """Fields that the methodology asks for, and what each is called in a table: one that it names as it is, and one
        with the name of a fact as that fact.

        `known`: the service's fields, with what people call each.
        """
        columns = self.booking.methodology.columns.opportunities
        found = {each: each for each in columns.values()}
        facts = {each.casefold(): each for each in columns_asked(self.booking.methodology) if each not in columns}
        for each, label in known.items():
            names = (plain_name(label), plain_name(each.removesuffix("__c")))
            if each not in found and (fact := next((facts.pop(name) for name in names if name in facts), "")):
                found[each] = fact
        return found


def of_a_service(methodology: Methodology) -> Methodology:
    """Without what the file says of a folder's activities and stages: a service calls them what it calls them."""
    own = Columns.model_validate({**dict(methodology.columns), "activities": {}, "stages": {}})
    return methodology.model_copy(update={"columns": own})


def under(row: Mapping[str, Any], *path: str) -> Any:
    """What is there below all these names; None where there is nothing."""
    found: Any = row
    for name in path:
        found = found.get(name) if isinstance(found, Mapping) else None
    return found

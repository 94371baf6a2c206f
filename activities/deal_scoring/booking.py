"""Makes a book of a source's tables. What can't be used is counted and told of; nothing disappears without a word."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from itertools import chain, islice
from typing import Generic, TypeVar

from activities.deal_scoring import values
from activities.deal_scoring.columns import NEEDED, WITHOUT, Chosen, choose
from activities.deal_scoring.facts import columns_asked
from activities.deal_scoring.flaws import Flaws
from activities.deal_scoring.tables import Row, Table
from contracts.deals import Activity, Book, Opportunity, StageChange
from contracts.errors import BadRows
from contracts.methodology import Methodology

MOST_OPEN, MOST_CLOSED = 20_000, 100_000
MOST_ACTIVITIES, MOST_CHANGES = 500_000, 300_000
LOOKED_AT = 5_000  # rows from which the order of day and month is read
LONGEST_FIELD, LONGEST_NOTE, MOST_FIELDS = 300, 300, 60  # a next step of Salesforce has up to 255
LARGEST_AMOUNT = Decimal(10) ** 12
EMPTY = {"", "-", "—", "n/a", "na", "none", "null", "select"}
T = TypeVar("T")


class Newest(Generic[T]):
    """At most `most` of what is added, those with the latest key; `dropped` counts the others."""

    def __init__(self, most: int, key: Callable[[T], date]) -> None:
        self._most, self._key = most, key
        self._kept: list[T] = []
        self.dropped = 0

    def add(self, item: T) -> None:
        self._kept.append(item)
        if len(self._kept) > 2 * self._most:
            self._cut()

    def all(self) -> list[T]:
        self._cut()
        return self._kept

    def _cut(self) -> None:
        if len(self._kept) > self._most:
            self._kept.sort(key=self._key, reverse=True)
            self.dropped += len(self._kept) - self._most
            del self._kept[self._most :]


class Booking:
    """Builds one book."""

    def __init__(self, methodology: Methodology, today: date) -> None:
        self.methodology, self.today = methodology, today
        self.flaws = Flaws()
        self._won = {each.casefold() for each in methodology.columns.won}
        self._lost = {each.casefold() for each in methodology.columns.lost}

    def book(
        self,
        source: str,
        target: str,
        opportunities: Table,
        activities: Table | None = None,
        stages: Table | None = None,
    ) -> Book:
        """The book of these tables. BadRows for a heading without what nothing can be made without."""
        deals = self._opportunities(opportunities)
        known = {each.id for each in deals}
        return Book(
            source=source,
            target=target,
            today=self.today,
            currency=self.methodology.currency,
            opportunities=tuple(deals),
            activities=tuple(self._activities(activities, known)) if activities else (),
            changes=tuple(self._changes(stages, known)) if stages else (),
            flaws=self.flaws.all(),
        )

    def _opportunities(self, table: Table) -> list[Opportunity]:
        chosen, columns, rows, order = self._begun(table, "opportunities")
        called = self._fields(chosen)
        self._tell_missing(table.name, [*chosen.column, *map(called, columns)])
        opened = Newest[Opportunity](MOST_OPEN, lambda each: each.closes or each.created or date.min)
        closed = Newest[Opportunity](MOST_CLOSED, lambda each: each.closed or each.created or date.min)
        seen = set[str]()
        for line, row in rows:
            made = self._opportunity(table.name, line, row, chosen, called, order)
            if made is None:
                continue
            if made.id in seen:
                self.flaws.add(table.name, "the same id is there twice; the first counts", made.id)
                continue
            seen.add(made.id)
            (opened if made.won is None else closed).add(made)
        deals = [*opened.all(), *closed.all()]
        for what, dropped, most in (("open", opened.dropped, MOST_OPEN), ("closed", closed.dropped, MOST_CLOSED)):
            if dropped:
                self.flaws.add(table.name, f"over {most:,} {what} deals: older ones are not used", rows=dropped)
        return sorted(deals, key=lambda each: each.id)

    def _tell_missing(self, name: str, there: Iterable[str]) -> None:
        """Write down what the methodology asks for and the source doesn't have."""
        found = {each.casefold() for each in there}
        for fact, what in columns_asked(self.methodology).items() if found else ():
            if fact.casefold() not in found:
                self.flaws.add(name, f"no column {fact!r}, which {what} asks for: it counts as missing", rows=0)

    def _begun(self, table: Table, kind: str) -> tuple[Chosen, Sequence[str], Iterator[tuple[int, Row]], values.Order]:
        """Which column is what, all rows, and how days are written. BadRows without the columns that are needed."""
        first = list(islice(table.rows, LOOKED_AT))
        columns = table.columns or list(dict.fromkeys(name for _, row in first for name in row))
        mapping = getattr(self.methodology.columns, kind)
        chosen = choose(kind, columns, mapping)
        missing = [part for part in NEEDED[kind] if part in chosen.missing]
        if missing and (first or table.columns):
            told = ", ".join(f"{part} ({chosen.missing[part]!r})" if chosen.missing[part] else part for part in missing)
            raise BadRows(
                f"{table.name} has no column for {told}. It has {', '.join(columns[:20])}.",
                subject=table.name,
                way_out=f"Name them under columns.{kind} of the methodology, or in the heading.",
            )
        for part, named in chosen.missing.items() if first else ():
            if named or part in WITHOUT:
                says = f"no column {named!r} for {part}" if named else f"no column for {part}"
                self.flaws.add(table.name, f"{says}: {WITHOUT.get(part, 'it is left out')}", rows=0)
        days = [chosen.column[part] for part in ("created", "closes", "closed", "at") if part in chosen.column]
        order = self.methodology.columns.dates or values.order_of(
            row.get(column, "") for _, row in first for column in days
        )
        return chosen, columns, chain(first, table.rows), order

    def _fields(self, chosen: Chosen) -> Callable[[str], str]:
        """What the methodology may call a column beside the known ones."""
        named = {
            column: part for part, column in self.methodology.columns.opportunities.items() if part not in chosen.column
        }
        return lru_cache(maxsize=1_000)(lambda column: named.get(column) or plain_name(column))

    def _opportunity(
        self, name: str, line: int, row: Row, chosen: Chosen, called: Callable[[str], str], order: values.Order
    ) -> Opportunity | None:
        found = {part: row.get(column, "").strip() for part, column in chosen.column.items()}
        if not found["id"]:
            self.flaws.add(name, "no id: the row is not used", f"line {line}")
            return None
        label = cut(found["id"], 100)
        stage = cut(found["stage"], 100)
        closed = self._day(name, "closed", found.get("closed", ""), order, label)
        won = self._outcome(stage, found.get("won", ""), closed)
        closes = self._day(name, "closes", found.get("closes", ""), order, label)
        amount, currency, value = self._value(name, found.get("amount", ""), found.get("currency", ""), label)
        if won is None and self.methodology.stage(stage) is None:
            self.flaws.add(name, f"the stage {cut(stage, 60)!r} is not in the methodology", label)
        if won is not None and closed is None:
            closed = closes
        return Opportunity(
            id=label,
            name=cut(found.get("name", ""), 150) or label,
            owner=cut(found.get("owner", ""), 100),
            stage=stage,
            amount=amount,
            currency=currency,
            value=value,
            created=self._day(name, "created", found.get("created", ""), order, label),
            closes=closes,
            closed=closed,
            won=won,
            fields=_filled(row, chosen.used, called),
        )

    def _outcome(self, stage: str, said: str, closed: date | None) -> bool | None:
        """True for won, False for lost, None for open. That it isn't won says nothing of a deal in an open stage."""
        word = stage.casefold()
        if word in self._won or word in self._lost:
            return word in self._won
        won = values.yes_or_no(said)
        if won is False and closed is None and (not said.isalpha() or said.casefold() in ("false", "no", "n")):
            return None if self.methodology.stage(stage) else False
        return won

    def _value(self, name: str, text: str, currency: str, label: str) -> tuple[Decimal | None, str, Decimal | None]:
        """The amount, its currency, and what it is worth in the methodology's."""
        base = self.methodology.currency
        if text.casefold() in EMPTY:
            return None, "", None
        read = values.amount(text)
        if read is None:
            self.flaws.add(name, "the amount can't be read: the deal counts without one", f"{label}: {text}")
            return None, "", None
        amount, beside = read
        code = (currency or beside or base).upper()[:3]
        if amount < 0 or amount > LARGEST_AMOUNT:
            says = "the amount is negative" if amount < 0 else "the amount is over a trillion"
            self.flaws.add(name, f"{says}: the deal counts without one", f"{label}: {text}")
            return amount, code, None
        if code != base and code not in self.methodology.rates:
            self.flaws.add(name, f"amounts in {code}, of which the methodology has no rate: worth unknown", label)
            return amount, code, None
        rate = Decimal(1) if code == base else self.methodology.rates[code]
        return amount, code, (amount * rate).quantize(Decimal("0.01"))

    def _day(self, name: str, part: str, text: str, order: values.Order, label: str) -> date | None:
        if text.casefold() in EMPTY:
            return None
        found = values.day(text, order)
        if found is None:
            both = values.day(text, "day first") is not None
            says = "can be read as two days: say columns.dates" if both else "is no day that can be read"
            self.flaws.add(name, f"{part} {says}; it counts as empty", f"{label}: {text}")
        return found

    def _activities(self, table: Table, known: set[str]) -> list[Activity]:
        chosen, _, rows, order = self._begun(table, "activities")
        kept = Newest[Activity](MOST_ACTIVITIES, lambda each: each.at)
        for line, row in rows:
            found = {part: row.get(column, "").strip() for part, column in chosen.column.items()}
            at = self._of_a_deal(table.name, line, found, known, order)
            if at is not None:
                kind = cut(found.get("kind", ""), 40).casefold()
                who, note = cut(found.get("who", ""), 100), cut(found.get("note", ""), LONGEST_NOTE)
                kept.add(Activity(cut(found["deal"], 100), at, kind, who, note))
        return self._ordered(table.name, kept, MOST_ACTIVITIES)

    def _changes(self, table: Table, known: set[str]) -> list[StageChange]:
        chosen, _, rows, order = self._begun(table, "stages")
        kept = Newest[StageChange](MOST_CHANGES, lambda each: each.at)
        for line, row in rows:
            found = {part: row.get(column, "").strip() for part, column in chosen.column.items()}
            at = self._of_a_deal(table.name, line, found, known, order)
            if at is not None:
                before = cut(found.get("before", ""), 100)
                kept.add(StageChange(cut(found["deal"], 100), at, cut(found["stage"], 100), before))
        return self._ordered(table.name, kept, MOST_CHANGES)

    def _of_a_deal(
        self, name: str, line: int, found: Mapping[str, str], known: set[str], order: values.Order
    ) -> date | None:
        """The day of a row; None for a row of no deal, without a day, or of a day that is still to come."""
        if cut(found.get("deal", ""), 100) not in known:
            self.flaws.add(name, "belongs to no deal that is there: the row is not used", f"line {line}")
            return None
        at = self._day(name, "at", found.get("at", ""), order, f"line {line}")
        if at is not None and at > self.today:
            self.flaws.add(name, "is of a day to come: the row is not used", f"line {line}")
            return None
        return at

    def _ordered(self, name: str, kept: Newest[T], most: int) -> list[T]:
        rows = kept.all()
        if kept.dropped:
            self.flaws.add(name, f"over {most:,} rows: older ones are not used", rows=kept.dropped)
        return sorted(rows, key=lambda each: (each.deal, each.at))  # type: ignore[attr-defined]


def _filled(row: Row, used: frozenset[str], called: Callable[[str], str]) -> dict[str, str]:
    """The other columns that have something in them."""
    found = dict[str, str]()
    for column, text in row.items():
        if column not in used and text and text.strip().casefold() not in EMPTY and len(found) < MOST_FIELDS:
            found[called(column)] = cut(text, LONGEST_FIELD)
    return found


def cut(text: str, most: int) -> str:
    """The text, no longer than that."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def plain_name(column: str) -> str:
    """`Economic Buyer` and `economic-buyer` are `economic_buyer`."""
    return re.sub(r"\W+", "_", column.strip().casefold()).strip("_") or column

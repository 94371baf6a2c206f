"""Entries: the append-only log of who did what.

An entry's digest is over its canonical JSON, which is kept as written. `append` is one durable transaction;
`write` shares a transaction with whoever writes at the same moment (`ledger/writer.py`).
"""

import json
import secrets
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy.engine import Connection, RowMapping

from contracts.digests import canonical_json, tagged_digest
from contracts.errors import BadInput
from contracts.records import Entry, EntryKind, StoredEntry
from ledger.part import Part
from ledger.schema import clean, entries, leaves, moment_text

ENTRY_TAG = "countersign/entry/v1"
SEARCHED = (entries.c.says, entries.c.name, entries.c.actor, entries.c.run)
COLUMNS = ("key", "kind", "name", "says", "run", "actor")

LARGEST = 2**53 - 1  # RFC 8785's integers
SALT = 16  # random bytes in each body: once they are erased, the digest is none to try words out on
STORED = (*COLUMNS, "recorded_at", "digest", "body")

Row = tuple[str, ...]  # the values of STORED


def row_of(entry: Entry, now: datetime) -> Row:
    """The entry as a row. BadInput when its facts are no JSON that has one canonical form."""
    try:
        body = canonical_body(entry, salt=secrets.token_hex(SALT))
    except ValueError as error:
        raise BadInput(
            f"The facts of entry {entry.key!r} cannot be written down: {error}.",
            subject=entry.key,
            way_out="Give integers up to 2**53 and finite numbers; longer ones as strings.",
        ) from error
    searched = (clean(getattr(entry, column)) for column in COLUMNS)
    return (*searched, moment_text(now), tagged_digest(ENTRY_TAG, body), body.decode())


def canonical_body(entry: Entry, *, salt: str = "") -> bytes:
    """`canonical_json` of an entry, three times faster for facts without fractions and odd keys.

    There the standard library's sorted, compact JSON is RFC 8785's, byte for byte; a test compares them.
    """
    fields = entry.model_dump(mode="json")
    if salt:
        fields["salt"] = salt
    if not _is_simple(fields["facts"]):
        return canonical_json(fields)
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _is_simple(value: Any) -> bool:
    """ASCII keys (they sort alike by code point and by UTF-16 unit) and numbers with one spelling."""
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        return -LARGEST <= value <= LARGEST
    if isinstance(value, dict):
        return all(key.isascii() and _is_simple(item) for key, item in value.items())
    return isinstance(value, list) and all(map(_is_simple, value))


INSERT = (
    f"INSERT INTO entries ({', '.join(STORED)}) VALUES ({', '.join('?' * len(STORED))})"  # noqa: S608
    " ON CONFLICT DO NOTHING"
)


class Entries(Part):
    """Appending and finding entries."""

    def append(self, entry: Entry) -> None:
        """Write one entry; durable on return. A key that is already there keeps its first entry."""
        with self.store.write() as connection:
            self.note(connection, entry)

    async def write(self, entry: Entry) -> None:
        """`append` for many callers at once: durable when awaited, in well under a millisecond."""
        await self.writer.write(row_of(entry, self.clock()))

    def note(self, connection: Connection, *noted: Entry) -> None:
        """Append inside a transaction that also changes something else: both happen or neither."""
        if noted:
            self.insert_rows(connection, [row_of(entry, self.clock()) for entry in noted])

    def insert_rows(self, connection: Connection, rows: Sequence[Row]) -> None:
        """The hot path: the statement goes to the driver as it is, which halves its cost."""
        mark = "?" if self.store.is_sqlite else "%s"
        connection.exec_driver_sql(INSERT.replace("?", mark), list(rows))

    def entries(
        self,
        *,
        run: str = "",
        kind: EntryKind | str = "",
        words: str = "",
        after: int = 0,
        limit: int = 200,
        newest_first: bool = False,
    ) -> list[StoredEntry]:
        """Entries by run, kind and words (all of them, in any order, in what an entry says).

        `after` is the id of the last entry of the page before, in either direction; 0 begins.
        """
        found = sa.select(entries, leaves.c.head).outerjoin(leaves, leaves.c.entry == entries.c.id)
        if run:
            found = found.where(entries.c.run == run)
        if kind:
            found = found.where(entries.c.kind == kind)
        for word in words.split():
            found = found.where(sa.or_(*(column.icontains(word, autoescape=True) for column in SEARCHED)))
        if after:
            found = found.where(entries.c.id < after if newest_first else entries.c.id > after)
        order = entries.c.id.desc() if newest_first else entries.c.id
        with self.store.read() as connection:
            rows = connection.execute(found.order_by(order).limit(limit)).mappings()
            return [stored(row) for row in rows]

    def has_entry(self, *keys: str) -> bool:
        """Whether there is one under any of these keys."""
        with self.store.read() as connection:
            return connection.scalar(sa.select(entries.c.id).where(entries.c.key.in_(keys)).limit(1)) is not None

    def entry_keys(self, run: str) -> set[str]:
        """The keys of all entries of a run."""
        with self.store.read() as connection:
            return set(connection.scalars(sa.select(entries.c.key).where(entries.c.run == run)))

    def entry(self, key: str) -> StoredEntry | None:
        """The entry under that key."""
        found = sa.select(entries, leaves.c.head).outerjoin(leaves, leaves.c.entry == entries.c.id)
        with self.store.read() as connection:
            row = connection.execute(found.where(entries.c.key == key)).mappings().one_or_none()
        return stored(row) if row is not None else None


def stored(row: RowMapping) -> StoredEntry:
    fields: dict[str, Any] = from_json(row["body"])
    fields |= {"id": row["id"], "digest": row["digest"], "sealed_in": row["head"]}
    return StoredEntry.model_validate(fields | {"recorded_at": row["recorded_at"]})


def expected_columns(body: str) -> dict[str, str]:
    """What an entry's search columns have to be, from its body. ValueError when it is no entry."""
    fields = from_json(body)
    try:
        return {column: fields[column] for column in COLUMNS}
    except (KeyError, TypeError) as error:
        raise ValueError("not the body of an entry") from error

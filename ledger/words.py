"""The index of terms, apart from what is sealed: it can be thrown away, and is made again.

SQLite keeps it in a file of its own beside the ledger (`ledger.db.words`), so that filling it never holds the lock that
entries are written under. PostgreSQL keeps it in the table `words`. Both give entries' ids, the newest first.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from ledger.store import BUSY_SECONDS, Store

INDEX_LOCK = 6
WINDOWS = (20_000, 200_000)  # PostgreSQL: the newest ids are looked through first, in which common terms are found soon
Terms = tuple[int, frozenset[str]]  # an entry's id and its terms
Mark = tuple[int, str]  # how many places of the tree are in the index, and what tells that it is of this ledger


class Words(Protocol):
    def mark(self) -> Mark: ...

    def take(self, entries: Sequence[Terms], before: Mark, after: Mark) -> bool:
        """Take them in and move the mark, or, when somebody else has moved it, do nothing and say so."""

    def match(self, exact: Iterable[str], begun: Iterable[str], low: int, high: int, limit: int) -> list[int]:
        """Ids from `low` on and below `high`, newest first."""

    def clear(self) -> None:
        """Empty it, and what is left in the files of what it had."""


class SqliteWords:
    """FTS5 without contents and positions: lists of ids by term, in order, which is all that is asked of it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=NORMAL")
        connection.execute("PRAGMA secure_delete=ON")
        connection.execute("PRAGMA cache_size=-16000")
        connection.execute(
            "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5"
            "(terms, content='', detail=none, columnsize=0, tokenize=\"ascii tokenchars '='\")"
        )
        connection.execute("CREATE TABLE IF NOT EXISTS mark (one INTEGER PRIMARY KEY, places INTEGER, digest TEXT)")
        return connection

    def mark(self) -> Mark:
        connection = self._open()
        try:
            return _mark(connection)
        finally:
            connection.close()

    def take(self, entries: Sequence[Terms], before: Mark, after: Mark) -> bool:
        connection = self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            if _mark(connection) != before:
                return False
            rows = [(entry, " ".join(terms)) for entry, terms in entries]
            connection.executemany("INSERT INTO words (rowid, terms) VALUES (?, ?)", rows)
            connection.execute("INSERT OR REPLACE INTO mark VALUES (1, ?, ?)", after)
            connection.execute("COMMIT")
            return True
        finally:
            connection.close()

    def match(self, exact: Iterable[str], begun: Iterable[str], low: int, high: int, limit: int) -> list[int]:
        asked = " AND ".join([*(f'"{term}"' for term in sorted(exact)), *(f'"{term}"*' for term in sorted(begun))])
        query = "SELECT rowid FROM words WHERE words MATCH ? AND rowid >= ? AND rowid < ? ORDER BY rowid DESC LIMIT ?"
        connection = self._open()
        try:
            return [row[0] for row in connection.execute(query, (asked, low, high, limit))]
        finally:
            connection.close()

    def clear(self) -> None:
        connection = self._open()
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("INSERT INTO words (words) VALUES ('delete-all')")
            connection.execute("DELETE FROM mark")
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()


def _mark(connection: sqlite3.Connection) -> Mark:
    found = connection.execute("SELECT places, digest FROM mark").fetchone()
    return (0, "") if found is None else (found[0], found[1])


class PostgresWords:
    """A tsvector of ready-made lexemes under a GIN index."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def mark(self) -> Mark:
        with self.store.read() as connection:
            return self._mark(connection)

    def take(self, entries: Sequence[Terms], before: Mark, after: Mark) -> bool:
        with self.store.write() as connection:
            self.store.lock(connection, INDEX_LOCK)
            if self._mark(connection) != before:
                return False
            insert = "INSERT INTO words VALUES (%s, array_to_tsvector(%s::text[])) ON CONFLICT DO NOTHING"
            rows = [(entry, list(terms)) for entry, terms in entries]
            if rows:
                connection.exec_driver_sql(insert, rows)
            connection.execute(sa.text("DELETE FROM meta WHERE name = 'words'"))
            told = {"told": f"{after[0]} {after[1]}"}
            connection.execute(sa.text("INSERT INTO meta VALUES ('words', :told)"), told)
        return True

    def match(self, exact: Iterable[str], begun: Iterable[str], low: int, high: int, limit: int) -> list[int]:
        asked = " & ".join([*(f"'{term}'" for term in sorted(exact)), *(f"'{term}':*" for term in sorted(begun))])
        near = (
            "SELECT entry FROM words WHERE entry >= :low AND entry < :high AND terms @@ CAST(:asked AS tsquery)"
            " ORDER BY entry DESC LIMIT :limit"
        )
        all_of_them = (
            "WITH found AS MATERIALIZED (SELECT entry FROM words WHERE terms @@ CAST(:asked AS tsquery))"
            " SELECT entry FROM found WHERE entry >= :low AND entry < :high ORDER BY entry DESC LIMIT :limit"
        )
        found: list[int] = []
        with self.store.read() as connection:
            newest = connection.scalar(sa.text("SELECT max(entry) FROM words")) or 0
            top = min(high, newest + 1)
            for window in (*WINDOWS, None):
                bottom = low if window is None else max(low, top - window)
                query = sa.text(all_of_them if window is None else near)
                bound = {"low": bottom, "high": high, "asked": asked, "limit": limit}
                found = list(connection.scalars(query, bound))
                if len(found) == limit or bottom == low:
                    break
        return found

    def clear(self) -> None:
        with self.store.write() as connection:
            connection.execute(sa.text("TRUNCATE words"))
            connection.execute(sa.text("DELETE FROM meta WHERE name = 'words'"))

    @staticmethod
    def _mark(connection: sa.Connection) -> Mark:
        told = connection.scalar(sa.text("SELECT value FROM meta WHERE name = 'words'"))
        if told is None:
            return (0, "")
        places, _, digest = str(told).partition(" ")
        return int(places), digest


def words_of(store: Store) -> Words:
    if store.is_sqlite:
        return SqliteWords(Path(f"{store.url.database}.words"))
    return PostgresWords(store)

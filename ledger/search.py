"""Search: entries by run, person, workflow, team, repository, kind, words and time, the newest first.

The index takes entries in after they are sealed, apart from the transaction that writes them: writing costs nothing
more. What it has not taken in yet, the newest seconds, is read and compared here. Each answer is compared with the
entry itself, so the index can miss an entry and never show a wrong one.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy.engine import Connection, RowMapping

from contracts.finding import Found, Query
from ledger.entries import stored
from ledger.part import Part
from ledger.schema import entries, leaves, meta, moment_text, runs
from ledger.terms import asked, matches, terms_of
from ledger.words import Mark, Words, words_of

CHUNK = 500  # entries taken into the index at once
TAIL = 5_000  # entries outside the index that one search looks through
LATE = 1_000  # PostgreSQL: ids below the index's newest among which a late commit is looked for
SLACK = timedelta(minutes=5)  # between the clocks of the hosts that write: ids are not quite in the order of times
END = 2**62
ERASED_META = "erased"  # in `meta`: the last erasure

_ROWS = sa.select(entries, leaves.c.head).outerjoin(leaves, leaves.c.entry == entries.c.id)


class Search(Part):
    """Finding entries."""

    @property
    def words(self) -> Words:
        return words_of(self.store)

    def search(self, query: Query) -> Found:
        """The newest entries like that; ask again with `before` for those that follow."""
        terms = asked(query)
        if terms is None:
            return Found(entries=())
        with self.store.read() as connection:
            low, high = _bounds(connection, query)
        wanted = query.limit + 1
        if any(terms):
            rows, behind = self._by_terms(query, *terms, low, high, wanted)
        else:
            rows, behind = self._by_time(query, low, high, wanted), 0
        more = rows[query.limit - 1]["id"] if len(rows) > query.limit else 0
        return Found(entries=tuple(map(stored, rows[: query.limit])), before=more, behind=behind)

    def index(self) -> None:
        """Take what is sealed and not in the index into it."""
        index = self.words
        while self._index_chunk(index):
            pass

    def _index_chunk(self, index: Words) -> bool:
        before = index.mark()
        with self.store.read() as connection:
            if not _is_ours(connection, before):  # restored from a backup, or something in it was erased
                index.clear()
                return True
            query = _ROWS.add_columns(leaves.c.position).where(leaves.c.position >= before[0])
            rows = connection.execute(query.order_by(leaves.c.position).limit(CHUNK)).mappings().all()
            if not rows:
                return False
            terms = [(row["id"], found) for row, found in _with_terms(connection, rows)]
            after = (rows[-1]["position"] + 1, _sign(connection, rows[-1]["digest"]))
        index.take(terms, before, after)
        return True

    def _by_time(self, query: Query, low: int, high: int, wanted: int) -> list[RowMapping]:
        found = _timed(_ROWS, query).where(entries.c.id >= low, entries.c.id < high)
        with self.store.read() as connection:
            return list(connection.execute(found.order_by(entries.c.id.desc()).limit(wanted)).mappings())

    def _by_terms(
        self, query: Query, exact: frozenset[str], begun: frozenset[str], low: int, high: int, wanted: int
    ) -> tuple[list[RowMapping], int]:
        tail, behind = self._tail(query, low, high)
        found = {row["id"]: row for row in self._like(tail, exact, begun)[:wanted]}
        top = high
        while len(found) < wanted:
            ids = self.words.match(exact, begun, low, top, wanted)
            if not ids:
                break
            with self.store.read() as connection:
                rows = connection.execute(_timed(_ROWS, query).where(entries.c.id.in_(ids))).mappings().all()
            found |= {row["id"]: row for row in self._like(rows, exact, begun)}
            top = ids[-1]
            if len(ids) < wanted:
                break
        return [found[each] for each in sorted(found, reverse=True)[:wanted]], behind

    def _tail(self, query: Query, low: int, high: int) -> tuple[Sequence[RowMapping], int]:
        """What is not in the index, newest first, and how many more there are."""
        places, _ = self.words.mark()
        with self.store.read() as connection:
            last = connection.scalar(sa.select(leaves.c.entry).where(leaves.c.position == places - 1)) or 0
            start = last if self.store.is_sqlite else max(0, last - LATE)
            outside = sa.or_(leaves.c.position.is_(None), leaves.c.position >= places)
            found = _timed(_ROWS, query).where(outside, entries.c.id > start, entries.c.id >= low, entries.c.id < high)
            rows = connection.execute(found.order_by(entries.c.id.desc()).limit(TAIL)).mappings().all()
        return rows, max(0, rows[-1]["id"] - last - 1) if len(rows) == TAIL else 0

    def _like(self, rows: Sequence[RowMapping], exact: frozenset[str], begun: frozenset[str]) -> list[RowMapping]:
        with self.store.read() as connection:
            return [row for row, terms in _with_terms(connection, rows) if matches(terms, exact, begun)]


def _with_terms(connection: Connection, rows: Iterable[RowMapping]) -> list[tuple[RowMapping, frozenset[str]]]:
    bodies = [(row, from_json(row["body"])) for row in rows if row["body"]]
    known = _runs(connection, {body["run"] for _, body in bodies if body["run"]})
    return [(row, terms_of(body, known.get(body["run"]))) for row, body in bodies]


def _runs(connection: Connection, named: set[str]) -> Mapping[str, Mapping[str, Any]]:
    query = sa.select(runs.c.run, runs.c.workflow, runs.c.team, runs.c.repository).where(runs.c.run.in_(named))
    return {row["run"]: dict(row) for row in connection.execute(query).mappings()} if named else {}


def _is_ours(connection: Connection, mark: Mark) -> bool:
    if not mark[0]:
        return True
    last = connection.scalar(sa.select(leaves.c.digest).where(leaves.c.position == mark[0] - 1))
    return last is not None and _sign(connection, last) == mark[1]


def _sign(connection: Connection, last: str) -> str:
    """What an index is marked with that goes up to the entry with this digest. What was made before something was
    erased has another one, and is made again."""
    erased = connection.scalar(sa.select(meta.c.value).where(meta.c.name == ERASED_META))
    return last if erased is None else f"{last}/{erased}"


def _timed(found: sa.Select[Any], query: Query) -> sa.Select[Any]:
    if query.since:
        found = found.where(entries.c.recorded_at >= query.since)
    if query.until:
        found = found.where(entries.c.recorded_at < query.until)
    return found


def _bounds(connection: Connection, query: Query) -> tuple[int, int]:
    """Between which ids the asked time and page can be."""
    low = _first_at(connection, query.since - SLACK) if query.since else 0
    high = _first_at(connection, query.until + SLACK) if query.until else END
    return low, min(high, query.before or END)


def _first_at(connection: Connection, moment: datetime) -> int:
    """The lowest id from which on entries are of `moment` or later, give or take the clocks: by halving, since ids
    grow with time, so that no index over times has to be written."""
    low = connection.scalar(sa.select(sa.func.min(entries.c.id))) or 0
    high = (connection.scalar(sa.select(sa.func.max(entries.c.id))) or 0) + 1
    text = sa.type_coerce(entries.c.recorded_at, sa.String())
    while low < high:
        middle = (low + high) // 2
        query = sa.select(entries.c.id, text).where(entries.c.id >= middle).order_by(entries.c.id).limit(1)
        row = connection.execute(query).first()
        if row is None or row[1] >= moment_text(moment):
            high = middle
        else:
            low = row[0] + 1
    return low

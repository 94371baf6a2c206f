"""What runs have taken from a source, each thing by one run, and how far each source was read.

A run that ended without anybody having decided gives back what it held, so nothing is lost with it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ledger.part import Part
from ledger.schema import Moment, Words, meta, metadata, runs

FREE = ("failed", "cancelled", "expired")  # states of runs that hold nothing any more
AT_ONCE = 300  # keys of one statement
CURSOR = "cursor/"
NOBODY = ""  # holds what was given back
T = TypeVar("T")

# `run` is responsible for it, and `by` has taken it.
seen = sa.Table(
    "seen",
    metadata,
    sa.Column("source", Words, primary_key=True),
    sa.Column("key", Words, primary_key=True),
    sa.Column("run", Words, nullable=False),
    sa.Column("by", Words, nullable=False),
    sa.Column("body", sa.String(71), nullable=False, server_default=""),
    sa.Column("example", sa.String(71), nullable=False, server_default=""),
    sa.Column("seen_at", Moment, nullable=False),
    sa.Index("seen_run", "run"),
    sa.Index("seen_example", "source", "example"),
)


class Seen(Part):
    """Rows of `seen`, one for each key of a source."""

    def take(self, source: str, keys: Sequence[str], run: str, *, also: Sequence[str] = ()) -> set[str]:
        """Those of the keys that the run holds now: new ones, its own, and those whose run gave them back. `also`: more
        states of a run that holds nothing any more."""
        now = self.clock()
        rows = [{"source": source, "key": key, "run": run, "by": run, "seen_at": now} for key in keys]
        with self.store.write() as connection:
            for part in _parts(rows):
                connection.execute(self.store.insert_once(seen), part)
            for some in _parts(keys):
                among = sa.and_(seen.c.source == source, seen.c.key.in_(some))
                free = connection.scalars(_free(source, also).where(seen.c.key.in_(some))).all()
                if free:
                    again = {"run": run, "by": run, "seen_at": now}
                    connection.execute(sa.update(seen).where(among, seen.c.key.in_(free)).values(again))
            return _holds(connection, source, keys, run)

    def holder(self, source: str, key: str) -> str:
        """The run that is responsible for it; empty: none."""
        query = sa.select(seen.c.run).where(seen.c.source == source, seen.c.key == key)
        with self.store.read() as connection:
            return str(connection.scalar(query) or "")

    def hand_over(self, source: str, keys: Sequence[str], to: str, body: str = "") -> None:
        """Another run is responsible from now on; `body` is the artifact that says what was found out."""
        with self.store.write() as connection:
            for some in _parts(keys):
                which = sa.and_(seen.c.source == source, seen.c.key.in_(some))
                connection.execute(sa.update(seen).where(which).values(run=to, body=body))

    def give_back(self, source: str, keys: Sequence[str]) -> None:
        """Let the next run have them: this one took more than it can do. They are owed from now on."""
        with self.store.write() as connection:
            for some in _parts(keys):
                which = sa.and_(seen.c.source == source, seen.c.key.in_(some))
                connection.execute(sa.update(seen).where(which).values(run=NOBODY, by=NOBODY))

    def owed(self, source: str, most: int) -> tuple[str, ...]:
        """Keys whose run gave them back, oldest first: they are to be taken again."""
        with self.store.read() as connection:
            return tuple(connection.scalars(_free(source).order_by(seen.c.seen_at, seen.c.key).limit(most)))

    def under_review(self, source: str) -> int:
        """Runs that were handed something of this source and have not ended: each waits for a person, or soon will."""
        held = seen.join(runs, runs.c.run == seen.c.run)
        query = sa.select(sa.func.count(sa.distinct(seen.c.run))).select_from(held)
        open_ones = sa.and_(seen.c.source == source, seen.c.body != "", runs.c.state.in_(("running", "waiting")))
        with self.store.read() as connection:
            return int(connection.scalar(query.where(open_ones)) or 0)

    def recent(self, source: str, most: int) -> tuple[str, ...]:
        """The bodies of what was taken last, newest first, each once."""
        newest = sa.func.max(seen.c.seen_at)
        query = sa.select(seen.c.body).where(seen.c.source == source, seen.c.body != "").group_by(seen.c.body)
        with self.store.read() as connection:
            return tuple(connection.scalars(query.order_by(newest.desc(), seen.c.body).limit(most)))

    def teach(self, source: str, keys: Iterable[str], example: str) -> None:
        """`example` is the artifact of what a person made of these."""
        with self.store.write() as connection:
            for some in _parts(list(keys)):
                which = sa.and_(seen.c.source == source, seen.c.key.in_(some))
                connection.execute(sa.update(seen).where(which).values(example=example))

    def lessons(self, source: str) -> tuple[str, ...]:
        """The artifacts of all that people made of this source's, each once, oldest first."""
        query = sa.select(seen.c.example).where(seen.c.source == source, seen.c.example != "")
        oldest = sa.func.min(seen.c.seen_at)
        with self.store.read() as connection:
            return tuple(connection.scalars(query.group_by(seen.c.example).order_by(oldest, seen.c.example)))

    def cursor(self, name: str) -> str:
        """Where `name` was read up to; empty: nothing of it was."""
        with self.store.read() as connection:
            return str(connection.scalar(sa.select(meta.c.value).where(meta.c.name == _cursor(name))) or "")

    def move_cursor(self, name: str, to: str) -> None:
        row = {"name": _cursor(name), "value": to}
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(meta), [row])
            connection.execute(sa.update(meta).where(meta.c.name == row["name"]).values(value=to))


def _holds(connection: Connection, source: str, keys: Sequence[str], run: str) -> set[str]:
    """Those of the keys that the run has taken, also where it has handed them over."""
    found, mine = set[str](), sa.or_(seen.c.run == run, seen.c.by == run)
    for some in _parts(keys):
        found |= set(
            connection.scalars(sa.select(seen.c.key).where(seen.c.source == source, seen.c.key.in_(some), mine))
        )
    return found


def _free(source: str, also: Sequence[str] = ()) -> "sa.Select[tuple[str]]":
    """The keys that nobody holds: their run ended, or it never began and the one that meant to start it ended."""
    holder, parent = runs.alias("holder"), runs.alias("parent")
    joined = seen.outerjoin(holder, holder.c.run == seen.c.run).outerjoin(parent, parent.c.run == seen.c.by)
    ended = (*FREE, *also)
    never = sa.and_(holder.c.run.is_(None), parent.c.state.in_(ended))
    free = sa.or_(holder.c.state.in_(ended), never, seen.c.run == NOBODY)
    return sa.select(seen.c.key).select_from(joined).where(seen.c.source == source, free)


def _cursor(name: str) -> str:
    return CURSOR + hashlib.sha256(name.encode()).hexdigest()[:32]


def _parts(all_of_them: Sequence[T]) -> "Iterable[Sequence[T]]":
    return (all_of_them[start : start + AT_ONCE] for start in range(0, len(all_of_them), AT_ONCE))

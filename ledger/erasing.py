"""Erasing personal data, without breaking the proof.

The tree is over digests, so what an entry says can go while its digest stays. In its place stands a tombstone, the
entry without those words, and an entry tells which tombstone that is, who asked for it and why, under their signature.
Verification takes a tombstone for an entry only where such a signature covers it.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue
from pydantic_core import from_json
from sqlalchemy.engine import Connection, RowMapping

from contracts.digests import short
from contracts.erasure import ERASED, ERASURE, ErasurePlan, SignedErasure, Tombstone
from contracts.errors import BadInput, Conflict, NotFound
from contracts.records import Entry
from contracts.wire import fingerprint
from ledger.redaction import Cut, Words, everything, redacted, tombstone, tombstone_digest
from ledger.rule import Rule
from ledger.schema import (
    decisions,
    effects,
    entries,
    measured,
    meta,
    notices,
    people,
    preferences,
    proposals,
    runs,
    standings,
    switches,
    tokens,
)
from ledger.search import ERASED_META
from ledger.switch import Switch
from ledger.tombstones import RECORDS

PAGE = 5_000  # rows fetched at a time
OPEN = ("running", "waiting")
# Where words of people stand beside the entries. The rows stay, to be found and counted.
PLACES: tuple[tuple[sa.Table, tuple[str, ...]], ...] = (
    (runs, ("subject", "says")),
    (proposals, ("title", "summary")),
    (decisions, ("why", "body")),
    (effects, ("subject", "outcome")),
    (people, ("display_name", "email")),
    (tokens, ("label",)),
    (switches, ("words",)),
    (notices, ("title", "says", "why")),
    (preferences, ("body", "unproved")),
    (standings, ("ended", "body")),
    (measured, ("body",)),
)

Progress = Callable[[int], None]


class Erasing(Switch, Rule):
    """Finding what an erasure takes, and erasing it."""

    def plan_erasure(self, words: str, *, progress: Progress = lambda done: None) -> ErasurePlan:
        """Where these words stand, in capitals or not. BadInput for words too short. `progress` is told entries read.

        What belongs to a run that isn't over is left out: it may still be signed. So are bodies that such a run reads.
        """
        taken = Words(words)
        with self.store.read() as connection:
            still = _open_runs(connection)
            tombstones, kept, ids = list[Tombstone](), set[str](), 0
            for row in _all_entries(connection, progress):
                if not taken.may_be_in(row["body"]):
                    continue
                if row["run"] in still:
                    kept.add(row["run"])
                    continue
                ids += taken.are_in(row["run"]) or taken.are_in(row["key"])
                if found := _tombstone(row, taken.cut):
                    tombstones.append(found[0])
            rows = {table.name: len(list(_rows(connection, table, columns, taken.cut))) for table, columns in PLACES}
            bodies, kept_bodies = self._bodies(connection, taken)
        return ErasurePlan(
            tombstones=tuple(tombstones),
            rows=rows,
            bodies=bodies,
            open_runs=tuple(sorted(kept)),
            kept_bodies=kept_bodies,
            ids=ids,
        )

    def plan_erasure_of(self, numbers: Sequence[int]) -> ErasurePlan:
        """All that these entries say. NotFound for one that isn't there, BadInput for one of a run that isn't over."""
        tombstones = list[Tombstone]()
        with self.store.read() as connection:
            still = _open_runs(connection)
            for number in sorted(set(numbers)):
                row = connection.execute(sa.select(entries).where(entries.c.id == number)).mappings().first()
                if row is None:
                    raise NotFound(f"There is no entry {number}.", subject=str(number))
                if row["run"] in still:
                    raise BadInput(
                        f"Entry {number} belongs to the run {row['run']!r}, which isn't over.",
                        subject=str(number),
                        way_out="Decide or cancel the run first: what waits for a signature can't be changed.",
                    )
                if found := _tombstone(row, everything):
                    tombstones.append(found[0])
        return ErasurePlan(tombstones=tuple(tombstones))

    def erase(self, signed: SignedErasure, plan: ErasurePlan, words: str = "") -> None:
        """Erase what the plan says: the entries in one transaction with the entries that tell of it, then the bodies.

        Raises the Refused that applies to the signature; MissingRole for somebody who is no administrator; Conflict
        when the entries aren't any more what was signed for.
        """
        self._require_signed(signed, plan)
        cut = Words(words).cut if words else everything
        with self.store.write() as connection:
            if self.store.is_sqlite:
                connection.exec_driver_sql("PRAGMA secure_delete=ON")
            self._tell(connection, signed)
            for each in plan.tombstones:
                self._replace(connection, each, self._left(connection, each, cut), signed.erasure.id)
            if words:
                for table, columns in PLACES:
                    _cut_rows(connection, table, columns, cut)
            self._spoil_index(connection, signed)
        for ref in plan.bodies:
            self.artifacts.erase(ref)
        self.store.tidy(("entries", *(table.name for table, _ in PLACES)))

    def _require_signed(self, signed: SignedErasure, plan: ErasurePlan) -> None:
        wish, again = signed.erasure, "Ask for it again."
        self.require_just_signed("erasure", wish.realm, wish.asked_at, subject=short(wish.id), way_out=again)
        if (wish.tombstones, wish.count) != (plan.digest, len(plan.tombstones)):
            raise Conflict("The erasure was signed for other entries.", subject=short(wish.id))
        if fingerprint(signed.public_key) != signed.signature.key:
            raise BadInput("The public key is not the one that signed.", subject=signed.signature.key)
        self.require_administrator(wish.person, "erase personal data")
        self.require_key(signed.signature, wish.person, wish.signing_bytes(), subject=short(wish.id))

    def _tell(self, connection: Connection, signed: SignedErasure) -> None:
        wish, now = signed.erasure, self.clock()
        told = Entry(
            key=f"erasure/{wish.id}",
            kind="system",
            name=ERASURE,
            says=f"{wish.person} erased personal data from {wish.count} entries: {wish.because}",
            actor=wish.person,
            started_at=now,
            finished_at=now,
            facts={"signed": signed.model_dump(mode="json")},
        )
        self.note(connection, told)

    def _left(self, connection: Connection, stands: Tombstone, cut: Cut) -> str:
        """The body that is left of the entry. Conflict where that isn't what was signed for."""
        row = connection.execute(sa.select(entries).where(entries.c.id == stands.entry)).mappings().one()
        found = _tombstone(row, cut)
        if found is None or found[0] != stands:
            raise Conflict(
                f"Entry {stands.entry} was erased by somebody else meanwhile.",
                subject=str(stands.entry),
                way_out="Ask again: what is left to erase is counted anew.",
            )
        return found[1]

    def _replace(self, connection: Connection, stands: Tombstone, left: str, erasure: str) -> None:
        """First the entry that tells of it: without that, the database refuses the change."""
        now, number = self.clock(), stands.entry
        facts: dict[str, JsonValue] = {**stands.model_dump(mode="json"), "erasure": erasure}
        self.note(
            connection,
            Entry(
                key=f"erased/{number}/{_next(connection, number)}",
                kind="system",
                name=ERASED,
                says=f"Personal data in entry {number} was erased",
                started_at=now,
                finished_at=now,
                facts=facts,
            ),
        )
        said = from_json(left)
        change = sa.update(entries).where(entries.c.id == number)
        connection.execute(change.values(body=left, says=said["says"], actor=said["actor"]))

    def _spoil_index(self, connection: Connection, signed: SignedErasure) -> None:
        """The index of terms is made anew: its mark isn't this ledger's any more."""
        connection.execute(sa.delete(meta).where(meta.c.name == ERASED_META))
        connection.execute(sa.insert(meta).values(name=ERASED_META, value=short(signed.erasure.id)))

    def _bodies(self, connection: Connection, words: Words) -> tuple[tuple[str, ...], int]:
        """Artifacts with the words in them, and how many of those are too new to take: an open run may read them."""
        oldest = connection.scalar(sa.select(sa.func.min(runs.c.started_at)).where(runs.c.state.in_(OPEN)))
        found, kept = list[str](), 0
        for ref, written_at in self.artifacts.written():
            if words.may_be_in(self.artifacts.get(ref).decode(errors="replace")):
                if oldest is None or written_at < oldest:
                    found.append(ref)
                else:
                    kept += 1
        return tuple(sorted(found)), kept


def _open_runs(connection: Connection) -> set[str]:
    return set(connection.scalars(sa.select(runs.c.run).where(runs.c.state.in_(OPEN))))


def _all_entries(connection: Connection, progress: Progress) -> Iterator[RowMapping]:
    query = sa.select(entries).order_by(entries.c.id)
    for done, row in enumerate(connection.execution_options(yield_per=PAGE).execute(query).mappings(), 1):
        yield row
        if done % PAGE == 0:
            progress(done)


def _tombstone(row: RowMapping, cut: Cut) -> tuple[Tombstone, str] | None:
    """What would stand for the entry, and the body that is left of it. None where there is nothing to cut, and for the
    record of an erasure."""
    if row["name"] in RECORDS:
        return None
    body = from_json(row["body"])
    left = tombstone(body, cut)
    if from_json(left) == {name: value for name, value in body.items() if name != "salt"}:
        return None
    return Tombstone(entry=row["id"], digest=row["digest"], tombstone=tombstone_digest(left)), left


def _rows(
    connection: Connection, table: sa.Table, columns: Sequence[str], cut: Cut
) -> Iterator[tuple[RowMapping, dict[str, Any]]]:
    """Rows with something to cut, of runs that are over, and what they become."""
    query = sa.select(table)
    if "run" in table.c:
        query = query.where(table.c.run.not_in(sa.select(runs.c.run).where(runs.c.state.in_(OPEN))))
    for row in connection.execute(query).mappings():
        changed = {name: left for name in columns if (left := redacted(row[name], cut)) != row[name]}
        if changed:
            yield row, changed


def _cut_rows(connection: Connection, table: sa.Table, columns: Sequence[str], cut: Cut) -> None:
    for row, changed in list(_rows(connection, table, columns, cut)):
        key = [column == row[column.name] for column in table.primary_key.columns]
        connection.execute(sa.update(table).where(*key).values(changed))


def _next(connection: Connection, number: int) -> int:
    """Which erasure of this entry it is, from 1."""
    time = 1
    while connection.scalar(sa.select(entries.c.id).where(entries.c.key == f"erased/{number}/{time}")):
        time += 1
    return time

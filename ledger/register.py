"""The register: signed statements of who may sign. What nobody has signed for is a request, and no more.

With a `Trust`, the rule asks `trusted_*` here in place of the tables of people and keys, which whoever may write to the
database may change. The effects' process always has one that keeps, and believes nobody where nothing is pinned. Other
processes believe the tables where nothing is pinned on their host: it verifies once more what they let pass.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from contracts.errors import CountersignError, MissingRole, NotFound, UnknownKey
from contracts.passkeys import is_passkey
from contracts.records import Entry, Person, PersonKey
from contracts.register import Membership, NewKey, Recovery, Registered, Revocation
from contracts.requirements import AGENT
from contracts.trust import Known, not_overtaken
from contracts.wire import fingerprint
from ledger.identities import Identities
from ledger.schema import person_keys, register
from ledger.trust import Trust


class Register(Identities):
    """Taking statements in, and what they add up to."""

    trust: Trust | None

    def register(self, change: Registered) -> None:
        """Take a statement in, with an entry. Raises the Refused that applies, and then nothing is written.

        Where nothing is pinned on this host nobody can tell here: it is kept for those who can.
        """
        if not self.believes_rows:
            with self._trust.lock:
                known = self.known()
                if change.id in known.applied:
                    return
                known.check(change)
        self._request(change)
        self._write_change(change)
        if isinstance(change.statement, Revocation):
            self._note_revoked(change.statement.key)
        elif isinstance(change.statement, Recovery):
            for key in self.keys(change.statement.person):
                if key.fingerprint != fingerprint(change.statement.key.public_key):
                    self.revoke_key(key.fingerprint)
        if not self.believes_rows:
            self.known()

    def known(self) -> Known:
        """What the register says now. Statements that don't count, and bytes that are none, change nothing."""
        with self._trust.lock:
            known = self._trust.known(self.realm)
            with self.store.read() as connection:
                found = tuple(connection.execute(sa.select(sa.func.count(), sa.func.max(register.c.position))).one())
            if found != self._trust.read_of:
                self._catch_up(known)
                self._trust.read_of = found
            if self._trust.keeps:
                self._trust.keep_revoked(known, self._revoked_rows())
            return known

    @property
    def believes_rows(self) -> bool:
        """Whether the tables are all that this process can go by."""
        return self.trust is None or not (self.trust.keeps or self.trust.is_pinned)

    def trusted_key(self, fingerprint: str) -> PersonKey | None:
        """The key, if somebody who may has signed for it. A row that says it was revoked is believed, too."""
        row = self.key(fingerprint)
        return row if self.believes_rows else _revoked_by(row, self.known().keys.get(fingerprint))

    def trusted_keys(self, person: str = "") -> list[PersonKey]:
        """Keys that somebody who may has signed for, oldest first, revoked ones too."""
        rows = self.keys(person)
        if self.believes_rows:
            return rows
        with self._trust.lock:
            known = self.known()
            found = known.keys_of(person) if person else [key for key in known.keys.values() if key.person]
        by_row = {row.fingerprint: row for row in rows}
        return [key for each in found if (key := _revoked_by(by_row.get(each.fingerprint), each))]

    def trusted_person(self, name: str) -> Person:
        """Who they are, and which roles they were signed for. Raises MissingRole where nobody has."""
        if self.believes_rows:
            try:
                return self.person(name)
            except NotFound as error:
                raise MissingRole(str(error), subject=name) from error
        known = self.known().people.get(name)
        if known is None:
            raise MissingRole(
                f"Nobody who may has signed for {name!r} here, or for a role of theirs.",
                subject=name,
                way_out=self._way_in(name),
            )
        return _narrowed(known, {row.name: row for row in self.people()}.get(name))

    def trusted_people(self) -> list[Person]:
        if self.believes_rows:
            return self.people()
        rows = {row.name: row for row in self.people()}
        with self._trust.lock:
            known = sorted(self.known().people.values(), key=lambda person: person.name)
        return [_narrowed(each, rows.get(each.name)) for each in known]

    def passkeys(self, person: str) -> list[PersonKey]:
        """Their passkeys that were not revoked, oldest first."""
        return [key for key in self.trusted_keys(person) if key.revoked_at is None and is_passkey(key.public_key)]

    def plain_keys(self, person: str) -> set[str]:
        """Fingerprints of their good keys that no passkey has overtaken."""
        return not_overtaken(self.trusted_keys(person))

    def unknown_key(self, key: str) -> UnknownKey:
        """What to say of a key that nobody has signed for."""
        row = self.key(key)
        if row is None or self.believes_rows:
            return UnknownKey(f"The key {key} is not enrolled here.", subject=key)
        return UnknownKey(
            f"The key {key} is in the database, and nobody who may has signed for it.",
            subject=key,
            way_out=self._way_in(row.person),
        )

    def has_statements(self) -> bool:
        """Whether anybody has signed for anybody, whether it counts here or not."""
        with self.store.read() as connection:
            return bool(connection.scalar(sa.select(sa.func.count()).select_from(register)))

    @property
    def _trust(self) -> Trust:
        if self.trust is None:
            raise ValueError("this ledger was opened without a folder of trust")
        return self.trust

    def _way_in(self, name: str) -> str:
        if not self._trust.is_pinned:
            return (
                f"Nobody's key is pinned in {self._trust.file}. `countersign enrol` pins yours where it is the first."
            )
        if name in self.known().people and self.known().keys_of(name):
            return "Sign with a key that is believed. In a browser: open a new link of `countersign link`."
        return f"An administrator accepts it: `countersign trust accept {name}`."

    def _catch_up(self, known: Known) -> None:
        """Take in what is new, in the order of the register; what leads on to another comes before it or after."""
        waiting = {change.id: change for change in self._rows() if change.id not in known.applied}
        while waiting:
            taken = [change for change in waiting.values() if self._took(known, change)]
            if not taken:
                break
            for change in taken:
                del waiting[change.id]
        if self._trust.keeps:
            self._put_back(known)
            self._tell_of(waiting.values())

    def _tell_of(self, idle: Iterable[Registered]) -> None:
        """Statements that count for nothing: forged, or signed by somebody whose own acceptance never came."""
        if not self._trust.is_pinned:
            return
        for change in idle:
            says = f"A statement in the register counts for nothing, since nobody who may has signed it: {change.says}"
            self.append(self._change_entry(change, f"register/{change.id}/idle", "register.idle", says, "refused"))

    def _took(self, known: Known, change: Registered) -> bool:
        try:
            known.check(change)
        except (CountersignError, ValueError):
            return False
        self._trust.keep(change)
        known.take(change)
        return True

    def _rows(self) -> list[Registered]:
        with self.store.read() as connection:
            bodies = connection.scalars(sa.select(register.c.body).order_by(register.c.position)).all()
        return [change for body in bodies if (change := _read(body))]

    def _put_back(self, known: Known) -> None:
        """Statements that were there and are gone: somebody deleted them, or restored an old copy of the database."""
        there = {change.id for change in self._rows()}
        for change in [each for each in known.applied.values() if each.id not in there]:
            self._write_change(change, name="register.put_back", says=f"Was gone from the register: {change.says}")

    def _revoked_rows(self) -> set[str]:
        query = sa.select(person_keys.c.fingerprint).where(person_keys.c.revoked_at.is_not(None))
        with self.store.read() as connection:
            return set(connection.scalars(query).all())

    def _request(self, change: Registered) -> None:
        """The rows that the statement is about, for lists and pages. Conflict for a key of somebody else."""
        statement = change.statement
        if isinstance(statement, Membership):
            self.enrol(self._as_given(statement.person))
            for key in statement.keys:
                self._request_key(statement.person.name, key, statement.at)
        elif isinstance(statement, Recovery):
            self._request_key(statement.person, statement.key, statement.at)

    def _as_given(self, person: Person) -> Person:
        """The roles of a row that a provider fills stay what it gave: what it leaves out is taken away by that."""
        given = self.person(person.name).roles if self.has_identity(person.name) else person.roles
        return person.model_copy(update={"roles": given})

    def _request_key(self, person: str, key: NewKey, at: datetime) -> None:
        mark = fingerprint(key.public_key)
        made = PersonKey(fingerprint=mark, person=person, public_key=key.public_key, label=key.label, enrolled_at=at)
        self.add_key(made)

    def _note_revoked(self, key: str) -> None:
        if self.key(key) is not None:
            self.revoke_key(key)

    def _write_change(self, change: Registered, *, name: str = "register.signed", says: str = "") -> None:
        now = self.clock()
        row = {"id": change.id, "body": change.model_dump_json(), "recorded_at": now}
        key = f"{name}/{change.id}/{now.timestamp():.6f}" if says else f"register/{change.id}"
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(register), [row])
            self.note(connection, self._change_entry(change, key, name, says or change.says))

    def _change_entry(
        self, change: Registered, key: str, name: str, says: str, outcome: Literal["ok", "refused"] = "ok"
    ) -> Entry:
        now, by = self.clock(), [signature.key for signature in change.signatures]
        return Entry(
            key=key,
            kind="person",
            name=name,
            says=says,
            outcome=outcome,
            started_at=now,
            finished_at=now,
            facts={"statement": change.statement.signing_bytes().decode(), "signed_by": [*by]},
        )


def _narrowed(known: Person, row: Person | None) -> Person:
    """A row gives no role, and takes some away: an organisation's provider writes there whom it gives none any more."""
    if row is None:
        return known
    kept = tuple(role for role in known.roles if role in row.roles)
    return known.model_copy(update={"roles": (*kept, AGENT) if AGENT in row.roles and AGENT not in kept else kept})


def _revoked_by(row: PersonKey | None, known: PersonKey | None) -> PersonKey | None:
    if known is None or not known.person:
        return None
    if known.revoked_at is None and row is not None and row.revoked_at is not None:
        return known.model_copy(update={"revoked_at": row.revoked_at})
    return known


def _read(body: str) -> Registered | None:
    try:
        return Registered.model_validate_json(body)
    except ValueError:
        return None

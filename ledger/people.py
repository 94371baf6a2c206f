"""People and their public keys, as the tables list them. Every change to them is an entry of its own.

Whose signature counts is `ledger/register.py`'s: a row is a request until somebody who may has signed for it.
"""

from datetime import datetime

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import RowMapping

from contracts.errors import BadInput, Conflict, NotFound
from contracts.records import Entry, Person, PersonKey
from contracts.wire import fingerprint
from ledger.entries import Entries
from ledger.schema import people, person_keys


class People(Entries):
    """Enrolment and revocation."""

    def enrol(self, person: Person) -> None:
        """Add a person, or change what is known of them."""
        fields = {**person.model_dump(), "roles": list(person.roles)}
        with self.store.write() as connection:
            where = people.c.name == person.name
            existing = connection.execute(sa.select(people).where(where)).mappings().first()
            if existing is not None and _person(existing) == person:
                return
            connection.execute(self.store.insert_once(people), [fields])
            connection.execute(sa.update(people).where(where).values(fields))
            says = f"{person.name} was enrolled as {', '.join(person.roles) or 'somebody without a role'}"
            self.note(connection, self._person_entry("person.enrolled", person.name, says, fields))

    def add_key(self, key: PersonKey, *, signed_by: str = "", signature: str = "") -> None:
        """Enrol a public key, asked for with another key of theirs where one is named. The same again is nothing.

        BadInput when the fingerprint is not that of the key, NotFound for an unknown person, Conflict for a
        key of somebody else or one that was revoked.
        """
        if fingerprint(key.public_key) != key.fingerprint:
            raise BadInput("The fingerprint is not that of the public key.", subject=key.fingerprint)
        self.person(key.person)
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(person_keys), [key.model_dump()])
            where = person_keys.c.fingerprint == key.fingerprint
            kept = PersonKey.model_validate(
                dict(connection.execute(sa.select(person_keys).where(where)).mappings().one())
            )
            _refuse_other(kept, key)
            says = f"Key {key.label!r} ({key.fingerprint}) was enrolled for {key.person}"
            facts: dict[str, JsonValue] = {"fingerprint": key.fingerprint, "public_key": key.public_key}
            if signed_by:
                facts |= {"signed_by": signed_by, "signature": signature}
            name = "person.key_added"
            self.note(connection, self._person_entry(name, key.person, says, facts, f"key/{key.fingerprint}/added"))

    def revoke_key(self, fingerprint: str) -> None:
        """From now on nothing that this key signed is accepted, whenever it was signed."""
        with self.store.write() as connection:
            where = person_keys.c.fingerprint == fingerprint
            row = connection.execute(sa.select(person_keys).where(where)).mappings().first()
            if row is None:
                raise NotFound(
                    f"No key {fingerprint!r} is enrolled.",
                    subject=fingerprint,
                    way_out="`countersign people` lists them.",
                )
            if row["revoked_at"] is not None:
                return
            connection.execute(sa.update(person_keys).where(where).values(revoked_at=self.clock()))
            says = f"Key {row['label']!r} ({fingerprint}) of {row['person']} was revoked"
            facts: dict[str, JsonValue] = {"fingerprint": fingerprint}
            key = f"key/{fingerprint}/revoked"
            self.note(connection, self._person_entry("person.key_revoked", row["person"], says, facts, key))

    def person(self, name: str) -> Person:
        with self.store.read() as connection:
            row = connection.execute(sa.select(people).where(people.c.name == name)).mappings().first()
        if row is None:
            raise NotFound(
                f"{name!r} is not enrolled here.",
                subject=name,
                way_out="`countersign enrol` enrols whoever is at the keyboard.",
            )
        return _person(row)

    def people(self) -> list[Person]:
        with self.store.read() as connection:
            return [_person(row) for row in connection.execute(sa.select(people).order_by("name")).mappings()]

    def keys(self, person: str = "") -> list[PersonKey]:
        """Keys, oldest first, revoked ones too."""
        query = sa.select(person_keys).order_by(person_keys.c.enrolled_at)
        if person:
            query = query.where(person_keys.c.person == person)
        with self.store.read() as connection:
            return [PersonKey.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def key(self, fingerprint: str) -> PersonKey | None:
        query = sa.select(person_keys).where(person_keys.c.fingerprint == fingerprint)
        with self.store.read() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else PersonKey.model_validate(dict(row))

    def _person_entry(self, name: str, person: str, says: str, facts: dict[str, JsonValue], key: str = "") -> Entry:
        now: datetime = self.clock()
        unique = key or f"person/{person}/{now.timestamp():.6f}"
        return Entry(key=unique, kind="person", name=name, says=says, started_at=now, finished_at=now, facts=facts)


def _refuse_other(kept: PersonKey, key: PersonKey) -> None:
    if kept.person != key.person:
        raise Conflict(f"The key {key.fingerprint} belongs to {kept.person!r}.", subject=key.fingerprint)
    if kept.revoked_at is not None:
        raise Conflict(
            f"The key {key.fingerprint} was revoked.",
            subject=key.fingerprint,
            way_out="A revoked key stays revoked. Make a new one.",
        )


def _person(row: RowMapping) -> Person:
    return Person.model_validate(dict(row))

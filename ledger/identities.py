"""Who a person is to their organisation's provider. The subject is what holds; a name may be given to another."""

from datetime import datetime, timedelta

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection

from contracts.errors import SignInRefused, Unconfirmed
from contracts.identity import Identity
from contracts.records import Person
from ledger.people import People
from ledger.schema import identities, people

NO_GRACE = timedelta(0)
UNSEEN = timedelta(days=30)  # whom the provider has not confirmed since may have left: told nothing, their tokens end


class Identities(People):
    """Linking subjects to people, and how long what the provider said of them holds."""

    def identify(self, identity: Identity, *, seconds: float) -> Person:
        """The person that this subject is here, with the roles that it has today; they hold for `seconds`.

        SignInRefused where the name belongs to somebody else here: another subject, or a person enrolled otherwise.
        """
        name = self._linked(identity)
        person = Person(
            name=name, display_name=identity.display_name, email=identity.email, roles=tuple(identity.roles)
        )
        self.enrol(person)
        now = self.clock()
        times = {"confirmed_at": now, "holds_until": now + timedelta(seconds=seconds)}
        with self.store.write() as connection:
            connection.execute(sa.update(identities).where(_is(identity.issuer, identity.subject)).values(times))
        return person

    def disown(self, issuer: str, subject: str) -> str:
        """The provider gives this subject no role any more: neither do we. Who that was here; empty for nobody."""
        with self.store.write() as connection:
            name = connection.scalar(sa.select(identities.c.person).where(_is(issuer, subject)))
            self.lapse(connection, _is(issuer, subject))
        if name is None:
            return ""
        known = self.person(name)
        self.enrol(known.model_copy(update={"roles": ()}))
        return known.name

    def lapse(self, connection: Connection, whose: sa.ColumnElement[bool]) -> None:
        """From now on what the provider said of their roles holds no more."""
        now = self.clock()
        held = sa.update(identities).where(whose, identities.c.holds_until > now)
        connection.execute(held.values(holds_until=now))

    def has_identity(self, person: str) -> bool:
        """Whether somebody signs in through a provider."""
        return bool(self.identity_of(person))

    def identity_of(self, person: str) -> dict[str, datetime]:
        """Issuers through which they sign in, and until when what each said of their roles holds."""
        query = sa.select(identities.c.issuer, identities.c.holds_until).where(identities.c.person == person)
        with self.store.read() as connection:
            return {row.issuer: row.holds_until for row in connection.execute(query.order_by("issuer"))}

    def is_confirmed(self, person: str, grace: timedelta = NO_GRACE) -> bool:
        """Whether their roles hold: confirmed by the provider, `grace` ago at most; or not a provider's to give."""
        until = self.identity_of(person).values()
        return not until or any(each + grace > self.clock() for each in until)

    def require_confirmed(self, person: str) -> None:
        """Raises Unconfirmed."""
        if not self.is_confirmed(person):
            raise Unconfirmed(
                f"{person!r} signs in through the organisation, which was last asked for their roles too long ago.",
                subject=person,
                way_out="Sign in to the console again, then sign this again.",
            )

    def _linked(self, identity: Identity) -> str:
        mine = _is(identity.issuer, identity.subject)
        with self.store.write() as connection:
            known = connection.scalar(sa.select(identities.c.person).where(mine))
            if known is not None and (known == identity.name or not identity.pinned):
                return str(known)
            if identity.pinned:
                theirs = sa.and_(identities.c.issuer == identity.issuer, identities.c.person == identity.name)
                connection.execute(sa.delete(identities).where(sa.or_(mine, theirs)))
            elif _is_somebody(connection, identity.name):
                raise _taken(identity)
            now = self.clock()
            row = {**identity.model_dump(include={"issuer", "subject"}), "person": identity.name}
            row |= {"linked_at": now, "confirmed_at": now, "holds_until": now}
            connection.execute(self.store.insert_once(identities), [row])
            if connection.scalar(sa.select(identities.c.person).where(mine)) != identity.name:
                raise _taken(identity)  # another subject of that name was a moment quicker
            says = f"{identity.name} is {identity.subject} of {identity.issuer}"
            facts: dict[str, JsonValue] = identity.model_dump(include={"issuer", "subject", "pinned"})
            self.note(connection, self._person_entry("person.identified", identity.name, says, facts))
        return identity.name


def _is(issuer: str, subject: str) -> sa.ColumnElement[bool]:
    return sa.and_(identities.c.issuer == issuer, identities.c.subject == subject)


def _is_somebody(connection: Connection, name: str) -> bool:
    return connection.scalar(sa.select(people.c.name).where(people.c.name == name)) is not None


def _taken(identity: Identity) -> SignInRefused:
    return SignInRefused(
        f"The name {identity.name!r} is somebody else's here, enrolled before or with another account.",
        subject=identity.name,
        way_out=f'If they are the same person: "{identity.subject}" = "{identity.name}" under [people] in the file '
        "of roles.",
    )

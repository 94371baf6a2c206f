"""Sessions of the console and invitations into it. Only hashes of tokens are kept."""

import hashlib
import secrets
from datetime import timedelta

import sqlalchemy as sa

from contracts.errors import Refused
from contracts.records import Person
from ledger.people import People
from ledger.schema import tokens


class Sessions(People):
    """An invitation opens one session, once."""

    def create_invitation(self, person: str, *, seconds: float) -> str:
        """A one-time token for an enrolled person. It is shown once and cannot be read back."""
        return self._create("invitation", person, seconds)

    def redeem_invitation(self, token: str) -> Person:
        """Who was invited. Refused when it was used before, has run out, or never was."""
        now = self.clock()
        with self.store.write() as connection:
            usable = (
                tokens.c.hash == _hash(token),
                tokens.c.kind == "invitation",
                tokens.c.ended_at.is_(None),
                tokens.c.expires_at > now,
            )
            used = sa.update(tokens).where(*usable).values(ended_at=now).returning(tokens.c.person)
            person = connection.scalar(used)
        if person is None:
            raise Refused(
                "The invitation was used before or has run out.", way_out="Ask for a new one: `countersign link`."
            )
        return self.person(person)

    def create_session(self, person: str, seconds: float) -> str:
        return self._create("session", person, seconds)

    def session(self, token: str) -> Person | None:
        """Whose session it is; None when it ended, ran out or never was."""
        query = sa.select(tokens.c.person).where(
            tokens.c.hash == _hash(token),
            tokens.c.kind == "session",
            tokens.c.ended_at.is_(None),
            tokens.c.expires_at > self.clock(),
        )
        with self.store.read() as connection:
            person = connection.scalar(query)
        return None if person is None else self.person(person)

    def end_session(self, token: str) -> None:
        mine = sa.update(tokens).where(tokens.c.hash == _hash(token), tokens.c.ended_at.is_(None))
        with self.store.write() as connection:
            connection.execute(mine.values(ended_at=self.clock()))

    def _create(self, kind: str, person: str, seconds: float) -> str:
        self.person(person)
        token, now = secrets.token_urlsafe(32), self.clock()
        row = {"hash": _hash(token), "kind": kind, "person": person, "created_at": now}
        with self.store.write() as connection:
            connection.execute(sa.insert(tokens), [row | {"expires_at": now + timedelta(seconds=seconds)}])
        return token


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()

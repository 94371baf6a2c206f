"""Sessions of the console and invitations into it. Only hashes of tokens are kept; each way in and out is an entry."""

import hashlib
import secrets
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection, RowMapping

from contracts.errors import Refused
from contracts.records import Entry, Person
from ledger.identities import Identities
from ledger.schema import identities, tokens

BY_LINK = "by a one-time link"
SEEN_EVERY = timedelta(minutes=1)  # a busy person or program must not write a row for each request


class Sessions(Identities):
    """An invitation opens one session, once."""

    def create_invitation(self, person: str, *, seconds: float) -> str:
        """A one-time token for an enrolled person. It is shown once and cannot be read back."""
        self.person(person)
        return self._create("invitation", person, seconds)

    def invited(self, token: str) -> str | None:
        """Whom an invitation is for that could be redeemed now."""
        row = self._token_row(token, "invitation")
        return None if row is None else str(row["person"])

    def redeem_invitation(self, token: str) -> Person:
        """Who was invited. Refused when it was used before, has run out, or never was."""
        now = self.clock()
        with self.store.write() as connection:
            usable = (*self._usable(token, "invitation"),)
            used = sa.update(tokens).where(*usable).values(ended_at=now).returning(tokens.c.person)
            person = connection.scalar(used)
        if person is None:
            raise Refused(
                "The invitation was used before or has run out.", way_out="Ask for a new one: `countersign link`."
            )
        return self.person(person)

    def create_session(self, person: str, seconds: float, how: str = BY_LINK, *, idle: float | None = None) -> str:
        """Sign somebody in for `seconds` at most, and no longer than `idle` after what they last did; `how` is for the
        entry about it."""
        known = self.person(person)
        entered = f"{person} signed in {how}"
        facts: dict[str, JsonValue] = {"roles": list(known.roles), "how": how}
        more: dict[str, Any] = {} if idle is None else {"idle_seconds": int(idle)}
        return self._create("session", person, seconds, entered=entered, facts=facts, **more)

    def session(self, token: str, *, doing: bool = True) -> Person | None:
        """Whose session it is; None when it ended, ran out, was left alone too long, or never was.

        `doing` is false for what a page asks by itself: that keeps no session open.
        """
        row = self._token_row(token, "session")
        if row is None or self._left_alone(row):
            return None
        if doing and row["idle_seconds"] is not None:
            self._seen(row)
        return self.person(row["person"])

    def end_session(self, token: str) -> None:
        """Sign out. One that had ended stays as it is."""
        mine = sa.update(tokens).where(*self._usable(token, "session")).values(ended_at=self.clock())
        with self.store.write() as connection:
            person = connection.scalar(mine.returning(tokens.c.person))
            if person is not None:
                self._note(connection, "person.signed_out", person, f"{person} signed out", _hash(token))

    def end_sessions(self, person: str) -> int:
        """Sign somebody out everywhere; in how many places that was. What a provider said of their roles holds no more:
        they decide nothing until they sign in again."""
        theirs = sa.update(tokens).where(
            tokens.c.person == person, tokens.c.kind == "session", tokens.c.ended_at.is_(None)
        )
        with self.store.write() as connection:
            self.lapse(connection, identities.c.person == person)
            ended = connection.scalars(theirs.values(ended_at=self.clock()).returning(tokens.c.hash)).all()
            for each in ended:
                self._note(connection, "person.signed_out", person, f"{person} was signed out", each)
        return len(ended)

    def refuse_sign_in(self, why: str, *, how: str = BY_LINK, who: str = "") -> None:
        """Write down that somebody did not get in. Whoever lets people try limits how often."""
        now, says = self.clock(), f"{who or 'Somebody'} was not let in {how}: {why}"
        self.append(
            Entry(
                key=f"sign-in/{secrets.token_hex(16)}",
                kind="person",
                name="person.sign_in_refused",
                says=says,
                actor=who or "somebody",
                outcome="refused",
                started_at=now,
                finished_at=now,
                facts={"how": how},
            )
        )

    def _usable(self, token: str, kind: str) -> tuple[sa.ColumnElement[bool], ...]:
        mine = (tokens.c.hash == _hash(token), tokens.c.kind == kind)
        return (*mine, tokens.c.ended_at.is_(None), tokens.c.expires_at > self.clock())

    def _token_row(self, token: str, kind: str) -> RowMapping | None:
        with self.store.read() as connection:
            return connection.execute(sa.select(tokens).where(*self._usable(token, kind))).mappings().first()

    def _left_alone(self, row: RowMapping) -> bool:
        since, idle = row["used_at"] or row["created_at"], row["idle_seconds"]
        return idle is not None and since + timedelta(seconds=idle) <= self.clock()

    def _seen(self, row: RowMapping) -> None:
        now = self.clock()
        if row["used_at"] is None or now - row["used_at"] >= SEEN_EVERY:
            with self.store.write() as connection:
                connection.execute(sa.update(tokens).where(tokens.c.hash == row["hash"]).values(used_at=now))

    def _create(
        self,
        kind: str,
        person: str,
        seconds: float,
        *,
        token: str = "",
        entered: str = "",
        facts: dict[str, JsonValue] | None = None,
        **more: Any,
    ) -> str:
        token, now = token or secrets.token_urlsafe(32), self.clock()
        row = {"hash": _hash(token), "kind": kind, "person": person, "created_at": now, **more}
        with self.store.write() as connection:
            connection.execute(sa.insert(tokens), [row | {"expires_at": now + timedelta(seconds=seconds)}])
            if entered:
                name = {"session": "person.signed_in", "api": "person.token_made"}[kind]
                self._note(connection, name, person, entered, _hash(token), facts)
        return token

    def _note(
        self,
        connection: Connection,
        name: str,
        person: str,
        says: str,
        mark: str,
        facts: dict[str, JsonValue] | None = None,
    ) -> None:
        """An entry about a token, by the beginning of its hash: it says which one, and lets nobody in."""
        now, short = self.clock(), mark[:16]
        self.note(
            connection,
            Entry(
                key=f"token/{short}/{name}",
                kind="person",
                name=name,
                says=says,
                actor=person,
                started_at=now,
                finished_at=now,
                facts={"token": short, **(facts or {})},
            ),
        )


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()

"""How people want to be told. An e-mail address counts once its owner has shown the code that was sent to it."""

import hmac
import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError
from sqlalchemy.engine import Connection, RowMapping

from contracts.digests import tagged_digest
from contracts.errors import BadInput, Conflict
from contracts.notify import Channel, Defaults, Notice, Preference, is_email
from ledger.people import People
from ledger.schema import notices, preferences

CODE_TAG = "countersign/code/v1"
CODE_TIME = timedelta(hours=1)
MOST_TRIES = 5
BETWEEN = timedelta(minutes=1)  # two codes to one person: nobody is flooded in somebody's name


class Preferences(People):
    """One row a person who has said something."""

    def preference(self, person: str, defaults: Defaults) -> Preference:
        """How they want to be told; with the address that they were enrolled with where they gave no other."""
        with self.store.read() as connection:
            row = _row(connection, person)
        known = _read(row) if row else Preference.by_default(defaults)
        enrolled = self.person(person).email
        return known if known.email or not is_email(enrolled) else known.model_copy(update={"email": enrolled})

    def unproved_email(self, person: str) -> str:
        """The address that waits for its code; empty where none does."""
        with self.store.read() as connection:
            row = _row(connection, person)
        return row["unproved"] if row else ""

    def set_preference(self, person: str, wish: Preference, defaults: Defaults) -> Preference:
        """Keep it. Another e-mail address than before isn't used until it is proved: a code goes there first.

        NotFound for somebody who is not enrolled, Conflict for a second new address within a minute.
        """
        before = self.preference(person, defaults)
        wanted = wish.email if wish.email != before.email else ""
        kept = wish.model_copy(update={"email": before.email})
        now = self.clock()
        with self.store.write() as connection:
            row = _row(connection, person)
            recent = row is not None and bool(row["unproved"]) and now - row["changed_at"] < BETWEEN
            if wanted and recent and row is not None and row["unproved"] != wanted:
                raise _too_soon()
            values = {"body": kept.model_dump(mode="json"), "changed_at": now}
            empty = {"unproved": "", "code": "", "code_until": None, "tries": 0}
            connection.execute(self.store.insert_once(preferences), [{"person": person, **empty, **values}])
            if wanted and not recent:
                values |= empty | {"unproved": wanted}
                connection.execute(self.store.insert_once(notices), [_ask(person, now).model_dump()])
            connection.execute(sa.update(preferences).where(preferences.c.person == person).values(values))
            says = f"{person} has changed how they are told" + (", and an address to be proved" if wanted else "")
            self.note(connection, self._person_entry("person.preference", person, says, {"person": person}))
        return kept

    def ask_test(self, person: str, defaults: Defaults, channels: Collection[Channel]) -> tuple[Channel, ...]:
        """A message by each channel that they want and that is set up. BadInput where there is none, Conflict for
        another one within a minute."""
        wish, now = self.preference(person, defaults), self.clock()
        ways = tuple(each for each in wish.channels if each in channels and wish.address(each))
        if not ways:
            raise BadInput(
                "There is no way to tell you: no channel that is set up here has an address of yours.",
                subject=person,
                way_out="Choose one and give its address; docs/notification.md says how the operator sets one up.",
            )
        about = {"person": person, "subject": person, "reason": "test", "revision": now.isoformat(), "made_at": now}
        about |= {"title": "This is a test", "says": "You are told this way what waits for you"}
        last = sa.select(sa.func.max(notices.c.made_at)).where(notices.c.person == person, notices.c.reason == "test")
        with self.store.write() as connection:
            before = connection.scalar(last)
            if before is not None and now - before < BETWEEN:
                raise Conflict("A test was asked for less than a minute ago.", way_out="Wait a minute.")
            rows = [Notice.model_validate(about | {"channel": each}).model_dump() for each in ways]
            connection.execute(self.store.insert_once(notices), rows)
        return ways

    def new_code(self, person: str) -> tuple[str, str]:
        """An address that is to be proved, and a new code for it. Two empty texts where there is none."""
        code = f"{secrets.randbelow(10**8):08}"
        with self.store.write() as connection:
            row = _row(connection, person)
            if row is None or not row["unproved"]:
                return "", ""
            values = {
                "code": _digest(person, row["unproved"], code),
                "code_until": self.clock() + CODE_TIME,
                "tries": 0,
            }
            connection.execute(sa.update(preferences).where(preferences.c.person == person).values(values))
            return row["unproved"], code

    def prove_email(self, person: str, code: str) -> str:
        """Use the new address from now on. BadInput for a code that isn't the one, or is too old or too often tried."""
        with self.store.write() as connection:
            row = _row(connection, person, lock=True)
            good = row is not None and _is_good(row, person, code, self.clock())
            if row is not None:
                values = {"tries": row["tries"] + 1}
                if good:
                    body = {**row["body"], "email": row["unproved"]}
                    values = {"body": body, "unproved": "", "code": "", "code_until": None, "tries": 0}
                    says = f"{person} has proved a new e-mail address"
                    self.note(connection, self._person_entry("person.address", person, says, {"person": person}))
                connection.execute(sa.update(preferences).where(preferences.c.person == person).values(values))
        if row is None or not good:
            raise BadInput(
                "This is not the code, or it is older than an hour, or it was tried too often.",
                subject=person,
                way_out="Look for the newest message; or give the address again, for another code.",
            )
        return str(row["unproved"])


def _read(row: RowMapping) -> Preference:
    """What they said. Of an address that was erased since, nothing is left but that they said the rest."""
    body: dict[str, Any] = row["body"]
    try:
        return Preference.model_validate(body)
    except ValidationError as error:
        damaged = {str(each["loc"][0]) for each in error.errors() if each["loc"]}
        return Preference.model_validate({name: value for name, value in body.items() if name not in damaged})


def _is_good(row: RowMapping, person: str, code: str, now: datetime) -> bool:
    if not row["code"] or row["code_until"] is None or row["code_until"] < now or row["tries"] >= MOST_TRIES:
        return False
    return hmac.compare_digest(row["code"], _digest(person, row["unproved"], code.strip().replace(" ", "")))


def _too_soon() -> Conflict:
    return Conflict(
        "A code was sent to another address less than a minute ago.",
        way_out="Wait a minute, then give the address again.",
    )


def _ask(person: str, now: datetime) -> Notice:
    """A code is made as it is sent, so that it stands nowhere."""
    return Notice(
        person=person, subject=person, reason="verify", channel="email", revision=now.isoformat(), made_at=now
    )


def _digest(person: str, email: str, code: str) -> str:
    return tagged_digest(CODE_TAG, f"{person}\0{email}\0{code}".encode())


def _row(connection: Connection, person: str, *, lock: bool = False) -> RowMapping | None:
    query = sa.select(preferences).where(preferences.c.person == person)
    return connection.execute(query.with_for_update() if lock else query).mappings().first()

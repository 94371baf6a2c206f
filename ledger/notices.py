"""The outbox: who is to be told what, why and by which channel, and what became of it.

A notice is made once for each person, subject, reason, channel and revision, whoever makes it and however often. It is
made from sealed entries, in their order: the place up to which that was done moves in the same transaction.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contracts.notify import BY, Channel, Notice, line
from contracts.records import NOTIFIED, Entry, EntryKind, StoredEntry
from ledger.entries import Entries, stored
from ledger.schema import entries, heads, leaves, meta, notices

NOTICES_LOCK = 5
PLACE, LOOKED = "notices", "notices_looked"  # rows of `meta`
PENDING = notices.c.state == "pending"


class Notices(Entries):
    """Making, claiming and ending notices."""

    def notices_place(self) -> int | None:
        """How many sealed entries were looked through; None before anybody did."""
        with self.store.read() as connection:
            return _place(connection)

    def sealed_size(self) -> int:
        """How many entries are sealed."""
        with self.store.read() as connection:
            return int(connection.scalar(sa.select(sa.func.max(heads.c.size))) or 0)

    def sealed_entries(self, kinds: Sequence[EntryKind], place: int, end: int) -> list[StoredEntry]:
        """The entries of these kinds from a place to before another, in the order of the seal: no commit comes late
        into it, as it may into the order of ids."""
        found = sa.select(entries, leaves.c.head).join(leaves, leaves.c.entry == entries.c.id)
        found = found.where(leaves.c.position >= place, leaves.c.position < end, entries.c.kind.in_(kinds))
        with self.store.read() as connection:
            return [stored(row) for row in connection.execute(found.order_by(leaves.c.position)).mappings()]

    def add_notices(self, made: Sequence[Notice], place: tuple[int | None, int] | None = None) -> bool:
        """Keep those that are new. `place`: from where to where the log was looked through for them; False, and nothing
        is kept, where somebody else has moved it meanwhile."""
        with self.store.write() as connection:
            self.store.lock(connection, NOTICES_LOCK)
            if place is not None:
                if _place(connection) != place[0]:
                    return False
                _set(self, connection, PLACE, str(place[1]))
            rows = [each.model_dump() for each in made]
            if rows:
                connection.execute(self.store.insert_once(notices), rows)
        return True

    def notices(self, *, state: str = "pending", person: str = "", limit: int = 5000) -> list[Notice]:
        """The oldest first. "" is every state, the newest first."""
        order = notices.c.made_at if state else notices.c.made_at.desc()
        query = sa.select(notices).order_by(order, notices.c.subject).limit(limit)
        if state:
            query = query.where(notices.c.state == state)
        if person:
            query = query.where(notices.c.person == person)
        with self.store.read() as connection:
            return [Notice.model_validate(dict(row)) for row in connection.execute(query).mappings()]

    def claim_notices(
        self, person: str, channel: Channel, keys: Sequence[tuple[str, ...]], message: str, until: datetime
    ) -> list[Notice]:
        """Take what is pending for one person and channel, to send it as one message, until the lease ends.

        What was put into a message before goes on as that message, by itself, with all that was in it. Empty where
        somebody else holds any of it, or has ended it.
        """
        now, mine = self.clock(), (notices.c.person == person, notices.c.channel == channel)
        with self.store.write() as connection:
            self.store.lock(connection, NOTICES_LOCK)
            rows = connection.execute(sa.select(notices).where(PENDING, *mine).order_by(notices.c.made_at)).mappings()
            known = [Notice.model_validate(dict(row)) for row in rows]
            if any(each.lease_until and each.lease_until > now for each in known):
                return []
            asked = set(keys)
            begun = next((each.message for each in known if each.message and each.key in asked), "")
            taken = [each for each in known if (each.message == begun if begun else each.key in asked)]
            if any(each.next_at and each.next_at > now for each in taken):
                return []
            changes = {"message": begun or message, "lease_until": until}
            for each in taken:
                values = changes | {"attempts": each.attempts + 1}
                connection.execute(sa.update(notices).where(_is(each)).values(values))
            return [each.model_copy(update=changes | {"attempts": each.attempts + 1}) for each in taken]

    def end_message(
        self, message: str, state: Literal["sent", "failed"], why: str = "", told: Iterable[Notice] = ()
    ) -> None:
        """Write down that a message was sent, or was given up, with an entry of whom it went to and what it was about.
        The same again is nothing."""
        told, now = list(told), self.clock()
        changes = {"state": state, "ended_at": now, "lease_until": None, "why": why}
        with self.store.write() as connection:
            self.store.lock(connection, NOTICES_LOCK)
            connection.execute(sa.update(notices).where(PENDING, notices.c.message == message).values(changes))
            if told:
                self.note(connection, _entry(message, state, why, told, now))

    def put_off_message(self, message: str, until: datetime, why: str) -> None:
        """It could not be sent: try again then."""
        changes = {"lease_until": None, "next_at": until, "why": why}
        with self.store.write() as connection:
            connection.execute(sa.update(notices).where(PENDING, notices.c.message == message).values(changes))

    def drop_notices(self, dropped: Sequence[tuple[Notice, str]]) -> None:
        """These need not be told any more, each for its reason."""
        with self.store.write() as connection:
            for notice, why in dropped:
                changes = {"state": "dropped", "ended_at": self.clock(), "why": why, "lease_until": None}
                connection.execute(sa.update(notices).where(PENDING, _is(notice)).values(changes))

    def notifier_looked(self) -> datetime | None:
        """When the process that tells people last looked whether there is something to tell; None: never."""
        with self.store.read() as connection:
            value = connection.scalar(sa.select(meta.c.value).where(meta.c.name == LOOKED))
        return None if value is None else datetime.fromisoformat(value)

    def set_notifier_looked(self) -> None:
        with self.store.write() as connection:
            _set(self, connection, LOOKED, self.clock().isoformat())


def _is(notice: Notice) -> sa.ColumnElement[bool]:
    names = ("person", "subject", "reason", "channel", "revision")
    return sa.and_(*(notices.c[name] == value for name, value in zip(names, notice.key, strict=True)))


def _place(connection: Connection) -> int | None:
    value = connection.scalar(sa.select(meta.c.value).where(meta.c.name == PLACE))
    return None if value is None else int(value)


def _set(part: Entries, connection: Connection, name: str, value: str) -> None:
    connection.execute(part.store.insert_once(meta), [{"name": name, "value": value}])
    connection.execute(sa.update(meta).where(meta.c.name == name).values(value=value))


def _entry(message: str, state: str, why: str, told: Sequence[Notice], now: datetime) -> Entry:
    """Whom it went to and what it was about: no words of it, and no address."""
    first, ok = told[0], state == "sent"
    what = "1 thing" if len(told) == 1 else f"{len(told)} things"
    says = f"{first.person} was told {BY[first.channel]} of {what}"
    return Entry(
        key=f"notify/{message}/{state}",
        kind="system",
        name=NOTIFIED,
        says=says if ok else f"{first.person} could not be told {BY[first.channel]} of {what}: {line(why, 300)}",
        run=first.run if len({each.run for each in told}) == 1 else "",
        outcome="ok" if ok else "failed",
        started_at=now,
        finished_at=now,
        facts={
            "person": first.person,
            "channel": first.channel,
            "message": message,
            "about": [{"subject": each.subject, "reason": each.reason, "revision": each.revision} for each in told],
        },
    )

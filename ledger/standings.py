"""Standing approvals as they are kept and counted.

What counts are entries, which nobody can take away unseen: one that it was signed, one for each use, one that it ended.
The tables are there for lists. Ending and using take the same lock, so nothing is used after the entry of its end.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from pydantic_core import from_json
from sqlalchemy.engine import Connection, RowMapping

from contracts.digests import PREFIX
from contracts.errors import BadInput, NotFound, NotStanding
from contracts.records import EffectRecord, Entry
from contracts.standing import SignedStanding, StandingApproval, StandingUse
from ledger.entries import Entries
from ledger.schema import entries, standing_uses, standings
from ledger.switch import EFFECTS_LOCK

DAY = timedelta(days=1)
SHORTEST = 6  # hex digits that a person has to type


class Standings(Entries):
    """Counting, ending and listing them. Signing one is in `ledger/signing.py`."""

    def require_in_force(self, standing: StandingApproval, digest: str) -> None:
        """Raise NotStanding unless it was signed here, has not ended, and has a use left for this proposal."""
        with self.store.read() as connection:
            self._next_use(connection, standing, digest)

    def take_use(self, connection: Connection, standing: StandingApproval, record: EffectRecord) -> None:
        """Count one use for the proposal of an effect, in the transaction of its intent. Once for each proposal.

        NotStanding, and nothing is written. The caller holds the lock of effects.
        """
        number = self._next_use(connection, standing, record.digest)
        if number is None:
            return
        now = self.clock()
        use = StandingUse(
            standing=standing.digest,
            number=number,
            run=record.run,
            digest=record.digest,
            person=standing.person,
            used_at=now,
        )
        self.note(connection, _entry(standing, f"use/{number}", "used", now, use=use))
        connection.execute(self.store.insert_once(standing_uses), [use.model_dump()])

    def end_standing(self, digest_or_prefix: str, person: str, why: str = "") -> SignedStanding:
        """From now on nothing is carried out on it. Anybody who is enrolled may: it only makes people look again.

        NotFound, BadInput. The same again is nothing.
        """
        found = self.standing_approval(digest_or_prefix).standing
        says = f"{person} revoked it" + (f": {why.strip()}" if why.strip() else "")
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            self._end_standing(connection, found, person, says)
        return self.standing_approval(found.digest)

    def standing_approval(self, digest_or_prefix: str) -> SignedStanding:
        """By its digest or the beginning of it. NotFound, BadInput."""
        prefix = digest_or_prefix.strip().removeprefix(PREFIX).lower()
        known = len(prefix) >= SHORTEST and not set(prefix) - set("0123456789abcdef")
        found = [each for each in self.standing_approvals() if known and each.standing.digest[7:].startswith(prefix)]
        if len(found) > 1:
            raise BadInput(f"Several standing approvals begin with {prefix!r}.", way_out="Give more digits.")
        if not found:
            raise NotFound(
                f"No standing approval {digest_or_prefix!r} is here.",
                subject=digest_or_prefix,
                way_out="`countersign standing list` lists them.",
            )
        return found[0]

    def standing_approvals(self, workflow: str = "") -> list[SignedStanding]:
        """All that were ever signed, the newest first."""
        used = sa.select(sa.func.count()).where(standing_uses.c.standing == standings.c.digest).scalar_subquery()
        query = sa.select(standings, used.label("uses")).order_by(standings.c.signed_at.desc(), standings.c.digest)
        if workflow:
            query = query.where(standings.c.workflow == workflow)
        with self.store.read() as connection:
            return [_signed(row) for row in connection.execute(query).mappings()]

    def standing_uses(
        self, *, person: str = "", standing: str = "", unseen: bool = False, limit: int = 200
    ) -> list[StandingUse]:
        """The newest first. `unseen`: those that who signed has not looked at."""
        query = sa.select(standing_uses).order_by(standing_uses.c.used_at.desc(), standing_uses.c.number.desc())
        if person:
            query = query.where(standing_uses.c.person == person)
        if standing:
            query = query.where(standing_uses.c.standing == standing)
        if unseen:
            query = query.where(standing_uses.c.seen_at.is_(None))
        with self.store.read() as connection:
            rows = connection.execute(query.limit(limit)).mappings()
            return [StandingUse.model_validate(dict(row)) for row in rows]

    def see_standing_use(self, standing: str, number: int, person: str) -> None:
        """Whose standing approval it is has looked at what was done on it."""
        mine = sa.and_(standing_uses.c.standing == standing, standing_uses.c.person == person)
        where = sa.and_(mine, standing_uses.c.number == number, standing_uses.c.seen_at.is_(None))
        with self.store.write() as connection:
            connection.execute(sa.update(standing_uses).where(where).values(seen_at=self.clock()))

    def used_standing(self, standing: StandingApproval, digest: str) -> bool:
        """Whether a use was counted for this proposal."""
        with self.store.read() as connection:
            return digest in _uses(connection, standing).values()

    def _end_standing(self, connection: Connection, standing: StandingApproval, person: str, says: str) -> None:
        now = self.clock()
        self.note(connection, _entry(standing, "ended", "ended", now, says=says, actor=person))
        where = sa.and_(standings.c.digest == standing.digest, standings.c.ended == "")
        connection.execute(sa.update(standings).where(where).values(ended=says, ended_at=now))

    def _next_use(self, connection: Connection, standing: StandingApproval, digest: str) -> int | None:
        """The number that the next use has; None where this proposal has one already. Raises NotStanding."""
        keys = [_key(standing, "signed"), _key(standing, "ended")]
        found = set(connection.scalars(sa.select(entries.c.key).where(entries.c.key.in_(keys))))
        if keys[0] not in found:
            raise _not(standing, "it was never signed here")
        if keys[1] in found:
            raise _not(standing, "it was ended")
        now = self.clock()
        if why := standing.not_now(now):
            raise _not(standing, why)
        uses = _uses(connection, standing)
        if digest in uses.values():
            return None
        if len(uses) >= standing.most_uses:
            raise _not(standing, f"it is used up: {len(uses)} of {standing.most_uses}")
        today = [at for _, at in uses if at > now - DAY]
        if len(today) >= standing.most_a_day:
            raise _not(standing, f"it was used {len(today)} times in a day, of {standing.most_a_day}")
        return next(n for n in range(1, standing.most_uses + 1) if all(n != number for number, _ in uses))


def _uses(connection: Connection, standing: StandingApproval) -> dict[tuple[int, datetime], str]:
    """The number and time of each use that has an entry, and the digest of its proposal."""
    keys = {_key(standing, f"use/{number}"): number for number in range(1, standing.most_uses + 1)}
    query = sa.select(entries.c.key, entries.c.recorded_at, entries.c.body).where(entries.c.key.in_(list(keys)))
    return {(keys[row.key], row.recorded_at): _digest(row.body) for row in connection.execute(query)}


def _digest(body: str) -> str:
    """Of the proposal; empty where it was erased. The use counts all the same."""
    facts = from_json(body).get("facts")
    return str(facts.get("digest", "")) if isinstance(facts, dict) else ""


def _key(standing: StandingApproval, what: str) -> str:
    return f"standing/{standing.digest}/{what}"


def _not(standing: StandingApproval, why: str) -> NotStanding:
    return NotStanding(
        f"The standing approval {standing.id} of {standing.person} does not cover it: {why}.",
        subject=standing.digest,
        way_out="It waits for a person.",
    )


def _entry(
    standing: StandingApproval,
    what: str,
    done: str,
    at: datetime,
    *,
    says: str = "",
    actor: str = "",
    use: StandingUse | None = None,
    **facts: Any,
) -> Entry:
    if use is not None:
        says = f"carried out on it, {use.number} of {standing.most_uses}"
        facts |= {"digest": use.digest, "number": use.number}
    return Entry.model_validate(
        {
            "key": _key(standing, what),
            "kind": "decision",
            "name": f"standing.{done}",
            "says": f"Standing approval {standing.id} of {standing.person} for {standing.workflow}: {says}",
            "run": use.run if use else "",
            "workflow": standing.workflow,
            "actor": actor or standing.person,
            "started_at": at,
            "finished_at": at,
            "facts": {"standing": standing.digest, **facts},
        }
    )


def signed_entry(standing: StandingApproval, at: datetime, **facts: Any) -> Entry:
    """The entry that one was signed: all of it, and its signature."""
    says = f"signed until {standing.valid_until:%Y-%m-%d %H:%M} UTC, for {standing.most_uses} uses"
    return _entry(standing, "signed", "signed", at, says=says, **facts)


def _signed(row: RowMapping) -> SignedStanding:
    found = SignedStanding.model_validate(row["body"])
    return found.model_copy(update={"uses": row["uses"], "ended": row["ended"], "ended_at": row["ended_at"]})

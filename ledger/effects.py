"""Effects: intent before, outcome after, under one idempotency key.

An effect that may not begin now (`ledger/switch.py`, `ledger/limits.py`) is held: it has a row that says so, and no
place under the limits. What has begun is written down before it acts, so that an intent alone never happened.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection, RowMapping

from contracts.digests import short, tagged_digest
from contracts.effects import EffectLimit, EffectUsage
from contracts.errors import AlreadyUsed, Conflict, EffectsStopped, Held, NotFound, Unaskable
from contracts.records import DOUBT, SETTLED_BY, EffectRecord, Entry
from contracts.standing import StandingApproval
from ledger.limits import busiest, over_limit, usage
from ledger.schema import effects, runs, standing_uses
from ledger.standings import Standings
from ledger.switch import EFFECTS_LOCK, Switch, read_switch

HELD_TAG = "countersign/held/v1"
SETTLED = ("done", "unknown")  # a person or the outcome has the last word: there is nothing to hold


class Effects(Switch, Standings):
    """A decision pays for the effects of one proposal of one run, each key once."""

    def intend(
        self, record: EffectRecord, limits: Sequence[EffectLimit] = (), standing: StandingApproval | None = None
    ) -> EffectRecord:
        """Write the intent down, or give the row that is there (its state tells what became of it).

        AlreadyUsed when the key exists for another run, digest or decision, or when the decision was spent
        on another run or digest. EffectsStopped, OverLimit when it may not begin now; that is written down, too.
        With `standing`, its use is counted in the same transaction, or NotStanding; then nothing is held.
        """
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            _refuse_second_use(connection, record)
            existing = _find(connection, record.key)
            if existing is not None and existing.state in SETTLED:
                return existing
            existing = _handed_over(connection, existing, record)
            held = self._held(connection, existing or record, limits)
            if standing is not None:
                if held:
                    raise held
                self.take_use(connection, standing, record)
            known = self._hold_back(connection, existing or record, held) if held else None
            known = known or self._placed(connection, record, existing)
        if held:
            raise held
        return known

    def begin_effect(self, key: str, *, again: bool) -> EffectRecord:
        """Write down that an effect acts from now on: the last thing before it does. One that was done meanwhile, by an
        attempt that was believed dead, stays so.

        EffectsStopped when effects were stopped since the intent. `again` False: for a kind that must not act twice;
        Unaskable when it began before.
        """
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            effect = _known(connection, key)
            held = _stopped(connection, effect)
            if effect.state == "done":
                return effect
            if effect.state == "unknown" or (effect.state == "acting" and not again):
                raise Unaskable("It is being carried out, or was, by another attempt.", subject=key)
            if held:
                self._hold_back(connection, effect, held)
            else:
                effect = self._change(connection, effect, says="begun", state="acting", begun_at=self.clock())
        if held:
            raise held
        return effect

    def interrupt_effect(self, key: str) -> EffectsStopped:
        """Write down that an effect was cut off as effects were stopped. Whether it happened is asked when they go on.
        Gives the reason, for the run to wait by."""
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            effect = _known(connection, key)
            held = _stopped(connection, effect) or EffectsStopped("Effects were stopped.", subject=key)
            _tell(connection, effect.run, f"Held: {held.what}")
            says = f"{held.what}. It had begun and was cut off; the destination is asked before it goes on."
            outcome: dict[str, JsonValue] = {"says": f"Held: {says}"}
            if effect.state == "acting":
                self._change(connection, effect, says=f"held: {says}", again=True, state="held", outcome=outcome)
        return held

    def unbegin_effect(self, key: str, why: str) -> None:
        """Write down that an effect which began did not happen, so that it may begin again."""
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            effect = _known(connection, key)
            if effect.state == "acting":
                says = f"it did not happen: {why}"
                self._change(connection, effect, says=says, again=True, state="intent", begun_at=None)

    def doubt_effect(self, key: str, why: str) -> None:
        """Write down that only a person can say whether an effect happened."""
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            effect = _known(connection, key)
            if effect.state not in SETTLED:
                outcome: dict[str, JsonValue] = {"says": f"{DOUBT}{why}"}
                _tell(connection, effect.run, f"{DOUBT}{why}")
                says = f"did it happen? {why}"
                self._change(connection, effect, says=says, again=True, state="unknown", outcome=outcome)

    def settle_effect(self, key: str, *, happened: bool, person: str, words: str = "") -> EffectRecord:
        """A person's answer for an effect of which nobody else knows. Not happened: it may begin once more.

        NotFound, Conflict for an effect that is not in doubt; MissingRole for somebody who is no administrator.
        """
        self.require_administrator(person, "say whether an effect happened")
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            effect = _known(connection, key)
            if effect.state != "unknown":
                raise Conflict(
                    f"Nobody has to say whether {key!r} happened: it is {effect.state}.",
                    subject=key,
                    way_out="`countersign effects` lists the ones in doubt.",
                )
            now = self.clock()
            told = f"{person} says that it {'happened' if happened else 'did not happen'}" + (words and f": {words}")
            _tell(connection, effect.run, told)
            says = f"{effect.kind} on {effect.subject}: {told}"
            changes: dict[str, Any] = {"outcome": {"says": says, SETTLED_BY: person}}
            changes |= {"state": "done", "finished_at": now} if happened else {"state": "intent", "begun_at": None}
            return self._change(connection, effect, says=told, actor=person, again=True, **changes)

    def finish_effect(
        self, key: str, *, state: Literal["done", "failed", "refused"], outcome: dict[str, JsonValue]
    ) -> None:
        """Write the outcome down. Done is final; a failed one may be tried again under the same decision."""
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            existing = _known(connection, key)
            if existing.state == "done":
                if state != "done":
                    raise Conflict(f"The effect {key!r} is done and cannot become {state}.", subject=key)
                return
            changes: dict[str, Any] = {"state": state, "outcome": outcome, "finished_at": self.clock()}
            self._change(connection, existing, says=state, again=state != "done", **changes)

    def effect(self, key: str) -> EffectRecord | None:
        with self.store.read() as connection:
            return _find(connection, key)

    def effects(
        self, *, run: str = "", kind: str = "", subject: str = "", state: str = "", limit: int = 200
    ) -> list[EffectRecord]:
        """Effects, newest intent first."""
        query = sa.select(effects).order_by(effects.c.intended_at.desc(), effects.c.key).limit(limit)
        wanted = {"run": run, "kind": kind, "subject": subject, "state": state}
        for name, value in wanted.items():
            if value:
                query = query.where(effects.c[name] == value)
        with self.store.read() as connection:
            return [_record(row) for row in connection.execute(query).mappings()]

    def effect_usage(self, limits: Sequence[EffectLimit]) -> list[EffectUsage]:
        """How far each limit is used now; of one for each destination, at the busiest."""
        now = self.clock()
        with self.store.read() as connection:
            return [
                usage(connection, limit, now, busiest(connection, limit, now) if limit.destination == "*" else "")
                for limit in limits
            ]

    def last_signed(self, kind: str, subject: str) -> EffectRecord | None:
        """The newest effect of a kind that was done to a subject, such as a repository."""
        query = sa.select(effects).where(
            effects.c.kind == kind, effects.c.subject == subject, effects.c.state == "done"
        )
        newest = query.order_by(effects.c.finished_at.desc()).limit(1)
        with self.store.read() as connection:
            row = connection.execute(newest).mappings().first()
        return None if row is None else _record(row)

    def _held(self, connection: Connection, effect: EffectRecord, limits: Sequence[EffectLimit]) -> Held | None:
        """Why it may not begin now. One that has its place under the limits keeps it."""
        counted = sa.select(effects.c.counted_at).where(effects.c.key == effect.key)
        if stopped := _stopped(connection, effect):
            return stopped
        if connection.scalar(counted) is not None:
            return None
        return over_limit(connection, limits, effect, self.clock())

    def _hold_back(self, connection: Connection, effect: EffectRecord, why: Held) -> EffectRecord:
        """Write down that it is held, once for each reason. One that acts, or did when its worker died, stays so."""
        outcome: dict[str, JsonValue] = {**effect.outcome, "says": f"Held: {why.what}"}
        held = effect.model_copy(update={"state": "held", "outcome": outcome})
        if effect.state == "acting":
            held = effect
        elif _find(connection, effect.key) is None:
            connection.execute(sa.insert(effects), [held.model_dump()])
        else:
            connection.execute(sa.update(effects).where(effects.c.key == effect.key).values(**_written(held)))
        _tell(connection, effect.run, f"Held: {why.what}")
        key = f"effect/{effect.key}/held/{short(tagged_digest(HELD_TAG, why.what.encode()))}"
        self.note(connection, _entry(held, f"held: {why.what}", "held", self.clock(), key=key))
        return held

    def _placed(self, connection: Connection, record: EffectRecord, existing: EffectRecord | None) -> EffectRecord:
        """The intent of an effect that may begin, with its place under the limits."""
        now = self.clock()
        where = effects.c.key == record.key
        if existing is None:
            intent = record.model_copy(update={"state": "intent", "outcome": {}, "finished_at": None})
            connection.execute(sa.insert(effects), [intent.model_dump() | {"counted_at": now}])
            self.note(connection, _entry(intent, "intent", "intent", intent.intended_at))
            return intent
        if existing.state != "held":
            return existing
        _tell(connection, existing.run, "Carrying it out")
        settled = {name: value for name, value in existing.outcome.items() if name == SETTLED_BY}
        intent = existing.model_copy(update={"state": "intent", "outcome": settled})
        counted = sa.func.coalesce(effects.c.counted_at, sa.literal(now, effects.c.counted_at.type))
        connection.execute(sa.update(effects).where(where).values(**_written(intent), counted_at=counted))
        self.note(connection, _entry(intent, "intent", "intent", now))
        return intent

    def _change(
        self,
        connection: Connection,
        effect: EffectRecord,
        *,
        says: str,
        again: bool = False,
        actor: str = "platform",
        **changes: Any,
    ) -> EffectRecord:
        """Change a row and write the entry of it. `again`: it may become so more than once."""
        changed = effect.model_copy(update=changes)
        connection.execute(sa.update(effects).where(effects.c.key == effect.key).values(changes))
        now = self.clock()
        key = f"effect/{effect.key}/{changed.state}"
        if again or changed.state == "acting":
            key += f"/{now.timestamp():.6f}"
        outcome = _OUTCOMES.get(changed.state, changed.state)
        started = effect.begun_at or effect.intended_at
        since = started if changed.state in ("done", "failed", "refused") else now
        self.note(connection, _entry(changed, says, outcome, now, key=key, started=since, actor=actor))
        return changed


_OUTCOMES = {"done": "ok", "acting": "intent", "unknown": "held"}


def _written(effect: EffectRecord) -> dict[str, Any]:
    return effect.model_dump(include={"state", "outcome"})


def _entry(
    effect: EffectRecord,
    says: str,
    outcome: str,
    at: datetime,
    *,
    key: str = "",
    started: datetime | None = None,
    actor: str = "platform",
) -> Entry:
    return Entry.model_validate(
        {
            "key": key or f"effect/{effect.key}/{effect.state}",
            "kind": "effect",
            "name": effect.kind,
            "says": f"Effect {effect.kind} on {effect.subject or effect.run}: {says}",
            "run": effect.run,
            "actor": actor,
            "outcome": outcome,
            "started_at": started or at,
            "finished_at": at,
            "facts": {
                "key": effect.key,
                "state": effect.state,
                "digest": effect.digest,
                "decision": effect.decision,
                "outcome": effect.outcome,
            },
        }
    )


def _stopped(connection: Connection, effect: EffectRecord) -> EffectsStopped | None:
    switch = read_switch(connection)
    if not switch.stopped:
        return None
    return EffectsStopped(
        switch.says, subject=effect.key, way_out="It goes on by itself after `countersign effects start`."
    )


def _tell(connection: Connection, run: str, says: str) -> None:
    """What the run says of itself in lists, while it goes on."""
    going = sa.and_(runs.c.run == run, runs.c.finished_at.is_(None))
    connection.execute(sa.update(runs).where(going).values(says=says))


def _refuse_second_use(connection: Connection, record: EffectRecord) -> None:
    same_key, same_decision = effects.c.key == record.key, effects.c.decision == record.decision
    query = sa.select(effects).where(sa.or_(same_key, same_decision))
    for row in connection.execute(query).mappings():
        if (row["run"], row["digest"], row["decision"]) == (record.run, record.digest, record.decision):
            continue
        if (row["run"], row["digest"]) == (record.run, record.digest) and _stood(connection, record.digest):
            continue
        what = f"The effect {record.key!r}" if row["key"] == record.key else "The decision"
        raise AlreadyUsed(
            f"{what} was used before, by run {row['run']!r} for {row['key']!r}.",
            subject=record.key,
            way_out="A signature pays once. Start a new run and sign its proposal.",
        )


def _stood(connection: Connection, digest: str) -> bool:
    """Whether the proposal was begun on a standing approval, which may have ended: a person may go on with it."""
    used = sa.select(standing_uses.c.number).where(standing_uses.c.digest == digest).limit(1)
    return connection.scalar(used) is not None


def _handed_over(connection: Connection, existing: EffectRecord | None, record: EffectRecord) -> EffectRecord | None:
    """The effect under the decision that it is carried out on now."""
    if existing is None or existing.decision == record.decision:
        return existing
    where = effects.c.key == existing.key
    connection.execute(sa.update(effects).where(where).values(decision=record.decision))
    return existing.model_copy(update={"decision": record.decision})


def _find(connection: Connection, key: str) -> EffectRecord | None:
    row = connection.execute(sa.select(effects).where(effects.c.key == key)).mappings().first()
    return None if row is None else _record(row)


def _known(connection: Connection, key: str) -> EffectRecord:
    effect = _find(connection, key)
    if effect is None:
        raise NotFound(f"No effect {key!r} was intended.", subject=key)
    return effect


def _record(row: RowMapping) -> EffectRecord:
    return EffectRecord.model_validate(dict(row))

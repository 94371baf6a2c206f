"""Effects: intent before, outcome after, under one idempotency key."""

from typing import Any, Literal

import sqlalchemy as sa
from pydantic import JsonValue
from sqlalchemy.engine import Connection, RowMapping

from contracts.errors import AlreadyUsed, Conflict, NotFound
from contracts.records import EffectRecord, Entry
from ledger.entries import Entries
from ledger.schema import effects

EFFECTS_LOCK = 3


class Effects(Entries):
    """A decision pays for the effects of one proposal of one run, each key once."""

    def intend(self, record: EffectRecord) -> EffectRecord:
        """Write the intent down, or give the row that is there (its state tells what became of it).

        AlreadyUsed when the key exists for another run, digest or decision, or when the decision was spent
        on another run or digest.
        """
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            _refuse_second_use(connection, record)
            existing = _find(connection, record.key)
            if existing is not None:
                return existing
            intent = record.model_copy(update={"state": "intent", "outcome": {}, "finished_at": None})
            connection.execute(sa.insert(effects), [intent.model_dump()])
            self.note(connection, self._effect_entry(intent))
            return intent

    def finish_effect(
        self, key: str, *, state: Literal["done", "failed", "refused"], outcome: dict[str, JsonValue]
    ) -> None:
        """Write the outcome down. Done is final; a failed one may be tried again under the same decision."""
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            existing = _find(connection, key)
            if existing is None:
                raise NotFound(f"No effect {key!r} was intended.", subject=key)
            if existing.state == "done":
                if state != "done":
                    raise Conflict(f"The effect {key!r} is done and cannot become {state}.", subject=key)
                return
            changes: dict[str, Any] = {"state": state, "outcome": outcome, "finished_at": self.clock()}
            connection.execute(sa.update(effects).where(effects.c.key == key).values(changes))
            self.note(connection, self._effect_entry(existing.model_copy(update=changes)))

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

    def last_signed(self, kind: str, subject: str) -> EffectRecord | None:
        """The newest effect of a kind that was done to a subject, such as a repository."""
        query = sa.select(effects).where(
            effects.c.kind == kind, effects.c.subject == subject, effects.c.state == "done"
        )
        newest = query.order_by(effects.c.finished_at.desc()).limit(1)
        with self.store.read() as connection:
            row = connection.execute(newest).mappings().first()
        return None if row is None else _record(row)

    def _effect_entry(self, effect: EffectRecord) -> Entry:
        """Failures repeat, so their keys carry the time; intent and done are written once."""
        at = effect.finished_at or effect.intended_at
        again = f"/{at.timestamp():.6f}" if effect.state in ("failed", "refused") else ""
        return Entry(
            key=f"effect/{effect.key}/{effect.state}{again}",
            kind="effect",
            name=effect.kind,
            says=f"Effect {effect.kind} on {effect.subject or effect.run}: {effect.state}",
            run=effect.run,
            outcome="ok" if effect.state == "done" else effect.state,
            started_at=effect.intended_at,
            finished_at=at,
            facts={
                "key": effect.key,
                "digest": effect.digest,
                "decision": effect.decision,
                "outcome": effect.outcome,
            },
        )


def _refuse_second_use(connection: Connection, record: EffectRecord) -> None:
    same_key, same_decision = effects.c.key == record.key, effects.c.decision == record.decision
    query = sa.select(effects).where(sa.or_(same_key, same_decision))
    for row in connection.execute(query).mappings():
        if (row["run"], row["digest"], row["decision"]) == (record.run, record.digest, record.decision):
            continue
        what = f"The effect {record.key!r}" if row["key"] == record.key else "The decision"
        raise AlreadyUsed(
            f"{what} was used before, by run {row['run']!r} for {row['key']!r}.",
            subject=record.key,
            way_out="A signature pays once. Start a new run and sign its proposal.",
        )


def _find(connection: Connection, key: str) -> EffectRecord | None:
    row = connection.execute(sa.select(effects).where(effects.c.key == key)).mappings().first()
    return None if row is None else _record(row)


def _record(row: RowMapping) -> EffectRecord:
    return EffectRecord.model_validate(dict(row))

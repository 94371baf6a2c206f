"""The kill switch: one row that every effect reads before it begins, under the same lock that throws it.

So in the ledger's own order nothing begins after the entry that says effects are stopped, and before the one that says
they go on. Only administrators may throw it.
"""

from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from contracts.effects import EffectSwitch
from contracts.errors import MissingRole
from contracts.records import ADMINISTRATOR, EffectRecord, Entry
from ledger.register import Register
from ledger.schema import effects, switches

EFFECTS_LOCK = 3
NAME = "effects"


class Switch(Register):
    """Throwing it, and asking how it stands."""

    def effect_switch(self) -> EffectSwitch:
        """How the switch stands now."""
        with self.store.read() as connection:
            return read_switch(connection)

    def stop_effects(self, person: str, words: str = "") -> tuple[EffectSwitch, list[EffectRecord]]:
        """Stop all effects of this installation. Gives the switch, and what had begun when it was thrown, oldest first.

        Stopped already: it stays as it is, with the name and words of whoever did. MissingRole for somebody who is no
        administrator.
        """
        switch = self._throw(person, words, stopped=True)
        acting = sa.select(effects).where(effects.c.state == "acting").order_by(effects.c.begun_at)
        with self.store.read() as connection:
            return switch, [EffectRecord.model_validate(dict(row)) for row in connection.execute(acting).mappings()]

    def start_effects(self, person: str, words: str = "") -> EffectSwitch:
        """Let effects go on. Errors as `stop_effects`."""
        return self._throw(person, words, stopped=False)

    def require_administrator(self, person: str, to: str) -> None:
        """MissingRole for somebody who may not `to` do it."""
        if ADMINISTRATOR not in self.trusted_person(person).roles:
            raise MissingRole(
                f"{person!r} does not have the role {ADMINISTRATOR!r}, which it takes to {to}.",
                subject=person,
                way_out=f"Ask somebody who is {ADMINISTRATOR!r}; `countersign people` lists them.",
            )

    def _throw(self, person: str, words: str, *, stopped: bool) -> EffectSwitch:
        self.require_administrator(person, "stop effects" if stopped else "let effects go on")
        with self.store.write() as connection:
            self.store.lock(connection, EFFECTS_LOCK)
            before = read_switch(connection)
            if before.stopped == stopped:
                return before
            values: dict[str, Any] = {"stopped": stopped, "person": person, "words": words.strip()}
            values |= {"number": before.number + 1, "changed_at": self.clock()}
            connection.execute(self.store.insert_once(switches), [{"name": NAME, **values}])
            connection.execute(sa.update(switches).where(switches.c.name == NAME).values(values))
            switch = EffectSwitch.model_validate(values)
            self.note(connection, _entry(switch))
            return switch


def read_switch(connection: Connection) -> EffectSwitch:
    """The switch as this transaction sees it."""
    row = connection.execute(sa.select(switches).where(switches.c.name == NAME)).mappings().first()
    return EffectSwitch() if row is None else EffectSwitch.model_validate(dict(row))


def _entry(switch: EffectSwitch) -> Entry:
    assert switch.changed_at is not None
    done = "stopped all effects" if switch.stopped else "let effects go on"
    words = f": {switch.words}" if switch.words else ""
    return Entry(
        key=f"switch/{NAME}/{switch.number}",
        kind="system",
        name="effects.stopped" if switch.stopped else "effects.started",
        says=f"{switch.person} {done}{words}",
        actor=switch.person,
        started_at=switch.changed_at,
        finished_at=switch.changed_at,
        facts={"number": switch.number, "words": switch.words},
    )

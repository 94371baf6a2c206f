"""What was measured of runs, and which standing approvals it speaks for."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from contracts.standing import StandingApproval
from contracts.suggesting import PERIOD, MeasuredRun, Suggestion, suggest
from ledger.part import Part
from ledger.schema import measured, standings

LOOKED_AT = timedelta(days=180)
PARTS = {"workflow", "version", "team", "drafted_by", "bounds"}
MOST = 400  # runs of a workflow: some classes of a hundred each


class Measuring(Part):
    """One row a run, written as it is closed."""

    def measure_run(self, row: MeasuredRun) -> None:
        """Keep what became of a run. The first word on a run stays."""
        fields = row.model_dump(include={"run", "workflow", "version", "outcome", "decided_at"})
        with self.store.write() as connection:
            kept = {**fields, "body": row.model_dump(mode="json")}
            connection.execute(self.store.insert_once(measured), [kept])

    def standing_suggestions(self, workflow: str = "") -> list[Suggestion]:
        """The standing approvals that measured decisions speak for now. Not those that somebody has signed, nor those
        that somebody ended not long ago."""
        now = self.clock()
        recent = measured.c.decided_at > now - LOOKED_AT
        with self.store.read() as connection:
            names = sorted(connection.scalars(sa.select(measured.c.workflow).where(recent).distinct()))
            found = [each for name in names if workflow in ("", name) for each in self._suggested(connection, name)]
            live = sa.and_(standings.c.ended == "", standings.c.valid_until > now)
            query = sa.select(standings.c.body).where(sa.or_(live, standings.c.ended_at > now - PERIOD))
            kept = [body["standing"] for body in connection.scalars(query)]
        return [each for each in found if all(_class(each) != _class_of(body) for body in kept)]

    def suggested_standing(self, standing: StandingApproval) -> Suggestion | None:
        """What speaks for this very one."""
        with self.store.read() as connection:
            found = self._suggested(connection, standing.workflow)
        return next((each for each in found if each.speaks_for(standing)), None)

    def _suggested(self, connection: sa.Connection, workflow: str) -> list[Suggestion]:
        now = self.clock()
        mine = sa.and_(measured.c.workflow == workflow, measured.c.decided_at > now - LOOKED_AT)
        query = sa.select(measured.c.body).where(mine).order_by(measured.c.decided_at.desc()).limit(MOST)
        return suggest([MeasuredRun.model_validate(body) for body in connection.scalars(query)], now)


def _class(suggested: Suggestion) -> tuple[object, ...]:
    return _parts(suggested.model_dump(mode="json", include=PARTS))


def _class_of(body: dict[str, Any]) -> tuple[object, ...]:
    return _parts({"team": "", **body})


def _parts(body: dict[str, Any]) -> tuple[object, ...]:
    bounds = body["bounds"]
    named = (body["workflow"], body["version"], body["team"], *body["drafted_by"])
    return (named, tuple(bounds["kinds"]), tuple(bounds["destinations"]))

"""Runs, as the console and the command line list them."""

from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import ValidationError

from contracts.errors import BadInput, NotFound
from contracts.records import RunRecord
from ledger.part import Part
from ledger.schema import runs


class Runs(Part):
    """One row a run. Its state is a convenience for lists; what happened is in the entries."""

    def start_run(self, record: RunRecord) -> None:
        """Insert the run; one that is already there stays as it is."""
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(runs), [record.model_dump()])

    def update_run(self, run: str, **changes: Any) -> None:
        """Change fields of a run. NotFound; BadInput for a field or value that RunRecord does not have."""
        unknown = changes.keys() - RunRecord.model_fields.keys()
        if unknown:
            raise BadInput(f"A run has no field {sorted(unknown)!r} to change.", subject=run)
        with self.store.write() as connection:
            found = connection.execute(sa.select(runs).where(runs.c.run == run)).mappings().first()
            if found is None:
                raise _unknown(run)
            record = _record({**found, **changes})
            values = record.model_dump(include=set(changes))
            if values:
                connection.execute(sa.update(runs).where(runs.c.run == run).values(values))

    def run(self, run: str) -> RunRecord:
        with self.store.read() as connection:
            found = connection.execute(sa.select(runs).where(runs.c.run == run)).mappings().first()
        if found is None:
            raise _unknown(run)
        return _record(dict(found))

    def runs(
        self, *, state: str = "", workflow: str = "", limit: int = 100, teams: Collection[str] | None = None
    ) -> list[RunRecord]:
        """The newest runs first; of these teams only, where some are named."""
        query = sa.select(runs).order_by(runs.c.started_at.desc(), runs.c.run).limit(limit)
        if state:
            query = query.where(runs.c.state == state)
        if workflow:
            query = query.where(runs.c.workflow == workflow)
        if teams is not None:
            query = query.where(runs.c.team.in_(teams))
        with self.store.read() as connection:
            return [_record(dict(row)) for row in connection.execute(query).mappings()]

    def runs_in_order(self, after: str, since: datetime, limit: int) -> list[RunRecord]:
        """A page of runs by their ids: of those that go on, or have ended at `since` or later. `after`: the last id of
        the page before; empty begins."""
        open_or_young = sa.or_(runs.c.finished_at.is_(None), runs.c.finished_at >= since)
        query = sa.select(runs).where(runs.c.run > after, open_or_young).order_by(runs.c.run).limit(limit)
        with self.store.read() as connection:
            return [_record(dict(row)) for row in connection.execute(query).mappings()]


def _record(fields: dict[str, Any]) -> RunRecord:
    try:
        return RunRecord.model_validate(fields)
    except ValidationError as error:
        raise BadInput(f"That is no state of a run: {error.errors()[0]['msg']}.") from error


def _unknown(run: str) -> NotFound:
    return NotFound(f"No run {run!r} in this ledger.", subject=run, way_out="`countersign runs` lists them.")

"""Claims: which run works on something, so that two don't. One that ended holds nothing any more."""

import sqlalchemy as sa

from ledger.part import Part
from ledger.schema import meta, runs

OPEN = ("running", "waiting")
PREFIX = "claim/"


class Claims(Part):
    """Rows of `meta` whose names begin with `claim/`."""

    def claim(self, what: str, run: str) -> str:
        """The run that holds the claim: this one, unless another that is still open was first."""
        named = meta.c.name == PREFIX + what
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(meta), [{"name": PREFIX + what, "value": run}])
            holder = str(connection.scalar(sa.select(meta.c.value).where(named).with_for_update()))
            state = connection.scalar(sa.select(runs.c.state).where(runs.c.run == holder))
            if holder == run or state in OPEN:
                return holder
            connection.execute(sa.update(meta).where(named).values(value=run))
            return run

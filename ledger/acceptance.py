"""What people made of drafts, by workflow and by the tier that made them: what routes learn from."""

from collections.abc import Sequence

import sqlalchemy as sa

from contracts.routes import Acceptance, Verdict
from ledger.part import Part
from ledger.schema import acceptance

NEWEST = 50  # decisions that count: what people thought of a model long ago says little of today's


class Acceptances(Part):
    """One row a run: signed as it was, signed after edits, or turned down."""

    def learn(self, verdict: Verdict) -> None:
        """Keep what became of a run's draft. The first word on a run stays."""
        with self.store.write() as connection:
            row = {**verdict.model_dump(), "decided_at": self.clock()}
            connection.execute(self.store.insert_once(acceptance), [row])

    def acceptance(self, workflow: str, tiers: Sequence[str]) -> dict[str, Acceptance]:
        """What is known of each tier in one workflow, from its newest decisions."""
        with self.store.read() as connection:
            return {tier: _measured(connection, workflow, tier) for tier in tiers}


def _measured(connection: sa.Connection, workflow: str, tier: str) -> Acceptance:
    mine = sa.and_(acceptance.c.workflow == workflow, acceptance.c.tier == tier)
    query = sa.select(acceptance.c.outcome, acceptance.c.share).where(mine)
    rows = connection.execute(query.order_by(acceptance.c.decided_at.desc()).limit(NEWEST)).all()
    count = {
        outcome: sum(1 for row in rows if row.outcome == outcome) for outcome in ("untouched", "edited", "rejected")
    }
    return Acceptance(tier=tier, kept=sum(float(row.share) for row in rows), **count)

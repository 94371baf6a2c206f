"""What came of what was proposed: signed, changed, turned down, left to expire; and what it cost."""

from collections import defaultdict
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

import sqlalchemy as sa

from contracts.usage import Used
from ledger.part import Part
from ledger.schema import effects, proposals, runs

ENDS = {"approved": "signed", "rejected": "rejected", "expired": "expired"}


class Usage(Part):
    """Counts over other tables; nothing is kept."""

    def used(self, since: datetime) -> dict[str, Used]:
        """Of each workflow, by its name: what people made of its proposals since then, and what models cost."""
        found: dict[str, dict[str, Any]] = defaultdict(dict)
        changed = sa.func.sum(sa.case((proposals.c.revision > 1, 1), else_=0))
        decided = sa.select(proposals.c.workflow, proposals.c.state, sa.func.count(), changed)
        decided = decided.where(proposals.c.created_at >= since, proposals.c.state.in_(ENDS))
        joined = effects.join(runs, runs.c.run == effects.c.run)
        done = sa.select(runs.c.workflow, sa.func.count()).select_from(joined)
        done = done.where(effects.c.state == "done", effects.c.intended_at >= since)
        spent = sa.select(runs.c.workflow, runs.c.cost_usd, sa.func.count()).where(runs.c.started_at >= since)
        with self.store.read() as connection:
            for name, state, count, after in connection.execute(
                decided.group_by(proposals.c.workflow, proposals.c.state)
            ):
                found[name][ENDS[state]] = count
                if state == "approved":
                    found[name]["changed"] = after
            for name, count in connection.execute(done.group_by(runs.c.workflow)):
                found[name]["effects"] = count
            for name, usd, count in connection.execute(spent.group_by(runs.c.workflow, runs.c.cost_usd)):
                price = _price(usd)
                if price is None:
                    found[name]["unpriced"] = found[name].get("unpriced", 0) + count
                else:
                    found[name]["usd"] = found[name].get("usd", Decimal(0)) + price * count
        return {name: Used.model_validate(values) for name, values in found.items()}


def _price(usd: str | None) -> Decimal | None:
    """None where nobody knows it, also where what a run wrote of it is no number: a page must not end with that."""
    try:
        price = Decimal(usd or "")
    except InvalidOperation:
        return None
    return price if price.is_finite() else None

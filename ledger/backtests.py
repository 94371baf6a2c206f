"""Backtests, for the page that shows them: one row a run, the body an artifact."""

from collections.abc import Collection

import sqlalchemy as sa

from contracts.backtest import BacktestRecord, BacktestReport
from contracts.errors import NotFound
from ledger.part import Part
from ledger.schema import Moment, Words, metadata, runs

# `period` is what was looked at, in words that tell one from another: a run later in the same week makes none.
backtests = sa.Table(
    "backtests",
    metadata,
    sa.Column("run", Words, primary_key=True),
    sa.Column("source", Words, nullable=False),
    sa.Column("period", sa.String(40), nullable=False),
    sa.Column("title", Words, nullable=False),
    sa.Column("body", sa.String(71), nullable=False),
    sa.Column("made_at", Moment, nullable=False),
    sa.Index("backtests_source", "source", "made_at"),
)


class Backtests(Part):
    """Rows of `backtests`. Whose they are is said by their runs."""

    def store_backtest(self, run: str, source: str, period: str, report: BacktestReport) -> None:
        """Keep what a run made. The first of a run stays: an attempt that is repeated makes the same."""
        body = self.artifacts.put_model(report)
        row = {"run": run, "source": source, "period": period, "title": report.title, "body": body}
        with self.store.write() as connection:
            connection.execute(self.store.insert_once(backtests), [{**row, "made_at": self.clock()}])

    def backtests(
        self,
        *,
        workflow: str = "",
        source: str = "",
        period: str = "",
        run: str = "",
        teams: Collection[str] | None = None,
        limit: int = 100,
    ) -> list[BacktestRecord]:
        """The newest first; of these teams only, where some are named."""
        columns = (*(each for each in backtests.c if each.name != "period"), runs.c.workflow, runs.c.team)
        query = sa.select(*columns).join(runs, runs.c.run == backtests.c.run)
        wanted = {runs.c.workflow: workflow, backtests.c.source: source, backtests.c.period: period}
        for column, value in {**wanted, backtests.c.run: run}.items():
            if value:
                query = query.where(column == value)
        if teams is not None:
            query = query.where(runs.c.team.in_(teams))
        newest = query.order_by(backtests.c.made_at.desc(), backtests.c.run).limit(limit)
        with self.store.read() as connection:
            return [BacktestRecord.model_validate(dict(row)) for row in connection.execute(newest).mappings()]

    def backtest(self, run: str) -> tuple[BacktestRecord, BacktestReport]:
        """What a run made. NotFound, also where its body was erased."""
        found = self.backtests(run=run, limit=1)
        if not found:
            raise NotFound(
                f"The run {run!r} made no backtest.", subject=run, way_out="`countersign backtest` shows the newest."
            )
        return found[0], self.artifacts.get_model(BacktestReport, found[0].body)

    def backtest_for(self, run: str) -> BacktestRecord | None:
        """The newest of the same workflow and source as a run's own, or None: what a reviewer of that run may read."""
        with self.store.read() as connection:
            mine = connection.execute(sa.select(runs).where(runs.c.run == run)).mappings().first()
        if mine is None:
            return None
        found = self.backtests(workflow=mine["workflow"], source=mine["subject"], teams=(mine["team"],), limit=1)
        return found[0] if found else None

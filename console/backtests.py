"""Backtests: how would what a workflow proposes have done against what people did?"""

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from console.access import TeamReading
from console.deps import Console, Here
from console.seeing import sees_run
from console.sessions import Session
from contracts.backtest import BacktestRecord

router = APIRouter(include_in_schema=False)
PAGE = 100


@router.get("/backtests")
def backtests(here: Here, session: TeamReading, workflow: str = "") -> HTMLResponse:
    found = here.ledger.backtests(workflow=workflow, teams=session.teams, limit=PAGE)
    return here.page("backtests.html", session, backtests=found, workflow=workflow)


@router.get("/backtests/{run:path}")
def backtest(here: Here, session: TeamReading, run: str) -> HTMLResponse:
    record, report = here.ledger.backtest(run)
    others = here.ledger.backtests(workflow=record.workflow, source=record.source, teams=session.teams, limit=PAGE)
    return here.page("backtest.html", session, record=record, report=report, others=others)


def linked(here: Console, session: Session, run: str) -> BacktestRecord | None:
    """The newest of what a run reads, where this person may read that, too."""
    found = here.ledger.backtest_for(run)
    return found if found and sees_run(here.ledger, session, found.run) else None

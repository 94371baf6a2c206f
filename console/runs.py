"""Runs: what did it do?"""

from typing import get_args

from fastapi import APIRouter
from starlette.responses import HTMLResponse

from console.access import TeamReading
from console.backtests import linked
from console.deps import Here
from console.inbox import entry_way_out
from console.timeline import timeline
from contracts.records import RunState

router = APIRouter(include_in_schema=False)
PAGE = 100
STATES: tuple[str, ...] = get_args(RunState)


@router.get("/runs")
def runs(here: Here, session: TeamReading, state: str = "", workflow: str = "") -> HTMLResponse:
    state = state if state in STATES else ""
    found = here.ledger.runs(state=state, workflow=workflow, limit=PAGE, teams=session.teams)
    return here.page("runs.html", session, runs=found, state=state, workflow=workflow, states=STATES)


@router.get("/runs/{run:path}")
def run_page(here: Here, session: TeamReading, run: str) -> HTMLResponse:
    record = here.ledger.run(run)
    entries = here.ledger.entries(run=run, limit=1000)
    failed = next((entry for entry in reversed(entries) if entry.outcome == "failed"), None)
    return here.page(
        "run.html",
        session,
        run=record,
        line=timeline(entries),
        way_out=entry_way_out(failed) if record.state == "failed" else "",
        proposals=sorted(here.ledger.proposals(state="", run=run), key=lambda p: p.revision),
        decisions=here.ledger.decisions(run),
        effects=here.ledger.effects(run=run),
        backtest=linked(here, session, run),
        switch=here.ledger.effect_switch(),
        history=here.history_url(run, record.temporal_run_id),
    )

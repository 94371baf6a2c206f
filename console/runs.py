"""Runs: what did it do? And the ledger: what happened?"""

from typing import Annotated, get_args

from fastapi import APIRouter, Query
from starlette.responses import HTMLResponse

from console.deps import Here
from console.inbox import entry_way_out
from console.sessions import Signed
from console.timeline import timeline
from contracts.records import EntryKind, RunState

router = APIRouter(include_in_schema=False)
PAGE = 100
KINDS: tuple[str, ...] = get_args(EntryKind)
STATES: tuple[str, ...] = get_args(RunState)


@router.get("/runs")
def runs(here: Here, session: Signed, state: str = "", workflow: str = "") -> HTMLResponse:
    found = here.ledger.runs(state=state if state in STATES else "", workflow=workflow, limit=PAGE)
    return here.page("runs.html", session, runs=found, state=state, workflow=workflow, states=STATES)


@router.get("/runs/{run:path}")
def run_page(here: Here, session: Signed, run: str) -> HTMLResponse:
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
        switch=here.ledger.effect_switch(),
        history=here.history_url(run, record.temporal_run_id),
    )


@router.get("/ledger")
def ledger_page(
    here: Here,
    session: Signed,
    run: str = "",
    kind: str = "",
    words: Annotated[str, Query(max_length=200)] = "",
    after: Annotated[int, Query(ge=0)] = 0,
) -> HTMLResponse:
    """Newest first; from `after` on, oldest first, as a log is read."""
    chosen = kind if kind in KINDS else ""
    entries = here.ledger.entries(
        run=run.strip(), kind=chosen, words=words.strip(), after=after, limit=PAGE, newest_first=not after
    )
    return here.page(
        "ledger.html",
        session,
        entries=entries,
        run=run,
        kind=chosen,
        words=words,
        after=after,
        kinds=KINDS,
        full=len(entries) == PAGE,
        proved=here.prover.proof(),
    )

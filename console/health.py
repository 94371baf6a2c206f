"""Health: what is wrong, and how do I fix it?"""

import asyncio

from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse, Response

from console import decide
from console.access import OPEN, Reading
from console.deps import Console, Here, in_thread
from console.findings import Finding, findings, proof
from contracts.records import EffectRecord

router = APIRouter(include_in_schema=False)


@router.get("/healthz", dependencies=[OPEN])
def healthz(here: Here) -> Response:
    """For machines, and open to all: whether this process serves and its database answers."""
    here.ledger.runs(limit=1)
    return JSONResponse({"status": "ok"})


@router.get("/health")
async def health(here: Here, session: Reading) -> HTMLResponse:
    found, proved, switch, effects = await asyncio.gather(
        findings(here.ledger, lambda: decide.connected(here)),
        in_thread(ledger_proof, here),
        in_thread(here.ledger.effect_switch),
        in_thread(open_effects, here),
    )
    return await in_thread(here.page, "health.html", session, findings=[*found, proved], switch=switch, effects=effects)


def open_effects(here: Console) -> list[EffectRecord]:
    """Those that have begun and not ended, are in doubt, or are held: the oldest first."""
    found = [each for state in ("acting", "unknown", "held") for each in here.ledger.effects(state=state, limit=50)]
    return sorted(found, key=lambda each: each.intended_at)


def ledger_proof(here: Console) -> Finding:
    proved = here.prover.proof()
    if proved is None:
        return Finding("Ledger", True, "It is being verified. Reload the page in a while.")
    return proof(proved.found)

"""Health: what is wrong, and how do I fix it?"""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fastapi import APIRouter
from starlette.responses import HTMLResponse, JSONResponse, Response
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import DescribeTaskQueueRequest
from temporalio.client import Client
from temporalio.service import RPCError

from console import decide
from console.deps import Console, Here, in_thread
from console.sessions import Signed
from console.words import count
from contracts.errors import CountersignError
from contracts.records import EffectRecord
from contracts.steps import AGENTS, EFFECTS, Queue

router = APIRouter(include_in_schema=False)
RPC_TIME = timedelta(seconds=5)
POLLED_WITHIN = timedelta(minutes=2)
STUCK_AFTER = timedelta(minutes=15)


@dataclass(frozen=True)
class Finding:
    """One thing looked at: how it is in words, and the way to fix it where it is not well."""

    name: str
    ok: bool
    says: str
    fix: str = ""


@router.get("/healthz")
def healthz(here: Here) -> Response:
    """For machines, and open to all: whether this process serves and its database answers."""
    here.ledger.runs(limit=1)
    return JSONResponse({"status": "ok"})


@router.get("/health")
async def health(here: Here, session: Signed) -> HTMLResponse:
    local = asyncio.gather(*(in_thread(look, here) for look in (stopped_effects, stuck_runs, ledger_proof)))
    findings = [*await temporal_findings(here), *await local]
    switch, effects = await asyncio.gather(in_thread(here.ledger.effect_switch), in_thread(open_effects, here))
    return here.page("health.html", session, findings=findings, switch=switch, effects=effects)


async def temporal_findings(here: Console) -> list[Finding]:
    try:
        client = await decide.connected(here)
        await client.service_client.check_health(timeout=RPC_TIME)
    except (CountersignError, RPCError):
        fix = "Run `countersign up`, or set TEMPORAL_ADDRESS to a server that runs; then `countersign doctor`."
        return [Finding("Temporal server", False, "It can't be reached.", fix)]
    reached = Finding("Temporal server", True, f"It answers, namespace {client.namespace}.")
    return [reached, await workers(client, AGENTS), await workers(client, EFFECTS)]


async def workers(client: Client, queue: Queue) -> Finding:
    """Whether anybody takes work from a queue."""
    name = "Workers for agents" if queue == AGENTS else "Workers for effects"
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=queue),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_ACTIVITY,
    )
    try:
        answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIME)
    except RPCError as error:
        return Finding(name, False, f"The server did not say who polls {queue}: {error.message}")
    since = datetime.now(UTC) - POLLED_WITHIN
    seen = [p for p in answer.pollers if p.last_access_time.ToDatetime(tzinfo=UTC) >= since]
    if not seen:
        kind = queue.removeprefix("countersign-")
        fix = f"Run `countersign worker {kind}`, or `countersign up` for everything."
        return Finding(name, False, f"Nobody polls {queue}.", fix)
    return Finding(name, True, f"{len(seen)} polling {queue}.")


def stopped_effects(here: Console) -> Finding:
    """Whether effects are carried out, and whether one waits for a person to say what became of it."""
    switch, doubted = here.ledger.effect_switch(), here.ledger.effects(state="unknown")
    if switch.stopped:
        fix = "`countersign effects start` lets them go on, or the button above; administrators may."
        return Finding("Effects", False, f"{switch.says}.", fix)
    if doubted:
        says = f"{count(len(doubted), 'effect')} of which nobody knows whether it happened: {doubted[0].key}."
        fix = "Look there, then say `countersign effects settle` with its key and --happened or --did-not."
        return Finding("Effects", False, says, fix)
    return Finding("Effects", True, switch.says)


def open_effects(here: Console) -> list[EffectRecord]:
    """Those that have begun and not ended, are in doubt, or are held: the oldest first."""
    found = [each for state in ("acting", "unknown", "held") for each in here.ledger.effects(state=state, limit=50)]
    return sorted(found, key=lambda each: each.intended_at)


def stuck_runs(here: Console) -> Finding:
    """Runs that claim to be running and have written nothing for a while."""
    stuck = [run.run for run in here.ledger.runs(state="running") if is_stuck(here, run.run, run.started_at)]
    if not stuck:
        return Finding("Runs", True, "None is stuck.")
    says = f"{len(stuck)} running without a sign of life for {STUCK_AFTER.seconds // 60} minutes: "
    fix = "Open the run and follow its link to Temporal: the pending step shows its last error."
    return Finding("Runs", False, says + ", ".join(stuck[:5]), fix)


def is_stuck(here: Console, run: str, started_at: datetime) -> bool:
    newest = here.ledger.entries(run=run, limit=1, newest_first=True)
    last = max([started_at, *(entry.finished_at for entry in newest)])
    return datetime.now(UTC) - last > STUCK_AFTER


def ledger_proof(here: Console) -> Finding:
    proof = here.prover.proof()
    if proof is None:
        return Finding("Ledger", True, "It is being verified. Reload the page in a while.")
    found = proof.found
    if found.ok:
        heads = count(found.heads, "signed head")
        says = f"{count(found.entries, 'entry', 'entries')}, {found.sealed:,} of them sealed under {heads}."
        return Finding("Ledger", True, says)
    fix = "Run `countersign ledger verify` for all of it. Sign nothing until it is understood."
    return Finding("Ledger", False, "; ".join(found.problems[:3]) or "It does not verify.", fix)

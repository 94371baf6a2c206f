"""Keeps the ledger true about runs that ended by other hands.

A run that fails, is cancelled or terminated cannot write its own end. The watcher asks Temporal about every run
the ledger holds as open. It runs beside the agents' worker; two of them do no harm.
"""

import asyncio
import logging
from datetime import UTC, datetime

from temporalio.client import Client, WorkflowExecutionStatus, WorkflowFailureError, WorkflowUpdateFailedError
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.service import RPCError, RPCStatusCode

from contracts.errors import CountersignError
from contracts.records import Entry, RunRecord, RunState
from ledger import Ledger

PERIOD = 2.0
ENDED: dict[WorkflowExecutionStatus, RunState] = {
    WorkflowExecutionStatus.FAILED: "failed",
    WorkflowExecutionStatus.TIMED_OUT: "failed",
    WorkflowExecutionStatus.TERMINATED: "cancelled",
    WorkflowExecutionStatus.CANCELED: "cancelled",
}

log = logging.getLogger(__name__)


async def watch(client: Client, ledger: Ledger) -> None:
    """Every two seconds, until cancelled. An error is logged and does not end it."""
    while True:
        try:
            await look_once(client, ledger)
        except (CountersignError, RPCError, OSError) as error:
            log.warning("The watcher goes on after: %s", error)
        await asyncio.sleep(PERIOD)


async def look_once(client: Client, ledger: Ledger) -> None:
    """Ask Temporal about each run that the ledger holds as open."""
    for state in ("running", "waiting"):
        for run in await asyncio.to_thread(ledger.runs, state=state, limit=1000):
            await _look_at(client, ledger, run)


async def _look_at(client: Client, ledger: Ledger, run: RunRecord) -> None:
    handle = client.get_workflow_handle(run.run)
    try:
        description = await handle.describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return await _write_end(ledger, run, "failed", "Temporal does not know this run any more.")
        raise
    if description.status in ENDED:
        why = await _why(client, run) if description.status == WorkflowExecutionStatus.FAILED else ""
        says = why or f"The run was {description.status.name.lower().replace('_', ' ')}."
        await _write_end(ledger, run, ENDED[description.status], says, at=description.close_time)


async def _why(client: Client, run: RunRecord) -> str:
    try:
        await client.get_workflow_handle(run.run).result()
    except WorkflowFailureError as error:
        return root_message(error)
    return ""


def root_message(error: BaseException) -> str:
    """What went wrong, without Temporal's wrapping. What caused it in turn is for developers, in the Temporal UI."""
    wrapping = FailureError | WorkflowFailureError | WorkflowUpdateFailedError
    while isinstance(error, wrapping) and not isinstance(error, ApplicationError) and error.cause is not None:
        error = error.cause
    return getattr(error, "message", None) or str(error)


async def _write_end(ledger: Ledger, run: RunRecord, state: RunState, says: str, *, at: datetime | None = None) -> None:
    now = at or datetime.now(UTC)
    entry = Entry(
        key=f"run/{run.temporal_run_id or run.run}/closed",
        kind="run",
        name="run.closed",
        says=says,
        run=run.run,
        workflow=run.workflow,
        outcome="failed" if state == "failed" else "cancelled",
        started_at=now,
        finished_at=now,
        facts={"state": state},
    )
    await ledger.write(entry)
    for proposal in await asyncio.to_thread(ledger.proposals, state="open", run=run.run):
        await asyncio.to_thread(ledger.set_proposal_state, proposal.digest, "withdrawn", at=now)
    await asyncio.to_thread(ledger.update_run, run.run, state=state, says=says, finished_at=now)

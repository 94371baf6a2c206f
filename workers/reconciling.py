"""Whether ledger and Temporal tell the same, in both directions: of steps, decisions, effects and ends of runs.

One history is held at a time, and of the runs a page: how many there are does not matter.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from console.fires import retention
from contracts.errors import NotFound
from contracts.records import RunRecord
from contracts.runs import run_of
from ledger import Ledger
from workers.gaps import Gap, contradicted, effects_apart, undecided, unheard, unsent, untold
from workers.histories import History, history
from workers.probe import PROBE
from workers.watcher import ENDED

GOING_ON = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)
COMPLETED, RUNNING = WorkflowExecutionStatus.COMPLETED, WorkflowExecutionStatus.RUNNING
WRITTEN_WITHIN = timedelta(minutes=1)  # who ended by other hands has its end written by the watcher
FORGOTTEN_WITHIN = timedelta(minutes=10)  # the server takes away what is beyond its retention when it comes to it
# What measures the server as everything starts has a queue of its own, and nothing to write down.
OURS = f"TaskQueue STARTS_WITH 'countersign-' AND WorkflowType != '{PROBE}'"
KEPT = 10_000  # gaps that are named; more are counted
PAGE = 100  # runs that the server is asked for at once
Say = Callable[[str], None]


@dataclass
class Reconciled:
    """What was compared. `gaps` are the first of `found`; `mended` of them were closed by an entry meanwhile. `late`:
    attempts that were believed dead, and wrote their own entry after all."""

    runs: int = 0
    steps: int = 0
    attempts: int = 0
    decisions: int = 0
    effects: int = 0
    found: int = 0
    mended: int = 0
    late: int = 0
    gaps: list[Gap] = field(default_factory=list)

    @property
    def left(self) -> int:
        return self.found - self.mended

    def take(self, gaps: Iterable[Gap]) -> None:
        for gap in gaps:
            self.found += 1
            if len(self.gaps) < KEPT:
                self.gaps.append(gap)


async def reconcile(
    client: Client, ledger: Ledger, say: Say, *, run: str = "", since: datetime | None = None, mend: bool = False
) -> Reconciled:
    """Compare all that the server still has a history of; with `run`, that one and its children; with `since`, what is
    going on or has ended after it. `mend` writes that attempts were lost, where they can't tell it any more. RPCError
    as the server gives it."""
    done = Reconciled()
    async for execution in client.list_workflows(_query(run, since)):
        done.runs += 1
        await compare(client, ledger, execution, done, mend=mend)
        say(f"{done.runs:,} histories, {done.attempts:,} attempts of steps, {done.found:,} gaps")
    if not run:
        async for gap in vanished(client, ledger, since):
            done.take([gap])
    return done


def _query(run: str, since: datetime | None) -> str:
    if run:
        return f"WorkflowId = {_quoted(run)} OR WorkflowId STARTS_WITH {_quoted(run + '/')}"
    ended = f" AND (ExecutionStatus = 'Running' OR CloseTime >= '{since.isoformat()}')" if since else ""
    return OURS + ended


async def compare(
    client: Client, ledger: Ledger, execution: WorkflowExecution, done: Reconciled, *, mend: bool = False
) -> None:
    """One history against its entries.

    What is in the history has its entry before, and what has an entry was sent before: the entries are read once after
    the history and once before it.
    """
    run = run_of(execution.id)
    before = await asyncio.to_thread(ledger.entry_keys, run)
    told = await history(client, execution)
    after = await asyncio.to_thread(ledger.entry_keys, run)
    done.steps += len(told.steps)
    done.attempts += sum(step.attempts for step in told.steps)
    done.late += sum(f"{key}/lost" in after for key in after if key.startswith(f"activity/{execution.run_id}/"))
    missing = list(untold(told.steps, after))
    if mend:
        done.mended += await asyncio.to_thread(write_lost, ledger, missing)
    done.take(missing)
    done.take(unheard(run, execution.run_id, told.steps, before))
    done.take(contradicted(told.steps, after))
    if run == execution.id:
        await _compare_run(client, ledger, execution, told, (before, after), done)


async def _compare_run(
    client: Client,
    ledger: Ledger,
    execution: WorkflowExecution,
    told: History,
    keys: tuple[set[str], set[str]],
    done: Reconciled,
) -> None:
    """What only a run has, and none of its children: decisions, effects, an end. Of one that was reset or has continued
    as new, they are spread over several histories."""
    before, after = keys
    done.take(await asyncio.to_thread(unended, ledger, execution))
    if told.alone and execution.status in (COMPLETED, RUNNING):
        done.take(unsent(execution.id, told.decisions, before))
    if execution.status == COMPLETED:  # one that was cancelled or failed may leave decisions unread
        done.decisions += len(told.decisions)
        done.effects += len(told.effects)
        done.take(undecided(execution.id, told.decisions, after))
        done.take(effects_apart(execution.id, told.effects, after) if told.alone else ())
        done.take(await asyncio.to_thread(outcomes_apart, ledger, execution, told))
    elif execution.status in ENDED and await is_newest(client, execution):
        done.take(await asyncio.to_thread(ends_apart, ledger, execution))


async def is_newest(client: Client, execution: WorkflowExecution) -> bool:
    """Whether no later history goes on for it, as after a reset."""
    return (await client.get_workflow_handle(execution.id).describe()).run_id == execution.run_id


def unended(ledger: Ledger, execution: WorkflowExecution) -> Iterator[Gap]:
    """A run that has ended for only one of the two."""
    record = _record(ledger, execution.id)
    if execution.status == RUNNING:
        if record and record.finished_at and datetime.now(UTC) - record.finished_at > WRITTEN_WITHIN:
            yield Gap(execution.id, f"the ledger has it as {record.state}, and Temporal has it as going on")
    elif execution.status not in GOING_ON and not (record and record.finished_at) and not _is_young(execution):
        yield Gap(execution.id, "the run has ended, and the ledger does not have its end")


def outcomes_apart(ledger: Ledger, execution: WorkflowExecution, told: History) -> Iterator[Gap]:
    """A run that has ended well, and whose end the ledger does not tell so."""
    if told.outcome is None:
        return
    entry = ledger.entry(f"run/{execution.run_id}/closed")
    if entry is None:
        yield Gap(execution.id, f"the run has ended as {told.outcome.state}, and no entry has its outcome")
    elif (state := entry.facts.get("state")) != told.outcome.state:
        yield Gap(execution.id, f"the run has ended as {told.outcome.state}, and its entry says {state}")


def ends_apart(ledger: Ledger, execution: WorkflowExecution) -> Iterator[Gap]:
    """A run that has ended by other hands, and that the ledger has as ended in another way."""
    record, ended = _record(ledger, execution.id), ENDED[execution.status or COMPLETED]
    if record and record.finished_at and record.state != ended and not _is_young(execution):
        yield Gap(execution.id, f"Temporal has it as {ended}, and the ledger as {record.state}")


async def vanished(client: Client, ledger: Ledger, since: datetime | None) -> AsyncIterator[Gap]:
    """Runs of the ledger that Temporal does not know, though it should keep them still."""
    kept = datetime.now(UTC) - await retention(client) + FORGOTTEN_WITHIN
    last, page = "", True
    while page:
        found = await asyncio.to_thread(ledger.runs_in_order, last, max(kept, since) if since else kept, PAGE)
        known = await listed(client, [record.run for record in found])
        for record in found:
            if record.run not in known and not await exists(client, record.run):
                ended = f"has its end as {record.state}" if record.finished_at else "has it as going on"
                yield Gap(record.run, f"Temporal does not know this run, and the ledger {ended}")
        page, last = len(found) == PAGE, found[-1].run if found else ""


async def listed(client: Client, runs: list[str]) -> set[str]:
    """Those of the runs that the server lists."""
    if not runs:
        return set()
    query = f"WorkflowId IN ({', '.join(map(_quoted, runs))})"
    return {each.id async for each in client.list_workflows(query)}


async def exists(client: Client, run: str) -> bool:
    """Whether the server knows it, listed or not yet."""
    try:
        await client.get_workflow_handle(run).describe()
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return False
    return True


def write_lost(ledger: Ledger, gaps: Iterable[Gap]) -> int:
    """Write that attempts were lost; gives how many. One that told the server how it went stays a gap."""
    entries = [gap.entry for gap in gaps if gap.entry is not None]
    for entry in entries:
        ledger.append(entry)
    return len(entries)


def _record(ledger: Ledger, run: str) -> RunRecord | None:
    try:
        return ledger.run(run)
    except NotFound:
        return None


def _is_young(execution: WorkflowExecution) -> bool:
    return execution.close_time is not None and datetime.now(UTC) - execution.close_time < WRITTEN_WITHIN


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

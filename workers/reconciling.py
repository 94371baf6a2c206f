"""Whether the ledger has an entry for all that Temporal's histories tell of: each attempt of a step, each decision,
each end of a run; and whether Temporal knows of all steps that the ledger tells of."""

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution, WorkflowExecutionStatus

from contracts.decision import SignedDecision
from contracts.errors import NotFound
from contracts.records import Entry
from contracts.runs import run_of
from ledger import Ledger
from workers.attempts import attempt_key, lost, lost_key

GOING_ON = (WorkflowExecutionStatus.RUNNING, WorkflowExecutionStatus.CONTINUED_AS_NEW)
WRITTEN_WITHIN = timedelta(minutes=1)  # who ended by other hands has its end written by the watcher
OURS = "TaskQueue STARTS_WITH 'countersign-'"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Told:
    """A step that a history tells of. `attempts`: how many began, once it has ended; 0 before. `reported`: the last one
    told the server how it went, which it does only after its entry."""

    workflow_id: str
    workflow_run_id: str
    workflow_type: str
    activity_id: str
    activity_type: str
    attempts: int = 0
    reported: bool = False


@dataclass(frozen=True)
class Gap:
    """What one of the two knows and the other doesn't. `entry`: what would close it, where that can be said."""

    run: str
    says: str
    entry: Entry | None = field(default=None, compare=False)


@dataclass
class Reconciled:
    """What was compared."""

    runs: int = 0
    steps: int = 0
    attempts: int = 0
    decisions: int = 0
    gaps: list[Gap] = field(default_factory=list)


async def reconcile(client: Client, ledger: Ledger, say: Say, *, query: str = OURS) -> Reconciled:
    """Compare all runs that the server still has a history of, one at a time. RPCError as the server gives it."""
    done = Reconciled()
    async for execution in client.list_workflows(query):
        done.runs += 1
        await compare(client, ledger, execution, done)
        say(f"{done.runs:,} histories, {done.attempts:,} attempts of steps, {len(done.gaps):,} gaps")
    return done


async def compare(client: Client, ledger: Ledger, execution: WorkflowExecution, done: Reconciled) -> None:
    """One history against its entries."""
    history = [event async for event in events(client, execution)]
    keys = ledger.entry_keys(run_of(execution.id))
    steps = list(steps_of(execution, history))
    done.steps += len(steps)
    done.attempts += sum(step.attempts for step in steps)
    done.gaps += untold(steps, keys)
    if execution.status == WorkflowExecutionStatus.RUNNING:
        # What was written after the first look at its history is in a second one.
        steps = list(steps_of(execution, [event async for event in events(client, execution)]))
    done.gaps += [*unheard(execution, steps, keys), *unended(ledger, execution)]
    if execution.status != WorkflowExecutionStatus.COMPLETED:
        return  # one that was cancelled or failed may leave decisions unread
    decisions = [each async for each in decisions_of(client, history)]
    done.decisions += len(decisions)
    done.gaps += undecided(execution, decisions, keys)


def untold(steps: Iterable[Told], keys: set[str]) -> Iterator[Gap]:
    """Attempts that left no entry, and of which nobody has said that they were lost."""
    for step in steps:
        for attempt in range(1, step.attempts + 1):
            if attempt_key(step, attempt) not in keys and lost_key(step, attempt) not in keys:
                says = f"attempt {attempt} of {step.activity_type} ({step.activity_id}) has no entry"
                told = step.reported and attempt == step.attempts
                entry = None if told else lost(step, attempt, datetime.now(UTC))
                yield Gap(run_of(step.workflow_id), says, entry)


def unheard(execution: WorkflowExecution, steps: Iterable[Told], keys: set[str]) -> Iterator[Gap]:
    """Entries of steps that the history does not have."""
    known = {step.activity_id for step in steps}
    beginning = f"activity/{execution.run_id}/"
    for key in sorted(key for key in keys if key.startswith(beginning)):
        if key.removeprefix(beginning).split("/")[0] not in known:
            yield Gap(run_of(execution.id), f"the entry {key} tells of a step that Temporal does not know")


def undecided(execution: WorkflowExecution, decisions: Iterable[str], keys: set[str]) -> Iterator[Gap]:
    """Decisions that came to the run, and that no entry has as taken or refused."""
    for decision in dict.fromkeys(decisions):
        if not {f"decision/{decision}", f"refusal/{decision}"} & keys:
            yield Gap(run_of(execution.id), f"the decision {decision} came, and has no entry")


def unended(ledger: Ledger, execution: WorkflowExecution) -> Iterator[Gap]:
    """A run that has ended and that the ledger has as open, or not at all."""
    if run_of(execution.id) != execution.id or execution.status in GOING_ON:
        return
    if execution.close_time is not None and datetime.now(UTC) - execution.close_time < WRITTEN_WITHIN:
        return
    try:
        ended = ledger.run(execution.id).finished_at is not None
    except NotFound:
        ended = False
    if not ended:
        yield Gap(execution.id, "the run has ended, and the ledger does not have its end")


async def events(client: Client, execution: WorkflowExecution) -> AsyncIterator[HistoryEvent]:
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    async for event in handle.fetch_history_events(page_size=1000):
        yield event


def steps_of(execution: WorkflowExecution, history: Iterable[HistoryEvent]) -> Iterator[Told]:
    """The steps that were scheduled. The server writes how often one began when it has ended."""
    scheduled: dict[int, HistoryEvent] = {}
    first: dict[int, str] = {}  # runs whose events a reset has copied: their entries were written then
    began: dict[int, int] = {}
    reported: set[int] = set()
    for event in history:
        if event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            scheduled[event.event_id] = event
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.activity_task_started_event_attributes
            began[started.scheduled_event_id] = started.attempt
        elif event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            base = event.workflow_task_failed_event_attributes.base_run_id
            first |= {number: base for number in scheduled if base and number not in first}
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            reported.add(event.activity_task_completed_event_attributes.scheduled_event_id)
        elif event.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
            reported.add(event.activity_task_failed_event_attributes.scheduled_event_id)
    for number, event in scheduled.items():
        about = event.activity_task_scheduled_event_attributes
        yield Told(
            execution.id,
            first.get(number, execution.run_id),
            execution.workflow_type,
            about.activity_id,
            about.activity_type.name,
            began.get(number, 0),
            number in reported,
        )


async def decisions_of(client: Client, history: Iterable[HistoryEvent]) -> AsyncIterator[str]:
    """The ids of the decisions that came by signal. What can't be read as one is none."""
    for event in history:
        signal = event.workflow_execution_signaled_event_attributes
        if event.event_type != EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED or signal.signal_name != "decide":
            continue
        if (read := await _read(client, signal.input.payloads)) is not None:
            yield read.id


async def _read(client: Client, payloads: Iterable[Payload]) -> SignedDecision | None:
    try:
        [signed] = await client.data_converter.decode(list(payloads), [SignedDecision])
    except Exception:  # whatever somebody sent that is no decision: the gate leaves it, too
        return None
    return signed if isinstance(signed, SignedDecision) else None


def mend(ledger: Ledger, gaps: Iterable[Gap]) -> int:
    """Write that attempts were lost; gives how many. One that told the server how it went stays a gap."""
    entries = [gap.entry for gap in gaps if gap.entry is not None]
    for entry in entries:
        ledger.append(entry)
    return len(entries)

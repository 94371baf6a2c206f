"""What one of Temporal's histories tells of, read once from its beginning to its end and not kept whole."""

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

from temporalio.api.common.v1 import Payload
from temporalio.api.enums.v1 import EventType
from temporalio.api.history.v1 import HistoryEvent
from temporalio.client import Client, WorkflowExecution

from contracts.decision import SignedDecision
from contracts.runs import Done, Outcome
from contracts.steps import CARRY_OUT

T = TypeVar("T")


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


@dataclass
class History:
    """What is compared of it. `decisions` and `effects` by their ids and keys, in the order in which they came;
    `outcome` is None where the run has none yet, or none of ours. `alone`: nothing was before it in another history."""

    steps: list[Told] = field(default_factory=list)
    decisions: list[str] = field(default_factory=list)
    effects: list[str] = field(default_factory=list)
    outcome: Outcome | None = None
    alone: bool = True


async def history(client: Client, execution: WorkflowExecution) -> History:
    """Read it. RPCError as the server gives it."""
    reading = Reading(client, execution)
    async for event in events(client, execution):
        await reading.take(event)
    return reading.done()


async def events(client: Client, execution: WorkflowExecution) -> AsyncIterator[HistoryEvent]:
    handle = client.get_workflow_handle(execution.id, run_id=execution.run_id)
    async for event in handle.fetch_history_events(page_size=1000):
        yield event


class Reading:
    """A history as far as it was read."""

    def __init__(self, client: Client, execution: WorkflowExecution) -> None:
        self._client, self._execution = client, execution
        self._steps: dict[int, tuple[str, str]] = {}  # id and type, by the number of the event that scheduled it
        self._first: dict[int, str] = {}  # runs whose events a reset has copied: their entries were written then
        self._began: dict[int, int] = {}
        self._reported: set[int] = set()
        self._told = History()

    async def take(self, event: HistoryEvent) -> None:
        """The next event. The server writes how often a step began when it has ended."""
        kind = event.event_type
        if kind == EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
            about = event.activity_task_scheduled_event_attributes
            self._steps[event.event_id] = (about.activity_id, about.activity_type.name)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_STARTED:
            started = event.activity_task_started_event_attributes
            self._began[started.scheduled_event_id] = started.attempt
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED:
            self._reported.add(event.activity_task_failed_event_attributes.scheduled_event_id)
        elif kind == EventType.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
            await self._completed(event)
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED:
            await self._signalled(event)
        else:
            await self._of_the_run(event)

    async def _of_the_run(self, event: HistoryEvent) -> None:
        kind = event.event_type
        if kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_STARTED:
            self._told.alone = not event.workflow_execution_started_event_attributes.continued_execution_run_id
        elif kind == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED:
            if base := event.workflow_task_failed_event_attributes.base_run_id:
                self._told.alone = False
                self._first |= {number: base for number in self._steps if number not in self._first}
        elif kind == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
            result = event.workflow_execution_completed_event_attributes.result.payloads
            self._told.outcome = await read(self._client, result, Outcome)

    async def _completed(self, event: HistoryEvent) -> None:
        about = event.activity_task_completed_event_attributes
        self._reported.add(about.scheduled_event_id)
        if self._steps.get(about.scheduled_event_id, ("", ""))[1] == CARRY_OUT.name:
            done = await read(self._client, about.result.payloads, Done)
            self._told.effects += [done.effect] if done else []

    async def _signalled(self, event: HistoryEvent) -> None:
        """A decision. What can't be read as one is none."""
        signal = event.workflow_execution_signaled_event_attributes
        if signal.signal_name == "decide":
            signed = await read(self._client, signal.input.payloads, SignedDecision)
            self._told.decisions += [signed.id] if signed else []

    def done(self) -> History:
        self._told.steps = list(self._all())
        return self._told

    def _all(self) -> Iterator[Told]:
        of = self._execution
        for number, (activity_id, activity_type) in self._steps.items():
            run_id, attempts = self._first.get(number, of.run_id), self._began.get(number, 0)
            reported = number in self._reported
            yield Told(of.id, run_id, of.workflow_type, activity_id, activity_type, attempts, reported)


async def read(client: Client, payloads: Iterable[Payload], kind: type[T]) -> T | None:
    """The first payload as that; None for what is something else: the gate leaves what is no decision, too."""
    try:
        [value] = await client.data_converter.decode(list(payloads)[:1], [kind])
    except Exception:  # whatever somebody sent
        return None
    return value if isinstance(value, kind) else None

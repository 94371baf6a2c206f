"""What happens around every activity, so that nobody has to remember it.

Each attempt leaves an entry in the ledger before Temporal hears of its result: a process that dies in between
leaves an entry too many under another attempt, never one too few. Errors are translated here, once, into
Temporal's terms.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError
from temporalio import activity
from temporalio.exceptions import ApplicationError, FailureError
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.faults import step_fault
from activities.models.backoff import pause
from contracts.errors import CountersignError, Held, LedgerUnavailable, ModelBusy, SandboxBusy, ServiceBusy
from contracts.records import Entry, RunRecord
from contracts.runs import run_of
from ledger import Ledger
from workers.attempts import attempt_key, lost, lost_key
from workers.tracing.trace_id import trace_id

# A bug repeats itself: retrying it costs time and hides it.
BUGS = (TypeError, ValueError, LookupError, AttributeError, AssertionError, NotImplementedError, ValidationError)
# Errors that say when to try again.
PATIENT = (ModelBusy, SandboxBusy, ServiceBusy, Held)
T = TypeVar("T")
Outcome = Literal["ok", "failed", "cancelled", "held"]
LONGEST_FACT = 160
PAUSE = 0.5
WAITS = "waiting for the ledger's database"


class LedgerInterceptor(Interceptor):
    """Writes every activity attempt of a worker into the ledger."""

    def __init__(self, ledger: Ledger, teams: Mapping[str, str] | None = None) -> None:
        """`teams`: whose each workflow is, by its name."""
        self._ledger = ledger
        self._teams = teams or {}
        # Runs whose row is known to be there, so that a run costs one insert for each worker and not for each step.
        self._known: set[str] = set()

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return LedgerActivityInbound(next, self._ledger, self._known, self._teams)


class LedgerActivityInbound(ActivityInboundInterceptor):
    """One activity's part of it."""

    def __init__(
        self, next: ActivityInboundInterceptor, ledger: Ledger, known: set[str], teams: Mapping[str, str]
    ) -> None:
        super().__init__(next)
        self._teams = teams
        self._ledger = ledger
        self._known = known

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        try:
            return await self._recorded(input)
        except CountersignError as error:  # the ledger's own: a full disk, a database that stays away
            raise translated(error) from error

    async def _recorded(self, input: ExecuteActivityInput) -> Any:
        started = datetime.now(UTC)
        await self._open_run(started, repository_of(input.args))
        await self._tell_lost(started)
        name = activity.info().activity_type
        step_fault(name, "started")
        try:
            result = await super().execute_activity(input)
            step_fault(name, "worked")
        except asyncio.CancelledError:
            await asyncio.shield(self._write(started, "cancelled", "It was cancelled.", {}))
            raise
        except Exception as error:
            failure = translated(error)
            outcome: Outcome = "held" if isinstance(error, Held) else "failed"
            await self._write(started, outcome, failure.message, {"error": failure.type or "", **_way_out(error)})
            raise failure from error
        await self._write(started, "ok", says(result), facts(result))
        step_fault(name, "entered")
        return result

    async def _open_run(self, started: datetime, repository: str) -> None:
        info = activity.info()
        if info.workflow_id is None or (run := run_of(info.workflow_id)) != info.workflow_id or run in self._known:
            return  # a child's work belongs to a run that is known
        record = RunRecord(
            run=run,
            workflow=info.workflow_type or "",
            temporal_run_id=info.workflow_run_id or "",
            started_at=started,
            team=self._teams.get(info.workflow_type or "", ""),
            repository=repository,
        )
        await patiently(lambda: asyncio.to_thread(self._ledger.start_run, record))
        if len(self._known) > 100_000:
            self._known.clear()
        self._known.add(run)

    async def _tell_lost(self, now: datetime) -> None:
        """Entries for earlier attempts that left none: their worker died, or said nothing until it was given up."""
        info = activity.info()
        for attempt in range(info.attempt - 1, 0, -1):
            keys = (attempt_key(info, attempt), lost_key(info, attempt))
            if await patiently(partial(asyncio.to_thread, self._ledger.has_entry, *keys)):
                return  # that one has told of those before it
            await patiently(partial(self._ledger.write, lost(info, attempt, now)))

    async def _write(
        self,
        started: datetime,
        outcome: Outcome,
        what: str,
        known: dict[str, JsonValue],
    ) -> None:
        info = activity.info()
        entry = Entry(
            key=attempt_key(info, info.attempt),
            kind="activity",
            name=info.activity_type,
            says=what or info.activity_type,
            run=run_of(info.workflow_id or ""),
            workflow=info.workflow_type or "",
            outcome=outcome,
            started_at=started,
            finished_at=datetime.now(UTC),
            attempt=info.attempt,
            facts={"activity_id": info.activity_id, **traced(), **known},
        )
        await patiently(lambda: self._ledger.write(entry))


def traced() -> dict[str, JsonValue]:
    """The trace that tells of the same attempt, where one is made."""
    found = trace_id()
    return {"trace": found} if found else {}


async def patiently(write: Callable[[], Awaitable[T]]) -> T:
    """Write to the ledger, waiting for a database that is away until the attempt's time is nearly up.

    The work is done and may have been paid for: to fail would do it again. And a step that failed because the
    database went away is told so only when it is back, so that its next attempt finds it. The sign of life while a
    write hangs comes from `workers/heartbeats.py`, which is wrapped around this.
    """
    while True:
        try:
            return await write()
        except LedgerUnavailable:
            if out_of_time():
                raise
            activity.heartbeat(WAITS)
            await asyncio.sleep(PAUSE)


def out_of_time() -> bool:
    """Whether the attempt ends too soon for one more try."""
    info = activity.info()
    limit = info.start_to_close_timeout
    return limit is not None and datetime.now(UTC) - info.started_time > limit - timedelta(seconds=2 * PAUSE + 1)


def repository_of(args: Sequence[object]) -> str:
    """The repository that a run's first step was asked about."""
    named = getattr(args[0], "repository", "") if args else ""
    return named if isinstance(named, str) else ""


def says(result: object) -> str:
    """A result's own sentence, where it has one."""
    sentence = getattr(result, "says", "")
    return sentence if isinstance(sentence, str) else ""


def facts(result: object) -> dict[str, JsonValue]:
    """The small plain fields of a result: counts, digests, references. Bodies stay out of the ledger."""
    if not isinstance(result, BaseModel):
        return {}
    return {
        name: value
        for name, value in result
        if isinstance(value, (int, float, bool)) or (isinstance(value, str) and 0 < len(value) <= LONGEST_FACT)
    }


def translated(error: Exception) -> ApplicationError:
    """An error in Temporal's terms: its name as type, the way out in its details, its retry posture."""
    if isinstance(error, ApplicationError):
        return error
    if isinstance(error, CountersignError):
        attempt = activity.info().attempt if activity.in_activity() else 1
        busy = pause(error.retry_after, attempt) if isinstance(error, PATIENT) else None
        return ApplicationError(
            str(error),
            error.problem(),
            type=error.name,
            non_retryable=not error.retryable,
            next_retry_delay=timedelta(seconds=busy) if busy else None,
        )
    if isinstance(error, FailureError):
        return ApplicationError(str(error), type=type(error).__name__)
    if isinstance(error, BUGS):
        message = f"A bug in this activity: {type(error).__name__}: {error}"
        return ApplicationError(message[:2000], type=type(error).__name__, non_retryable=True)
    return ApplicationError((str(error) or type(error).__name__)[:2000], type=type(error).__name__)


def _way_out(error: Exception) -> dict[str, JsonValue]:
    if isinstance(error, CountersignError):
        return {"subject": error.subject[:LONGEST_FACT], "way_out": error.way_out}
    return {}

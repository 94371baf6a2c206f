"""Typed calls of activities by their `Step`, and what the Temporal UI shows of a run."""

import asyncio
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeUpdate
from temporalio.exceptions import ActivityError, ApplicationError, TimeoutError, TimeoutType

with workflow.unsafe.imports_passed_through():
    # Types only: pydantic models and constants, no I/O. Passed through so that the models the converter makes
    # are the same classes that workflow code compares with.
    from contracts import search, shown
    from contracts.policy import Policy
    from contracts.proposal import Cost
    from contracts.steps import In, Out, Step

FIRST_RETRY = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)
ROUNDS = 3  # in which attempts are given again after deaths of workers
PAUSE, LONGEST_WAIT = timedelta(seconds=10), timedelta(minutes=10)  # before they are given again; doubled each time
GIVEN_AGAIN = "attempts-given-again"


async def step(what: Step[In, Out], arg: In, *, summary: str, queue: str = "", timeout: timedelta | None = None) -> Out:
    """Run an activity under its step's timeouts, retries and queue. `summary` is for the Temporal UI.

    `queue`: of the worker that holds the machine, for a machine's calls. `timeout`: instead of the step's.

    A step's attempts are for what it does itself. Those that were used up by workers that died or by a ledger that was
    away are given again, except where it may be tried only once. Deaths are given a few rounds: it may be the step
    that kills its worker. The ledger is waited for.
    """
    deaths, pause = 0, PAUSE
    while True:
        try:
            return await _tried(what, arg, summary, queue, timeout)
        except ActivityError as error:
            died, away = _worker_died(error), _ledger_was_away(error)
            deaths += died
            if what.attempts < 2 or not (away or (died and deaths <= ROUNDS)) or not workflow.patched(GIVEN_AGAIN):
                raise
        await asyncio.sleep(pause.total_seconds())
        pause = min(2 * pause, LONGEST_WAIT)


async def _tried(what: Step[In, Out], arg: In, summary: str, queue: str, timeout: timedelta | None) -> Out:
    result: Out = await workflow.execute_activity(
        what.name,
        arg,
        result_type=what.gives,
        task_queue=queue or what.queue,
        schedule_to_start_timeout=what.start_within,
        start_to_close_timeout=timeout or what.timeout,
        heartbeat_timeout=what.heartbeat,
        retry_policy=RetryPolicy(
            initial_interval=FIRST_RETRY, maximum_interval=LONGEST_PAUSE, maximum_attempts=what.attempts
        ),
        summary=shown.summary(summary),
    )
    return result


def _worker_died(error: ActivityError) -> bool:
    """Whether its last attempt gave no sign of life any more."""
    return isinstance(error.cause, TimeoutError) and error.cause.type == TimeoutType.HEARTBEAT


def _ledger_was_away(error: ActivityError) -> bool:
    return isinstance(error.cause, ApplicationError) and error.cause.type == "LedgerUnavailable"


def show(policy: Policy, *, state: str, subject: str = "", cost: Cost | None = None, says: str = "") -> None:
    """Make the run easy to find in the Temporal UI, and its state readable there."""
    updates: list[SearchAttributeUpdate[Any]] = [
        search.WORKFLOW.value_set(workflow.info().workflow_type),
        search.TEAM.value_set(policy.team),
        search.STATE.value_set(state),
    ]
    if subject:
        updates.append(search.SUBJECT.value_set(subject[:200]))
    if cost is not None and cost.usd is not None:
        updates.append(search.COST.value_set(float(cost.usd)))
    if cost is not None and cost.model:
        updates.append(search.MODEL.value_set(cost.model))
    workflow.upsert_search_attributes(updates)
    if says:
        workflow.set_current_details(shown.words(says))  # the UI renders it as Markdown

"""Typed calls of activities by their `Step`, and what the Temporal UI shows of a run."""

from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.common import RetryPolicy, SearchAttributeUpdate

with workflow.unsafe.imports_passed_through():
    # Types only: pydantic models and constants, no I/O. Passed through so that the models the converter makes
    # are the same classes that workflow code compares with.
    from contracts import search, shown
    from contracts.policy import Policy
    from contracts.proposal import Cost
    from contracts.steps import In, Out, Step

FIRST_RETRY = timedelta(seconds=1)
LONGEST_PAUSE = timedelta(minutes=1)


async def step(what: Step[In, Out], arg: In, *, summary: str, queue: str = "", timeout: timedelta | None = None) -> Out:
    """Run an activity under its step's timeouts, retries and queue. `summary` is for the Temporal UI.

    `queue`: of the worker that holds the machine, for a machine's calls. `timeout`: instead of the step's.
    """
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

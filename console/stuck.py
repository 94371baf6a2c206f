"""Why a run doesn't go on: what Temporal says that it waits for."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from temporalio.api.workflow.v1 import PendingActivityInfo
from temporalio.api.workflowservice.v1 import DescribeWorkflowExecutionResponse
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode

from console.words import count, span

MOST = 20  # runs that the server is asked about
CHARACTERS = 300  # of an error
ASKED = timedelta(seconds=5)


async def causes(client: Client, runs: Sequence[str]) -> dict[str, str]:
    """The cause of each of the first runs, in words. Those that Temporal can't tell anything about are left out."""
    told = await asyncio.gather(*(cause(client, run) for run in runs[:MOST]))
    return {run: why for run, why in zip(runs, told, strict=False) if why}


async def cause(client: Client, run: str) -> str:
    try:
        description = await client.get_workflow_handle(run).describe(rpc_timeout=ASKED)
    except RPCError as error:
        return "Temporal does not know it any more" if error.status == RPCStatusCode.NOT_FOUND else ""
    if description.status != WorkflowExecutionStatus.RUNNING:
        return "it has ended, and no worker has written that down yet"
    return pending(description.raw_description, datetime.now(UTC))


def pending(description: DescribeWorkflowExecutionResponse, now: datetime) -> str:
    """What an open run waits for. Empty where nothing of it is pending: it waits for a person or a time."""
    task = description.pending_workflow_task
    if description.HasField("pending_workflow_task") and task.attempt > 1:
        return f"the workflow's own code fails (attempt {task.attempt}): see its history in the Temporal UI"
    tried = sorted(description.pending_activities, key=lambda each: each.attempt, reverse=True)
    if tried:
        return step(tried[0], now)
    if description.HasField("pending_workflow_task"):
        return "no worker takes its next step"
    return ""


def step(activity: PendingActivityInfo, now: datetime) -> str:
    """A pending step: retried, at work without an end, or taken by nobody."""
    name = activity.activity_type.name
    if message := activity.last_failure.message:
        return f"{name} failed {count(activity.attempt - 1, 'time')}: {message[:CHARACTERS].rstrip('.')}"
    if activity.HasField("last_started_time"):
        since = (now - activity.last_started_time.ToDatetime(tzinfo=UTC)).total_seconds()
        return f"{name} has been at work for {span(max(since, 0))}"
    return f"no worker takes {name}"


def grouped(runs: Iterable[str], why: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    """The causes, each with its runs; the most frequent first."""
    groups: dict[str, list[str]] = defaultdict(list)
    for run in runs:
        groups[why.get(run, "Temporal shows nothing that it waits for")].append(run)
    return sorted(groups.items(), key=lambda group: -len(group[1]))

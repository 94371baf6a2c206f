"""Versions of the agents' workers: which this process is, which is current, and runs that move from one to another.

Only the queue of workflows is versioned. Effects and machines are carried out by the newest code there is, under rules
that are checked anew (docs/decisions/0007-a-parked-run-stays-on-its-release.md).
"""

import asyncio
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from google.protobuf.field_mask_pb2 import FieldMask
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.workflow.v1 import WorkflowExecutionOptions
from temporalio.api.workflowservice.v1 import (
    SetWorkerDeploymentCurrentVersionRequest,
    SetWorkerDeploymentRampingVersionRequest,
    UpdateWorkflowExecutionOptionsRequest,
)
from temporalio.client import Client
from temporalio.client import WorkflowExecution as Listed
from temporalio.common import PinnedVersioningOverride, WorkerDeploymentVersion
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import Replayer

from console.versions import query
from contracts.errors import BadInput, NotFound, TemporalUnavailable
from workers import discovery
from workers.client import first_line
from workers.common import build_id
from workers.runner import runner
from workers.settings import Settings

T = TypeVar("T")


def version_of(settings: Settings) -> WorkerDeploymentVersion | None:
    """What an agents' worker of this code and these settings is; None: it has no version, and takes any run."""
    if not settings.deployment:
        return None
    return WorkerDeploymentVersion(settings.deployment, settings.version or build_id())


def required(settings: Settings) -> WorkerDeploymentVersion:
    """The same, for commands about versions. BadInput where workers have none."""
    version = version_of(settings)
    if version is None:
        raise BadInput(
            "Workers have no versions here.",
            subject="COUNTERSIGN_DEPLOYMENT",
            way_out="Set COUNTERSIGN_DEPLOYMENT for agents' workers and commands alike: docs/running.md, New releases.",
        )
    return version


async def use(client: Client, version: WorkerDeploymentVersion, percent: float = 100) -> None:
    """New runs go to that version; below 100, that share of them. NotFound where no worker of it was ever seen."""
    known = {"namespace": client.namespace, "deployment_name": version.deployment_name, "build_id": version.build_id}
    service = client.workflow_service
    if percent < 100:
        request = SetWorkerDeploymentRampingVersionRequest(**known, percentage=percent)  # type: ignore[arg-type]
        await _answered(service.set_worker_deployment_ramping_version(request), version)
        return
    current = SetWorkerDeploymentCurrentVersionRequest(**known)  # type: ignore[arg-type]
    await _answered(service.set_worker_deployment_current_version(current), version)


@dataclass(frozen=True)
class Moved:
    """What became of the runs of a version: `kept` are those that the new code can't go on with, each with why."""

    moved: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]


async def move(
    client: Client,
    old: WorkerDeploymentVersion,
    new: WorkerDeploymentVersion,
    *,
    dry_run: bool = False,
    workflows: Sequence[type] | None = None,
) -> Moved:
    """Pin the open runs of `old` to `new`, which has to be this code. All histories are replayed before the first is
    moved; one that doesn't replay stays where it is. Raises NotFound, RPCError.
    """
    runs = [each async for each in client.list_workflows(query(old.deployment_name, old.build_id))]
    known = discovery.workflow_classes() if workflows is None else workflows
    why = [await why_not(client, each, known) for each in runs]
    able = [each for each, reason in zip(runs, why, strict=True) if not reason]
    if not dry_run:
        for each in able:
            await _answered(pin(client, each, new), new)
    kept = tuple((each.id, reason) for each, reason in zip(runs, why, strict=True) if reason)
    return Moved(tuple(each.id for each in able), kept)


async def why_not(client: Client, run: Listed, workflows: Sequence[type]) -> str:
    """Why these workflows can't go on with what a run has done so far; empty where they can."""
    if run.workflow_type not in {discovery.workflow_name(each) for each in workflows}:
        return f"this release has no workflow {run.workflow_type!r}"
    history = await client.get_workflow_handle(run.id, run_id=run.run_id).fetch_history()
    replayer = Replayer(workflows=workflows, data_converter=client.data_converter, workflow_runner=runner())
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    return first_line(result.replay_failure) if result.replay_failure else ""


async def pin(client: Client, run: Listed, version: WorkerDeploymentVersion) -> None:
    """From its next step on the run is that version's."""
    override = PinnedVersioningOverride(version)._to_proto()
    request = UpdateWorkflowExecutionOptionsRequest(
        namespace=client.namespace,
        workflow_execution=WorkflowExecution(workflow_id=run.id, run_id=run.run_id),
        workflow_execution_options=WorkflowExecutionOptions(versioning_override=override),
        update_mask=FieldMask(paths=["versioning_override"]),
    )
    await client.workflow_service.update_workflow_execution_options(request)


async def _answered(call: Awaitable[T], version: WorkerDeploymentVersion) -> T:
    try:
        return await asyncio.wait_for(call, 30)
    except RPCError as error:
        said = first_line(error).rstrip(".")
        if error.status in (RPCStatusCode.NOT_FOUND, RPCStatusCode.FAILED_PRECONDITION):
            raise NotFound(
                f"The server does not take version {version.build_id!r} of {version.deployment_name!r}: {said}.",
                subject=version.build_id,
                way_out="Start an agents' worker of that release first; `countersign versions` lists those there are.",
            ) from error
        raise TemporalUnavailable(
            f"The server did not change versions: {said}.",
            subject=version.build_id,
            way_out="Look at `countersign health`, then say it again: what was done stays.",
        ) from error

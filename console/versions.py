"""Which versions of the agents' workers there are, and which runs stay on which (docs/running.md, New releases)."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from temporalio.api.deployment.v1 import WorkerDeploymentInfo
from temporalio.api.enums.v1 import TaskQueueType, WorkerDeploymentVersionStatus
from temporalio.api.taskqueue.v1 import TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
)
from temporalio.client import Client
from temporalio.common import SearchAttributeKey
from temporalio.service import RPCError, RPCStatusCode

from console.finding import Figure, Finding
from console.words import count, span
from contracts.runs import run_of
from contracts.steps import AGENTS
from ledger import Ledger

RPC_TIME = timedelta(seconds=5)
POLLED_WITHIN = timedelta(minutes=2)
NAME = "Versions"
VERSION = SearchAttributeKey.for_keyword("TemporalWorkerDeploymentVersion")


@dataclass(frozen=True)
class Version:
    """One version of a deployment: what the server says of it, and the runs that stay on it.

    `share`: percent of the new runs that it gets. `runs` are open, with what they started; of these `parked` wait for a
    person, the first `since`. `alive`: a worker of it took work within two minutes.
    """

    deployment: str
    build: str
    status: str
    share: float = 0
    runs: int = 0
    parked: int = 0
    since: datetime | None = None
    alive: bool = False

    @property
    def stranded(self) -> bool:
        """Runs wait for a worker that isn't there."""
        return self.runs > 0 and not self.alive


async def versions(client: Client, ledger: Ledger) -> list[Version]:
    """Those of every deployment that takes work from our queue or has open runs of it, the newest first.

    Empty where workers have no versions. Raises RPCError.
    """
    runs, polled = await asyncio.gather(_open_runs(client), pollers(client))
    waiting = {each.run: each.created_at for each in await asyncio.to_thread(ledger.proposals, state="open")}
    names = sorted({name for name, _ in (*runs, *polled) if name})
    found = list[Version]()
    for info in await asyncio.gather(*(_deployment(client, name) for name in names)):
        for build, status in _builds(info, runs).items():
            at = (info.name, build)
            found.append(_version(info, build, status, runs.get(at, set()), waiting, at in polled))
    return found


def query(deployment: str, build: str) -> str:
    """What lists the open runs of our queue that stay on a version. An override counts at once."""
    version = f"{deployment}:{build}".replace('"', "")
    return f'ExecutionStatus="Running" AND TaskQueue="{AGENTS}" AND {VERSION.name}="{version}"'


async def pollers(client: Client) -> set[tuple[str, str]]:
    """Deployment and build of the agents' workers that took work within two minutes; both empty: without a version."""
    request = DescribeTaskQueueRequest(
        namespace=client.namespace,
        task_queue=TaskQueue(name=AGENTS),
        task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
    )
    answer = await client.workflow_service.describe_task_queue(request, timeout=RPC_TIME)
    since = datetime.now(UTC) - POLLED_WITHIN
    options = [
        each.deployment_options for each in answer.pollers if each.last_access_time.ToDatetime(tzinfo=UTC) >= since
    ]
    return {(each.deployment_name, each.build_id) if each.deployment_name else ("", "") for each in options}


async def stranded(client: Client, ledger: Ledger) -> Finding:
    """Runs whose version has no living worker, and new ones that no version would take."""
    try:
        known, polled = await asyncio.gather(versions(client, ledger), pollers(client))
    except RPCError as error:
        if error.status == RPCStatusCode.UNIMPLEMENTED:
            return Finding(NAME, True, "This Temporal server knows none.")
        return Finding(NAME, False, f"The server did not say which there are: {error.message}")
    figures = tuple(_figure(each) for each in known if each.runs)
    if lost := [each for each in known if each.stranded]:
        says = "; ".join(f"{count(each.runs, 'run')} on {each.build}{_since(each)}" for each in lost[:3])
        fix = (
            "Start a worker of that release again, or move them from this one: "
            f"`countersign versions move --from {lost[0].build}`."
        )
        return Finding(NAME, False, f"No worker lives of a version that runs wait for: {says}.", fix, figures)
    if known and ("", "") not in polled and not any(each.share and each.alive for each in known):
        fix = f"`countersign versions use {next((each.build for each in known if each.alive), 'BUILD')}`."
        return Finding(NAME, False, "No version with a living worker is current: new runs wait.", fix, figures)
    return Finding(NAME, True, _well(known), "", figures)


def _well(known: Iterable[Version]) -> str:
    kept = [f"{count(each.runs, 'run')} on {each.build}" for each in known if each.runs]
    return f"A worker lives of each that runs wait for: {', '.join(kept)}." if kept else "No run waits for one."


def _since(version: Version) -> str:
    if version.since is None:
        return ""
    return f" ({version.parked} parked, the first for {span((datetime.now(UTC) - version.since).total_seconds())})"


def _figure(version: Version) -> Figure:
    labels = {"version": version.build, "alive": str(version.alive).lower()}
    return Figure("version_runs", version.runs, labels)


async def _open_runs(client: Client) -> dict[tuple[str, str], set[str]]:
    """The open runs of our queue that stay on a version, by deployment and build."""
    found = defaultdict[tuple[str, str], set[str]](set)
    listed = f'ExecutionStatus="Running" AND TaskQueue="{AGENTS}" AND {VERSION.name} IS NOT NULL'
    async for each in client.list_workflows(listed, rpc_timeout=RPC_TIME):
        name, _, build = (each.typed_search_attributes.get(VERSION) or "").partition(":")
        if build:
            found[name, build].add(each.id)
    return dict(found)


async def _deployment(client: Client, name: str) -> WorkerDeploymentInfo:
    """What the server knows of it: nothing but its name, where it has been deleted or is just being made."""
    request = DescribeWorkerDeploymentRequest(namespace=client.namespace, deployment_name=name)
    try:
        answer = await client.workflow_service.describe_worker_deployment(request, timeout=RPC_TIME)
    except RPCError as error:
        if error.status != RPCStatusCode.NOT_FOUND:
            raise
        return WorkerDeploymentInfo(name=name)
    return answer.worker_deployment_info


def _builds(info: WorkerDeploymentInfo, runs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Each build with its status, the newest first, then those that only runs know of."""
    newest = sorted(info.version_summaries, key=lambda each: each.create_time.ToNanoseconds(), reverse=True)
    known = {each.deployment_version.build_id: _status(each.status) for each in newest}
    return known | {build: "unknown" for name, build in sorted(runs) if name == info.name and build not in known}


def _version(
    info: WorkerDeploymentInfo,
    build: str,
    status: str,
    runs: set[str],
    waiting: Mapping[str, datetime],
    alive: bool,
) -> Version:
    parked = [waiting[run] for run in {run_of(each) for each in runs} if run in waiting]
    return Version(
        deployment=info.name,
        build=build,
        status=status,
        share=_share(info, build),
        runs=len(runs),
        parked=len(parked),
        since=min(parked, default=None),
        alive=alive,
    )


def _status(value: WorkerDeploymentVersionStatus.ValueType) -> str:
    return WorkerDeploymentVersionStatus.Name(value).removeprefix("WORKER_DEPLOYMENT_VERSION_STATUS_").lower()


def _share(info: WorkerDeploymentInfo, build: str) -> float:
    routing = info.routing_config
    ramping = float(routing.ramping_version_percentage)
    if routing.ramping_deployment_version.build_id == build:
        return ramping
    return 100 - ramping if routing.current_deployment_version.build_id == build else 0

"""How long a step takes on the server in use: chains of ten activities that do nothing."""

import time
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from statistics import median, quantiles
from uuid import uuid4

from temporalio import activity, workflow
from temporalio.client import Client
from temporalio.worker import UnsandboxedWorkflowRunner, Worker

PROBE = "countersign.probe"
STEPS = 10
CHAINS = 3
SLOW_MS = 25.0


@dataclass(frozen=True)
class ProbeResult:
    """Milliseconds from one activity to the next of a workflow, with all that Temporal does between."""

    median_ms: float
    p95_ms: float
    steps: int

    @property
    def is_slow(self) -> bool:
        return self.median_ms > SLOW_MS

    @property
    def says(self) -> str:
        figures = f"{self.median_ms:.0f} ms a step (p95 {self.p95_ms:.0f})"
        if not self.is_slow:
            return figures
        return (
            f"{figures}, which is slow: {SLOW_MS:.0f} or less is usual. Look at: other work on this host (`top`), a "
            "state folder on a network drive, a Temporal server of your own with stock settings "
            "(docs/running.md has ours)"
        )


@activity.defn(name="countersign.probe.nothing")
async def nothing() -> float:
    """When it ran, seconds on this host's own clock."""
    return time.perf_counter()


@workflow.defn(name=PROBE)
class Probe:
    """A chain of activities that do nothing."""

    @workflow.run
    async def run(self, steps: int) -> list[float]:
        limit = timedelta(seconds=10)
        return [await workflow.execute_activity(nothing, start_to_close_timeout=limit) for _ in range(steps)]


async def probe(client: Client, *, chains: int = CHAINS) -> ProbeResult:
    """Measure; takes well under a second on a quick server. Raises temporalio's errors.

    It runs on a task queue of its own, so no other worker takes part, and a chain before the first warms up.
    """
    queue = f"countersign-probe-{uuid4().hex}"
    worker = Worker(
        client,
        task_queue=queue,
        workflows=[Probe],
        activities=[nothing],
        # Our own few lines above, known to be deterministic: the sandbox would be measured too.
        workflow_runner=UnsandboxedWorkflowRunner(),
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
    )
    async with worker:
        taken = [await _chain(client, queue) for _ in range(chains + 1)][1:]
    steps = [milliseconds for chain in taken for milliseconds in chain]
    return ProbeResult(median(steps), quantiles(steps, n=20)[-1], len(steps))


async def _chain(client: Client, queue: str) -> list[float]:
    times = await client.execute_workflow(
        Probe.run,
        STEPS + 1,
        id=f"countersign-probe-{uuid4().hex}",
        task_queue=queue,
        task_timeout=timedelta(seconds=2),
        execution_timeout=timedelta(seconds=30),
        static_summary="How long a step takes on this server",
    )
    return [(later - earlier) * 1000 for earlier, later in pairwise(times)]

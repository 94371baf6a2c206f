"""A worker process: one of the two queues, with the ledger's interceptor around everything.

`agents` runs workflows and all activities but effects. `effects` runs nothing but verify, act, record; it alone
is meant to hold write credentials.
"""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, Literal

from temporalio.client import Client
from temporalio.common import WorkerDeploymentVersion
from temporalio.worker import Worker

from activities.mcp.servers import servers
from activities.models import models_from_environment
from activities.models.environment import KEYS
from activities.reviewing import credential_owners
from activities.toolbox import Identity, Toolbox
from contracts.budgets import team_budgets
from contracts.steps import AGENTS, EFFECTS
from ledger import FolderArtifacts, Ledger
from sandboxes import Providers, choose
from workers import anchors, changes, credentials, discovery, egress, machines, registries, services, sweeping, tracing
from workers.client import connect, measured
from workers.common import interceptors, options
from workers.effects import limits_of
from workers.hosted import hosted_sandboxes
from workers.installation import open_ledger
from workers.processes import leave
from workers.remembering import remember
from workers.runner import runner
from workers.settings import Settings
from workers.starting import Starting
from workers.versions import version_of
from workers.watcher import watch

Kind = Literal["agents", "effects"]


def toolbox(settings: Settings, ledger: Ledger, *, models: bool) -> Toolbox:
    """What activities of this process are given. The effects' process is given no model, holds no machine, and alone
    has what writes."""
    kind: Kind = "agents" if models else "effects"
    return Toolbox(
        ledger=ledger,
        artifacts=FolderArtifacts(settings.artifacts),
        sandboxes=choose(
            settings.state / "sandboxes",
            egress.egress(settings, kind, ledger),
            hosted_sandboxes(settings, ledger) if models else None,
        ),
        models=models_from_environment(os.environ) if models else None,
        identity=Identity(
            author_name=settings.author_name,
            author_email=settings.author_email,
            committer_name=settings.committer_name,
            committer_email=settings.committer_email,
        ),
        state=settings.state,
        git_credentials=egress.git_places(settings, kind),
        services=services.services(settings, kind),
        leases=machines.leases(settings.state, settings.machines_memory_bytes) if models else None,
        outbox=settings.outbox,
        embeddings=settings.sentence_model if models else None,
        effect_limits=() if models else limits_of(settings),
        policies={} if models else discovery.policies(),
        team_usd=team_budgets(settings.team_budgets),
        owners=credential_owners(settings.credential_owners),
        mcp=servers(settings.mcp_servers) if models else {},
        registries=registries.registries(settings.packages) if models else (),
    )


def build(
    client: Client,
    kind: Kind,
    tools: Toolbox,
    *,
    cached_workflows: int = 1000,
    workflows: Sequence[type] | None = None,
    activities: Sequence[Callable[..., Any]] | None = None,
    queue: str = "",
    version: WorkerDeploymentVersion | None = None,
) -> Worker:
    """The worker of one queue, with all that is found in workflows/ and activities/.

    Tests turn the workflow cache off, so that every step replays; benches name their own workflows and queue.
    `version`: the one that runs stay on; None: a run goes on with whichever worker there is.
    """
    effects = kind == "effects"
    tools = replace(tools, starter=Starting(client, tools.ledger)) if effects else tools
    found = [] if effects else discovery.workflow_classes()
    return Worker(
        client,
        task_queue=queue or (EFFECTS if effects else AGENTS),
        workflows=found if workflows is None else workflows,
        activities=discovery.activities(tools, EFFECTS if effects else AGENTS) if activities is None else activities,
        interceptors=interceptors(tools),
        workflow_runner=runner(),
        max_cached_workflows=cached_workflows,
        # A parked run of a dead worker is picked up by the next one after this, instead of after ten seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=1),
        # Effects happen one at a time all the same (activities/effects/carry_out.py); those that are held wait here.
        max_concurrent_activities=20 if effects else 50,
        **options(version),
    )


async def serve(settings: Settings, kind: Kind) -> None:
    """Run a worker until SIGINT or SIGTERM. Prints `ready` when it polls."""
    discovery.add_folder(settings.workflows)
    ledger = open_ledger(settings, seals=kind == "agents", keeps=kind == "effects")
    try:
        ledger.known()  # a folder of trust that can't be used is told of before anything is promised
        artifacts = FolderArtifacts(settings.artifacts)
        traces = tracing.start(settings, kind, artifacts)
        runtime = measured(settings)
        client = await connect(settings, artifacts, patience=30, runtime=runtime, plugins=traces.plugins)
        tools = toolbox(settings, ledger, models=kind == "agents")
        tools = replace(tools, models=traces.models(tools.models))
        version = version_of(settings) if kind == "agents" else None
        worker = build(client, kind, tools, version=version)
        credentials.tell(ledger, kind, held(settings, kind))
        changes.tell(ledger, kind, settings)
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with worker, _beside(client, kind, tools, settings) as others:
            told = f", version {version.to_canonical_string()}" if version else ""
            print(f"ready: {kind} worker on {worker.task_queue}{told}", flush=True)
            await stop.wait()
            # All at once: each has seconds for what it is at, and a supervisor's patience is ten.
            await asyncio.gather(*(each.shutdown() for each in (worker, *others)))
        await asyncio.to_thread(traces.stop)
        if isinstance(tools.sandboxes, Providers):
            await tools.sandboxes.close()
    finally:
        ledger.close()


def held(settings: Settings, kind: Kind) -> Sequence[str]:
    """The names of the credentials that a worker is given."""
    names = (*egress.credential_names(settings, kind), "TEMPORAL_API_KEY", "COUNTERSIGN_TEMPORAL_API_KEY")
    return names if kind == "effects" else (*names, *KEYS.values(), credentials.AWS_TOKEN)


@asynccontextmanager
async def _beside(client: Client, kind: Kind, tools: Toolbox, settings: Settings) -> AsyncIterator[list[Worker]]:
    """What a worker does beside its queue: one of agents holds machines, watches over runs, compares the ledger with
    Temporal's histories, keeps heads elsewhere; the effects' worker remembers who was signed for and revoked."""
    if kind == "effects":
        remembering = asyncio.create_task(remember(tools.ledger))
        try:
            yield []
        finally:
            remembering.cancel()
        return
    watching = [asyncio.create_task(watch(client, tools.ledger))]
    if settings.reconcile_minutes:
        every = timedelta(minutes=settings.reconcile_minutes)
        watching.append(asyncio.create_task(sweeping.sweep(client, tools.ledger, every)))
    if settings.ledger_anchor:
        place, every = anchors.anchor(settings.ledger_anchor), timedelta(minutes=settings.ledger_anchor_minutes)
        watching.append(asyncio.create_task(anchors.keep(tools.ledger, place, every)))
    try:
        async with machines.serving(client, tools) as others:
            yield others
    finally:
        for each in watching:
            each.cancel()


def main(settings: Settings, kind: Kind) -> None:
    """Serve, then leave without the interpreter's own shutdown."""
    import uvloop

    uvloop.run(serve(settings, kind))
    leave(0)

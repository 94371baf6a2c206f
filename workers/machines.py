"""What an agents worker needs to hold machines: two queues, and an eye on what is left.

New machines come from a queue that all such workers share, and each takes one only while it has room. Calls come from
a queue of the worker's own, named after this very process: a process that died is never mistaken for its successor.
"""

import asyncio
import logging
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Protocol, runtime_checkable

import psutil
from temporalio.client import Client, WorkflowExecutionStatus
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import (
    CustomSlotSupplier,
    FixedSizeSlotSupplier,
    SlotMarkUsedContext,
    SlotPermit,
    SlotReleaseContext,
    SlotReserveContext,
    Worker,
    WorkerTuner,
)

from activities.machine.leases import Held, Leases
from activities.machine.room import Room
from activities.toolbox import Toolbox
from contracts.errors import CountersignError
from contracts.policy import SandboxPolicy
from contracts.steps import LEASES, MACHINES
from workers import discovery
from workers.common import interceptors, options

SHARE = 0.75  # of the host's memory
LOOK_SECONDS = 2.0
REAP_SECONDS = 20.0
WAIT_SECONDS = 0.25
AT_ONCE = 4  # openings: each clones a repository
CALLS = 500  # at once, far more than there is room for machines: a call never waits for another run's

log = logging.getLogger(__name__)


@runtime_checkable
class Reaps(Protocol):
    """A provider that can remove what a killed worker left on this host."""

    async def reap_everywhere(self) -> list[str]: ...


def leases(state: Path, memory_bytes: int) -> Leases:
    """No machines yet; room for `memory_bytes` on this host (0: three quarters of its memory)."""
    name = f"{MACHINES}-{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
    limit = memory_bytes or int(SHARE * host_memory())
    return Leases(name, Room(state / "machines", limit))


def host_memory() -> int:
    """Bytes that this process and its children may have: the host's, or its container's if that is less."""
    limits = [psutil.virtual_memory().total]
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limits.append(int(Path(path).read_text()))
        except (OSError, ValueError):
            continue
    return min(limits)


@asynccontextmanager
async def serving(client: Client, tools: Toolbox) -> AsyncIterator[list[Worker]]:
    """Hold machines for as long as the block runs. Then take none, end the calls, and destroy what is held."""
    assert tools.leases is not None
    calls = Worker(
        client,
        task_queue=tools.leases.queue,
        activities=discovery.activities(tools, LEASES),
        interceptors=interceptors(tools),
        max_concurrent_activities=CALLS,
        **options(),
    )
    openings = Worker(
        client,
        task_queue=MACHINES,
        activities=discovery.activities(tools, MACHINES),
        interceptors=interceptors(tools),
        tuner=_tuner(tools.leases),
        max_concurrent_activity_task_polls=1,
        **options(),
    )
    async with calls, openings:
        looking = [asyncio.create_task(look_after(client, tools.leases)), asyncio.create_task(reap(tools))]
        try:
            yield [openings, calls]
        finally:
            for task in looking:
                task.cancel()
            await asyncio.gather(openings.shutdown(), calls.shutdown())
            await tools.leases.close_all()


async def look_after(client: Client, held: Leases) -> None:
    """Close what is idle or too old, and what belongs to a run that ended by other hands.

    A machine that works is left alone: its call learns of the run's end by its own heartbeat.
    """
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        try:
            for each in held.all():
                if each.idle_seconds >= LOOK_SECONDS and (each.is_over or await has_ended(client, each)):
                    await held.close(each.id)
        except (CountersignError, RPCError, OSError) as error:
            log.warning("Machines are looked after again in a moment, after: %s", error)


async def has_ended(client: Client, held: Held) -> bool:
    """Whether the run that owns the machine is over, in Temporal's words."""
    try:
        told = await client.get_workflow_handle(held.run).describe()
    except RPCError as error:
        if error.status == RPCStatusCode.NOT_FOUND:
            return True
        raise
    first = told.raw_description.workflow_execution_info.first_run_id
    another = bool(first and held.first_run_id and first != held.first_run_id)
    return told.status != WorkflowExecutionStatus.RUNNING or another


async def reap(tools: Toolbox) -> None:
    """Remove what a neighbour on this host left when it was killed. The living hold locks, and are left alone."""
    while isinstance(tools.sandboxes, Reaps):
        try:
            gone = await tools.sandboxes.reap_everywhere()
        except (CountersignError, OSError) as error:
            log.warning("Sandboxes are reaped again in a moment, after: %s", error)
        else:
            if gone:
                log.warning("Removed %d sandboxes that a killed worker left: %s", len(gone), ", ".join(gone))
        await asyncio.sleep(REAP_SECONDS)


class RoomSlots(CustomSlotSupplier):
    """A slot for an opening is there while the host has room for a machine of the usual size."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._size = min(SandboxPolicy().memory_bytes, room.limit)
        self._taken = 0

    async def reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit:
        while self._taken >= AT_ONCE or await asyncio.to_thread(self._room.free) < self._size:  # noqa: ASYNC110
            await asyncio.sleep(WAIT_SECONDS)  # other processes take and give room, too: there is no event to wait for
        self._taken += 1
        return SlotPermit()

    def try_reserve_slot(self, ctx: SlotReserveContext) -> SlotPermit | None:
        return None  # for tasks that skip the queue, which openings never do

    def mark_slot_used(self, ctx: SlotMarkUsedContext) -> None:
        pass

    def release_slot(self, ctx: SlotReleaseContext) -> None:
        self._taken -= 1


def _tuner(held: Leases) -> WorkerTuner:
    few = FixedSizeSlotSupplier(1)  # this worker runs no workflows, and nothing local
    return WorkerTuner.create_composite(
        workflow_supplier=few,
        activity_supplier=RoomSlots(held.room),
        local_activity_supplier=few,
        nexus_supplier=few,
    )

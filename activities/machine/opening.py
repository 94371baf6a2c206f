"""Opening a machine: room for it, its work tree, and the work so far."""

import asyncio
from contextlib import suppress

from temporalio import activity

from activities.machine import arriving
from activities.machine.leases import Held, Leases
from activities.machine.room import Place
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts.errors import CountersignError, NoRoom, SandboxUnavailable
from contracts.machine import FOLDER, Lease, OpenRequest
from contracts.steps import MACHINE_OPEN

PATIENCE = 5.0  # seconds for which an opening waits here for room, before another worker may have it
OUTPUT_BYTES = 256 << 20  # of one command; stderr is held in memory until it ends


class MachineOpening:
    """Polled for while there is room for a machine (workers/machines.py)."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox

    @activity.defn(name=MACHINE_OPEN.name)
    async def open(self, request: OpenRequest) -> Lease:
        """A machine at the request's checkpoint, held for this run by this worker."""
        leases = leases_of(self._tools)
        await self._close_forgotten(leases, request)
        async with progress("waiting for room on this host") as told:
            place = await self._place(leases, request.spec.sandbox.memory_bytes)
            try:
                held = await self._opened(request, place, told)
            except BaseException:
                leases.room.give(place)
                raise
        leases.add(held)
        return _lease(leases, held, request)

    async def _close_forgotten(self, leases: Leases, request: OpenRequest) -> None:
        """An opening whose result never reached the run left a machine that nobody knows."""
        run = activity.info().workflow_id
        for held in leases.all():
            if held.run == run and held.machine == request.machine:
                await leases.close(held.id)

    async def _place(self, leases: Leases, size: int) -> Place:
        give_up = asyncio.get_running_loop().time() + PATIENCE
        while True:
            taking = asyncio.ensure_future(asyncio.to_thread(leases.room.take, size))
            try:
                return await asyncio.shield(taking)
            except NoRoom:
                if asyncio.get_running_loop().time() > give_up:
                    raise
            except asyncio.CancelledError:
                with suppress(CountersignError):
                    leases.room.give(await taking)
                raise
            await asyncio.sleep(0.2)

    async def _opened(self, request: OpenRequest, place: Place, told: Progress) -> Held:
        spec, run = request.spec, activity.info().workflow_id or ""
        told.says = f"bringing {spec.repository or 'an empty work tree'}"
        policy = spec.sandbox.model_copy(update={"output_bytes": min(spec.sandbox.output_bytes, OUTPUT_BYTES)})
        sandbox, commit = await arriving.arrive(self._tools, request, policy, run, told)
        try:
            if request.checkpoint:
                told.says = "restoring the work from its last checkpoint"
                await sandbox.restore(self._tools.artifacts, request.checkpoint)
        except BaseException:
            await sandbox.destroy()
            raise
        folder = FOLDER if spec.repository else "."
        return Held(run, request.first_run_id, request.machine, spec, sandbox, place, base=commit, folder=folder)


def leases_of(tools: Toolbox) -> Leases:
    """What this process holds. SandboxUnavailable in one that was not made to hold machines."""
    if tools.leases is None:
        raise SandboxUnavailable("This process holds no machines.", way_out="Start an agents worker.")
    return tools.leases


def _lease(leases: Leases, held: Held, request: OpenRequest) -> Lease:
    what = f"{held.spec.repository} at {held.base[:12]}" if held.base else "an empty work tree"
    so_far = ", with the work so far" if request.checkpoint else ""
    return Lease(
        lease=held.id,
        queue=leases.queue,
        sandbox=held.sandbox.id,
        commit=held.base,
        checkpoint=request.checkpoint,
        says=f"A machine was opened on {what}{so_far}",
    )

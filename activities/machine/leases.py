"""The machines that this worker holds, each for one run."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from activities.machine.room import Place, Room
from contracts.errors import MachineGone
from contracts.machine import MachineSpec
from sandboxes.protocol import Sandbox


@dataclass
class Held:
    """A machine and whose it is. `first_run_id` tells two runs of one id apart, and not two of one chain."""

    run: str
    first_run_id: str
    machine: str
    spec: MachineSpec
    sandbox: Sandbox
    place: Place
    base: str = ""
    folder: str = "."
    id: str = field(default_factory=lambda: secrets.token_hex(8))
    opened: float = field(default_factory=time.monotonic)
    used: float = field(default_factory=time.monotonic)
    busy: int = 0
    changing: asyncio.Lock = field(default_factory=asyncio.Lock)

    @property
    def idle_seconds(self) -> float:
        """Since the last call ended. None is idle while a call lasts: that has a limit of its own."""
        return 0.0 if self.busy else time.monotonic() - self.used

    @property
    def is_over(self) -> bool:
        """Idle for too long, or older than a lease may get."""
        age = time.monotonic() - self.opened
        return self.idle_seconds > self.spec.idle.total_seconds() or (
            not self.busy and age > self.spec.longest.total_seconds()
        )


class Leases:
    """Machines by lease. `queue` is the task queue that this process alone polls."""

    def __init__(self, queue: str, room: Room) -> None:
        self.queue, self.room = queue, room
        self._held: dict[str, Held] = {}

    def add(self, held: Held) -> None:
        self._held[held.id] = held

    def all(self) -> list[Held]:
        return list(self._held.values())

    @asynccontextmanager
    async def using(self, lease: str, run: str) -> AsyncIterator[Held]:
        """The machine, which is not idle meanwhile. MachineGone, also where it is another run's."""
        held = self._held.get(lease)
        if held is None or held.run != run:
            raise MachineGone("This worker does not hold the machine.", subject=lease)
        held.busy += 1
        try:
            yield held
        finally:
            held.busy -= 1
            held.used = time.monotonic()

    async def close(self, lease: str) -> bool:
        """Destroy the machine. False where it was gone."""
        held = self._held.pop(lease, None)
        if held is None:
            return False
        try:
            await held.sandbox.destroy()
        finally:
            self.room.give(held.place)
        return True

    async def close_all(self) -> None:
        """Destroy all, whatever becomes of one of them."""
        await asyncio.gather(*(self.close(lease) for lease in list(self._held)), return_exceptions=True)

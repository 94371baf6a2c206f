"""Sandboxes made ahead, for providers where making one takes long. Each is given away once and never comes back."""

import asyncio
import contextlib
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable
from typing import Generic, Protocol, TypeVar

from contracts.errors import CountersignError
from contracts.policy import SandboxPolicy

POLICIES = 4  # kept warm at a time: the ones that were asked for last


class Ready(Protocol):
    """What a pool keeps."""

    def is_ready(self) -> bool: ...

    async def destroy(self) -> None: ...


S = TypeVar("S", bound=Ready)


class Pool(Generic[S]):
    """Keeps `policy.warm` sandboxes of each policy that was asked for, made in the background. One loop uses it.

    What could not be made ahead is made when it is asked for, and tells its error then. Who dies with sandboxes in
    a pool leaves them to the reaper like any others.
    """

    def __init__(self, make: Callable[[SandboxPolicy], Awaitable[S]]) -> None:
        self._make = make
        self._kept: OrderedDict[str, deque[S]] = OrderedDict()
        self._chores: set[asyncio.Task[None]] = set()
        self._filling: set[str] = set()
        self._closed = False

    async def take(self, policy: SandboxPolicy) -> S | None:
        """One that is ready, or None. Either way more are made, for the next who asks."""
        key = policy.model_dump_json()
        kept = self._kept.setdefault(key, deque())
        self._kept.move_to_end(key)
        found = None
        while kept and found is None:
            one = kept.popleft()
            if one.is_ready():
                found = one
            else:
                self._start(_destroyed(one))
        if key not in self._filling:
            self._start(self._fill(key, policy))
        while len(self._kept) > POLICIES:
            _, old = self._kept.popitem(last=False)
            for one in old:
                self._start(_destroyed(one))
        return found

    async def _fill(self, key: str, policy: SandboxPolicy) -> None:
        """One after the other, so that who works now is not disturbed by many starts at once."""
        self._filling.add(key)
        try:
            while not self._closed and key in self._kept and len(self._kept[key]) < policy.warm:
                one = await self._make(policy)
                if self._closed or key not in self._kept:
                    await _destroyed(one)
                else:
                    self._kept[key].append(one)
        except CountersignError:
            return
        finally:
            self._filling.discard(key)

    def _start(self, work: Awaitable[None]) -> None:
        chore = asyncio.ensure_future(work)
        self._chores.add(chore)
        chore.add_done_callback(self._chores.discard)

    async def settled(self) -> None:
        """Until nothing is being made or removed."""
        while self._chores:
            await asyncio.wait(self._chores)

    async def close(self) -> None:
        """Destroy all that nobody took. A pool that was closed makes no more."""
        self._closed = True
        await self.settled()
        for kept in self._kept.values():
            for one in kept:
                await _destroyed(one)
        self._kept.clear()

    @property
    def size(self) -> int:
        """How many wait now."""
        return sum(map(len, self._kept.values()))


async def _destroyed(one: Ready) -> None:
    with contextlib.suppress(CountersignError):
        await one.destroy()

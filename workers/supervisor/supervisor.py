"""Keeps child processes running: started in order, started again when they die, stopped in reverse order."""

import asyncio
import signal
import time
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import psutil

from contracts.errors import ChildDied
from workers.supervisor.child import Child, Plan
from workers.supervisor.output import Terminal

BACKOFF = (0.2, 1.0, 2.0, 5.0, 10.0)  # seconds before the first, second, … start after a death
LIVED_LONG = 120.0  # seconds; a child that lived so long starts counting its deaths from zero


class Supervisor:
    """`async with Supervisor(plans) as supervisor:` has all children ready inside, and gone after."""

    def __init__(self, plans: Sequence[Plan], terminal: Terminal | None = None) -> None:
        self.terminal = terminal or Terminal()
        self.plans = list(plans)
        self.restarts: dict[str, int] = {plan.name: 0 for plan in plans}
        self._children: dict[str, Child] = {}
        self._keepers: list[asyncio.Task[None]] = []
        self._failure: asyncio.Future[None] | None = None
        self._ready_again = asyncio.Condition()

    async def __aenter__(self) -> Self:
        """The children given at first are started one after the other: each may need those before it."""
        self._failure = asyncio.get_running_loop().create_future()
        try:
            for plan in self.plans:
                await self.add(plan)
        except BaseException:
            await self.stop()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def add(self, *plans: Plan) -> None:
        """Start more children at once, and keep them running. Raises ChildDied if one does not become ready."""
        started = [(plan, await self._start(plan)) for plan in plans]
        for plan, child in started:
            self.restarts.setdefault(plan.name, 0)
            if not await child.wait_ready():
                raise await self._not_ready(child)
        for plan, child in started:
            self._keepers.append(asyncio.create_task(self._keep(plan, child), name=plan.name))

    def pid(self, name: str) -> int:
        return self._children[name].pid

    async def restarted(self, name: str, times: int = 1) -> None:
        """Wait until the child has been started again `times` times and is ready."""
        async with self._ready_again:
            await self._ready_again.wait_for(lambda: self.restarts[name] >= times)

    async def watch(self) -> None:
        """Wait for ever, or until a child is given up: then ChildDied."""
        assert self._failure is not None
        await asyncio.shield(self._failure)

    async def stop(self) -> None:
        """Stop all, last started first. Twice is fine."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._keepers.clear()
        for name in reversed(list(self._children)):
            await self._children.pop(name).stop()
        if self._failure is not None:
            self._failure.cancel()

    async def _start(self, plan: Plan) -> Child:
        child = await Child.start(plan, self.terminal.writer(plan.name))
        self._children[plan.name] = child
        plan.started(child.pid)
        return child

    async def _keep(self, plan: Plan, child: Child) -> None:
        """Start the child again each time that it dies, until it has died too often in a row."""
        deaths, began = 0, time.monotonic()
        while True:
            how = await child.ended()
            deaths = 1 if time.monotonic() - began > LIVED_LONG else deaths + 1
            if deaths > plan.restarts:
                self._give_up(child, how)
                return
            await asyncio.sleep(BACKOFF[min(deaths, len(BACKOFF)) - 1])
            began = time.monotonic()
            child = await self._start(plan)
            self.terminal.say(f"{plan.name} {how}; started again, {deaths} of {plan.restarts}.")
            if await self._is_ready(child):
                await self._announce(plan.name)

    async def _is_ready(self, child: Child) -> bool:
        """Like `wait_ready`, but one that hangs is killed, which counts as a death."""
        try:
            ready = await child.wait_ready()
        except Exception as error:
            self.terminal.say(f"{child.plan.name} did not become ready: {error}")
            ready = False
        if not ready:
            child.kill()
        return ready

    async def _announce(self, name: str) -> None:
        async with self._ready_again:
            self.restarts[name] += 1
            self._ready_again.notify_all()

    def _give_up(self, child: Child, how: str) -> None:
        assert self._failure is not None
        if self._failure.done():
            return
        name = child.plan.name
        self._failure.set_exception(
            ChildDied(
                f"{name} {how}, {child.plan.restarts + 1} times in a row.{_last_words(child)}",
                subject=name,
                way_out="Everything was stopped. Runs are safe and go on at the next start.",
            )
        )

    async def _not_ready(self, child: Child) -> ChildDied:
        name = child.plan.name
        how = await child.ended() if child.is_gone else f"was not ready after {child.plan.start_limit:.0f} seconds"
        return ChildDied(
            f"{name} {how} while starting.{_last_words(child)}",
            subject=name,
            way_out="Nothing was left running. `countersign doctor` checks what it needs.",
        )


async def until_told(work: Coroutine[Any, Any, None], terminal: Terminal) -> int:
    """Run `work` until it ends, or Ctrl-C or SIGTERM cancels it; the exit code.

    Cancelled work stops what it started on its way out. A second Ctrl-C kills everything instead.
    Returns 0 after an orderly stop, 130 after a kill. Raises what the work raises.
    """
    loop = asyncio.get_running_loop()
    task = asyncio.ensure_future(work)
    told: list[bool] = []

    def on_signal() -> None:
        told.append(True)
        if len(told) == 1:
            terminal.say("Stopping. Once more kills at once.")
            task.cancel()
        else:
            terminal.say("Killing everything.")
            kill_all()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    try:
        await task
    except asyncio.CancelledError:
        if not told:
            raise
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
    return 130 if len(told) > 1 else 0


def kill_all() -> None:
    """SIGKILL to every process below this one."""
    for process in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _last_words(child: Child) -> str:
    if child.plan.log:
        return f" Its log: {child.plan.log}."
    if not child.last_lines:
        return " It said nothing."
    return " It said last: " + " / ".join(list(child.last_lines)[-3:])

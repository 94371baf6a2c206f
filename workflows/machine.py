"""A machine for a run, whose work survives the worker that holds it.

    async with Machine(MachineSpec(repository=url, sandbox=self.policy.sandbox)) as machine:
        await machine.write("notes.md", text)
        result = await machine.run(["pytest", "-q"], summary="Run the tests")

Paths are below the repository. What a call changed is kept before the run hears of it. When the worker dies, the next
call gets another machine, on another worker, with all that was kept. A call that only reads is made again there; one
that changes files and was in flight raises `CallInterrupted`, and is never made again by itself.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Self, TypeVar

from pydantic import BaseModel
from temporalio import workflow
from temporalio.exceptions import ActivityError

from workflows.losses import LOSSES, CallInterrupted, cause, fate, too_many, why
from workflows.steps import step

with workflow.unsafe.imports_passed_through():
    # Types only: pydantic models and constants, no I/O.
    from contracts import machine as messages
    from contracts import steps
    from contracts.steps import Step

__all__ = ["CallInterrupted", "Machine"]

In = TypeVar("In", bound=messages.Call)
Out = TypeVar("Out", bound=BaseModel)
Made = TypeVar("Made", bound=messages.Changed)

PAUSE = timedelta(seconds=1)
FOR_KEEPING = timedelta(minutes=2)  # after a command's own time, for the checkpoint


class Machine:
    """One machine of a run. Give `state` of an earlier one to go on with its work, after continue-as-new for example.

    Failures of a call are `ApplicationError`s, whose `type` is a name of contracts/errors.py: CommandNotFound,
    NotFound, BadInput, DiskFull, … A program that exits with another code than 0 is a result.
    """

    def __init__(
        self, spec: messages.MachineSpec, *, name: str = "machine", state: messages.MachineState | None = None
    ) -> None:
        self.spec = spec
        self._state = state or messages.MachineState(machine=name)
        self._opening, self._changing = asyncio.Lock(), asyncio.Lock()
        self._farewells: set[asyncio.Task[None]] = set()

    @property
    def state(self) -> messages.MachineState:
        """What continue-as-new has to hand on; the machine itself stays open for the successor."""
        return self._state

    @property
    def commit(self) -> str:
        """The commit that the work tree started with."""
        return self._state.commit

    def adopt(self, state: messages.MachineState) -> None:
        """Go on with the work of another machine over the same commit, as a child run left it. Park this one first."""
        self._state = state.model_copy(update={"machine": self._state.machine, "lease": None})

    async def run(
        self,
        argv: Sequence[str],
        *,
        summary: str = "",
        cwd: str = "",
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        timeout: timedelta | None = None,
    ) -> messages.RunResult:
        """Run a program: argv, never a shell string. Raises CallInterrupted."""
        limit = timeout or timedelta(seconds=self.spec.sandbox.wall_seconds)

        def request(lease: str) -> messages.RunRequest:
            return messages.RunRequest(
                lease=lease,
                argv=tuple(argv),
                cwd=cwd,
                stdin=stdin,
                env=dict(env or {}),
                seconds=limit.total_seconds(),
            )

        words = summary or f"Run {' '.join(argv)}"
        return await self.change(steps.MACHINE_RUN, request, words, timeout=limit + FOR_KEEPING)

    async def write(
        self, path: str, text: str = "", *, ref: str = "", mode: int = 0o644, summary: str = ""
    ) -> messages.WriteResult:
        """Create or replace a file with `text`, or with the artifact `ref`. Raises CallInterrupted."""

        def request(lease: str) -> messages.WriteRequest:
            return messages.WriteRequest(lease=lease, path=path, text=text, ref=ref, mode=mode)

        return await self.change(steps.MACHINE_WRITE, request, summary or f"Write {path}")

    async def checkpoint(self) -> str:
        """Keep the work now, and its reference. Calls that change files do so by themselves."""

        def request(lease: str) -> messages.CheckpointRequest:
            return messages.CheckpointRequest(lease=lease)

        return (await self.change(steps.MACHINE_CHECKPOINT, request, "Keep the work")).checkpoint

    async def read(self, path: str, *, limit: int = 64 << 20, summary: str = "") -> messages.Body:
        """A file of at most `limit` bytes; a long one by head, tail and reference."""

        def request(lease: str) -> messages.ReadRequest:
            return messages.ReadRequest(lease=lease, path=path, limit=limit)

        return (await self.look(steps.MACHINE_READ, request, summary or f"Read {path}")).body

    async def list(self, path: str = ".", *, limit: int = 1000, summary: str = "") -> messages.ListResult:
        """Names in a folder."""

        def request(lease: str) -> messages.ListRequest:
            return messages.ListRequest(lease=lease, path=path, limit=limit)

        return await self.look(steps.MACHINE_LIST, request, summary or f"List {path}")

    async def search(
        self,
        pattern: str,
        *,
        path: str = ".",
        glob: str = "",
        literal: bool = False,
        limit: int = 200,
        summary: str = "",
    ) -> messages.SearchResult:
        """Lines that match a regular expression, or the `literal` text."""

        def request(lease: str) -> messages.SearchRequest:
            return messages.SearchRequest(
                lease=lease, pattern=pattern, path=path, glob=glob, literal=literal, limit=limit
            )

        return await self.look(steps.MACHINE_SEARCH, request, summary or f"Search for {pattern}")

    async def diff(self, *, base: str = "", summary: str = "Read the change") -> messages.DiffResult:
        """What changed since `base`, or since the commit that the work tree started with."""

        def request(lease: str) -> messages.DiffRequest:
            return messages.DiffRequest(lease=lease, base=base)

        return await self.look(steps.MACHINE_DIFF, request, summary)

    async def park(self) -> messages.MachineState:
        """Give the machine back and keep the work: for the days that a proposal waits. The next call opens another."""
        lease = self._state.lease
        if lease is not None:
            self._forget(lease)
            await _surely(asyncio.ensure_future(_close(lease)))
        return self._state

    async def __aenter__(self) -> Self:
        await self._held()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, workflow.ContinueAsNewError):
            return  # the successor was given `state`
        await _surely(asyncio.ensure_future(self._end()))

    async def _end(self) -> None:
        await self.park()
        await asyncio.gather(*self._farewells)

    async def _held(self) -> messages.Lease:
        """The lease there is, or a new one. However many calls ask at once, one machine is opened."""
        async with self._opening:
            if self._state.lease is None:
                self._state = await self._opened()
            assert self._state.lease is not None
            return self._state.lease

    async def _opened(self) -> messages.MachineState:
        state = self._state
        request = messages.OpenRequest(
            spec=self.spec,
            machine=state.machine,
            first_run_id=workflow.info().first_execution_run_id,
            commit=state.commit,
            checkpoint=state.checkpoint,
        )
        where = self.spec.repository or "an empty work tree"
        again = " again, with the work so far" if state.checkpoint else ""
        try:
            lease = await step(steps.MACHINE_OPEN, request, summary=f"Open a machine on {where}{again}")
        except ActivityError as error:
            fate(error)  # a cancellation goes on as one
            raise cause(error) from None
        return state.model_copy(update={"lease": lease, "commit": lease.commit})

    def _forget(self, lease: messages.Lease) -> None:
        if self._state.lease == lease:
            self._state = self._state.model_copy(update={"lease": None})

    async def _lose(self, lease: messages.Lease) -> None:
        """Go on without the machine. Its worker may live after all: it is asked to close it, and not waited for."""
        if self._state.lease == lease:
            self._forget(lease)
            farewell = asyncio.create_task(_close(lease))
            self._farewells.add(farewell)
            farewell.add_done_callback(self._farewells.discard)

    async def look(self, what: Step[In, Out], request: Callable[[str], In], summary: str) -> Out:
        """A call that changes nothing: made again on the next machine until one answers."""
        for lost in range(LOSSES):
            lease = await self._held()
            try:
                return await step(what, request(lease.lease), summary=summary, queue=lease.queue)
            except ActivityError as error:
                if fate(error) == "refused":
                    raise cause(error) from None
                await self._lose(lease)
            await _pause(lost)
        raise too_many(summary)

    async def change(
        self, what: Step[In, Made], request: Callable[[str], In], summary: str, *, timeout: timedelta | None = None
    ) -> Made:
        """A call that changes files: made again only where it never started. One at a time."""
        async with self._changing:
            for lost in range(LOSSES):
                lease = await self._held()
                try:
                    result = await step(what, request(lease.lease), summary=summary, queue=lease.queue, timeout=timeout)
                except ActivityError as error:
                    became = fate(error)
                    if became == "refused":
                        raise cause(error) from None
                    await self._lose(lease)
                    if became == "never started":
                        await _pause(lost)
                        continue
                    result = await _recalled(what, error, summary)
                self._state = self._state.model_copy(update={"checkpoint": result.checkpoint})
                return result
            raise too_many(summary)


async def _recalled(what: Step[In, Made], error: ActivityError, summary: str) -> Made:
    """The result that the call's worker wrote down before it died. CallInterrupted if there is none."""
    asked = messages.Recall(activity_id=error.activity_id)
    found = await step(steps.RECALL, asked, summary=f"Ask what became of: {summary}")
    if not found.found:
        raise CallInterrupted(f"“{summary}”", why(error)) from error
    return what.gives.model_validate(found.result)


async def _pause(lost: int) -> None:
    if lost:
        await workflow.sleep(PAUSE, summary="Wait before the next machine is opened")


async def _close(lease: messages.Lease) -> None:
    """Close a machine, if its worker still lives. One that doesn't has left nothing that its neighbours keep.

    Awaited as a task of its own: a cancelled run's would be taken for a worker that is gone, and the run would go on.
    """
    try:
        await step(
            steps.MACHINE_CLOSE,
            messages.CloseRequest(lease=lease.lease),
            summary="Close the machine",
            queue=lease.queue,
        )
    except ActivityError as error:
        workflow.logger.info("The machine could not be closed: %s", error.cause)


async def _surely(task: "asyncio.Future[None]") -> None:
    """Wait for the task even when the run is cancelled meanwhile; then let the cancellation go on."""
    cancelled = False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
    if cancelled:
        raise asyncio.CancelledError
    task.result()

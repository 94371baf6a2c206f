"""What a run does with its machine, on the worker that holds it.

Temporal starts each of these at most once. One that changes files keeps the work and its own result before Temporal
hears of it: a worker that dies after that has lost nothing, and `run.recall` finds the result by the ledger.
"""

import asyncio
import shlex
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import PurePosixPath
from typing import TypeVar

from temporalio import activity

from activities.faults import fault
from activities.machine.bodies import Collector, body_of
from activities.machine.leases import Held
from activities.machine.opening import leases_of
from activities.toolbox import Toolbox
from contracts import machine, shown, steps

Result = TypeVar("Result", bound=machine.Changed)

LONGEST_HIT = 300


class MachineCalls:
    """Registered on the queue of the process that holds the machines."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox
        self._artifacts = toolbox.artifacts

    @activity.defn(name=steps.MACHINE_RUN.name)
    async def run(self, request: machine.RunRequest) -> machine.RunResult:
        """Run a program, and keep the work."""
        async with self._changing(request) as held:
            output = Collector()
            fault("machine.before_command")
            result = await held.sandbox.exec(
                request.argv,
                cwd=str(PurePosixPath("/work", held.folder, request.cwd)),
                stdin=request.stdin.encode() if request.stdin else None,
                env=request.env,
                timeout=request.seconds,
                on_stdout=output.take,
            )
            fault("machine.after_command")
            ended = "ran out of time" if result.timed_out else f"exited with {result.exit_code}"
            gives = machine.RunResult(
                exit_code=result.exit_code,
                stdout=await output.body(self._artifacts),
                stderr=await body_of(result.stderr, self._artifacts),
                seconds=round(result.seconds, 3),
                truncated=result.truncated,
                timed_out=result.timed_out,
                says=f"`{command(request.argv)}` {ended} after {result.seconds:.1f} s",
            )
            return await self._kept(held, gives)

    @activity.defn(name=steps.MACHINE_WRITE.name)
    async def write(self, request: machine.WriteRequest) -> machine.WriteResult:
        """Write a file, and keep the work."""
        async with self._changing(request) as held:
            data = request.text.encode()
            if request.ref:
                data = await asyncio.to_thread(self._artifacts.get, request.ref)
            await held.sandbox.write(_below(held, request.path), data, mode=request.mode)
            says = f"{request.path} was written, {len(data):,} bytes"
            return await self._kept(held, machine.WriteResult(path=request.path, size=len(data), says=says))

    @activity.defn(name=steps.MACHINE_CHECKPOINT.name)
    async def checkpoint(self, request: machine.CheckpointRequest) -> machine.CheckpointResult:
        """Keep the work as it is."""
        async with self._changing(request) as held:
            return await self._kept(held, machine.CheckpointResult(says="The work was kept"))

    @activity.defn(name=steps.MACHINE_READ.name)
    async def read(self, request: machine.ReadRequest) -> machine.ReadResult:
        async with self._using(request) as held:
            data = await held.sandbox.read(_below(held, request.path), limit=request.limit)
            says = f"{request.path} was read, {len(data):,} bytes"
            return machine.ReadResult(path=request.path, body=await body_of(data, self._artifacts), says=says)

    @activity.defn(name=steps.MACHINE_LIST.name)
    async def list(self, request: machine.ListRequest) -> machine.ListResult:
        async with self._using(request) as held:
            names = await held.sandbox.list(_below(held, request.path))
            return machine.ListResult(
                path=request.path,
                names=tuple(names[: request.limit]),
                truncated=len(names) > request.limit,
                says=f"{request.path} was listed, {len(names):,} names",
            )

    @activity.defn(name=steps.MACHINE_SEARCH.name)
    async def search(self, request: machine.SearchRequest) -> machine.SearchResult:
        async with self._using(request) as held:
            found = await held.sandbox.search(
                request.pattern,
                path=_below(held, request.path),
                glob=request.glob,
                literal=request.literal,
                limit=request.limit,
            )
            hits = tuple(
                machine.Hit(path=_within(held, each.path), line=each.line, text=each.text[:LONGEST_HIT])
                for each in found.matches
            )
            says = f"{request.pattern!r} was searched for, {len(hits):,} found"
            return machine.SearchResult(hits=hits, truncated=found.truncated, says=says)

    @activity.defn(name=steps.MACHINE_DIFF.name)
    async def diff(self, request: machine.DiffRequest) -> machine.DiffResult:
        async with self._using(request) as held:
            change = await held.sandbox.diff(folder=held.folder, base=request.base or held.base or "HEAD")
            body = await body_of(change.text, self._artifacts)
            says = f"The change was read, {len(change.text):,} bytes"
            return machine.DiffResult(body=body, truncated=change.truncated, says=says)

    @activity.defn(name=steps.MACHINE_CLOSE.name)
    async def close(self, request: machine.CloseRequest) -> machine.Closed:
        """Destroy the machine; whatever runs in it is killed."""
        was_open = await leases_of(self._tools).close(request.lease)
        return machine.Closed(was_open=was_open, says="The machine was closed" if was_open else "It was gone already")

    @asynccontextmanager
    async def _using(self, call: machine.Call) -> AsyncIterator[Held]:
        leases = leases_of(self._tools)
        async with leases.using(call.lease, activity.info().workflow_id or "") as held:
            try:
                yield held
            except asyncio.CancelledError:
                if _was_given_up():
                    await leases.close(held.id)
                raise

    @asynccontextmanager
    async def _changing(self, call: machine.Call) -> AsyncIterator[Held]:
        async with self._using(call) as held, held.changing:
            yield held

    async def _kept(self, held: Held, result: Result) -> Result:
        """The result, once the work and it are in the store. Both at once: each waits for the disk."""
        checkpoint, journal = await asyncio.gather(
            held.sandbox.checkpoint(self._artifacts), asyncio.to_thread(self._artifacts.put_model, result)
        )
        fault("machine.after_checkpoint")
        return result.model_copy(update={"checkpoint": checkpoint, "journal": journal})


def command(argv: tuple[str, ...]) -> str:
    """A command line in words, for people: quoted, short, nothing hidden in it."""
    line = shown.spelt(shlex.join(argv)).replace("\n", "⏎")
    return line if len(line) <= 120 else f"{line[:119]}…"


def _was_given_up() -> bool:
    """The server counts this attempt as lost, so that the run has gone on elsewhere."""
    details = activity.cancellation_details()
    return details is not None and (details.not_found or details.timed_out)


def _below(held: Held, path: str) -> str:
    return str(PurePosixPath(held.folder, path)) if held.folder != "." else path


def _within(held: Held, path: str) -> str:
    return path.removeprefix(f"{held.folder}/")

"""What a machine's call costs a run, and how long a worker's death holds it up.

    python -m tests.bench.machine [calls] [deaths]

The server is ours, started with our settings; the repository has 5,000 files. Prints one JSON object, milliseconds:

- `exec_ms`, `run_ms`: `true` by the sandbox itself, and as a step of a run (from one step's being scheduled to the
  next one's: server, worker, checkpoint, ledger, workflow). `run_over_exec`: the median of pairs of rounds.
- `change_ms`: a run's command that appends to one file; `write_ms`, `read_ms`: a run's other calls.
- `checkpoint_ms`: the sandbox's own checkpoint after a change of one file.
- `open_ms`: opening a machine on that repository, as the ledger has it.
- `death_ms`: from kill -9 of the worker that holds the machine, between two calls, to the next command done on the
  other worker. `death_in_flight_ms`: the same while a command runs; the run is told, and its next command done.
"""

import asyncio
import itertools
import json
import statistics
import sys
import tempfile
import time
import uuid
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowHandle

from contracts.machine import MachineSpec
from contracts.policy import SandboxPolicy
from contracts.steps import AGENTS
from sandboxes import Bubblewrap
from sandboxes.protocol import Tree
from tests.bench.sandboxing import tree as trees
from tests.bench.sandboxing.measuring import summary, timed
from tests.machines.conftest import Fleet
from tests.machines.own.workflows.scripted import Account, Act, Script, Scripted
from tests.support.platform import Installation, Platform
from workers import machines
from workers.devserver import DevServer
from workers.worker import build

ROUND = 10
WARM_UP = 3
POLICY = SandboxPolicy(memory_bytes=256 << 20)

TRUE = Act(do="run", args={"argv": ["true"]})
CHANGE = Act(do="run", args={"argv": ["sh", "-c", "echo more >> notes.txt"]})
WRITE = Act(do="write", args={"path": "notes.txt", "text": "some words\n"})
READ = Act(do="read", args={"path": "notes.txt"})


async def steps(here: Platform, tree: Path, acts: list[Act]) -> list[float]:
    """Milliseconds of each act of a run of its own, after the warm-up."""
    script = Script(spec=MachineSpec(repository=str(tree), sandbox=POLICY), acts=[*[TRUE] * WARM_UP, *acts, TRUE])
    handle = await here.client.start_workflow(
        "scripted", script, id=str(uuid.uuid4()), task_queue=AGENTS, result_type=Account
    )
    account = await handle.result()
    assert {told.outcome for told in account.told} == {"ok"}
    began = await scheduled(handle)
    return [(b - a).total_seconds() * 1000 for a, b in itertools.pairwise(began)][WARM_UP : WARM_UP + len(acts)]


async def scheduled(handle: WorkflowHandle[Any, Account]) -> list[datetime]:
    """When each call of the machine was scheduled."""
    history = await handle.fetch_history()
    kind = EventType.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED
    events = [event for event in history.events if event.event_type == kind]
    calls = [
        event for event in events if event.activity_task_scheduled_event_attributes.activity_type.name != "machine.open"
    ]
    return [event.event_time.ToDatetime(tzinfo=UTC) for event in calls]


async def calls(here: Platform, base: Tree, count: int) -> dict[str, Any]:
    """Rounds of each kind in turn, so that whatever else the machine does falls on all alike."""
    taken: dict[str, list[float]] = {name: [] for name in ("exec", "run", "change", "write", "read", "checkpoint")}
    ratios = []
    tree = base.git_dir.parent
    async with await here.tools.sandboxes.create(POLICY, tree=base) as box:
        for _ in range(max(1, count // ROUND)):
            own = [await timed(box.exec(["true"])) for _ in range(ROUND)]
            through = await steps(here, tree, [TRUE] * ROUND)
            ratios.append(statistics.median(through) / statistics.median(own))
            taken["exec"] += own
            taken["run"] += through
            for name, act in (("change", CHANGE), ("write", WRITE), ("read", READ)):
                before = [] if name != "read" else [WRITE]
                taken[name] += (await steps(here, tree, [*before, *[act] * ROUND]))[len(before) :]
            for number in range(ROUND):
                await box.write("repository/notes.txt", f"{number} {time.time()}".encode())
                taken["checkpoint"].append(await timed(box.checkpoint(here.tools.artifacts)))
    opened = [
        (entry.finished_at - entry.started_at).total_seconds() * 1000
        for entry in here.ledger.entries(kind="activity", limit=10_000)
        if entry.name == "machine.open"
    ]
    return {
        **{f"{name}_ms": summary(values) for name, values in taken.items()},
        "run_over_exec": round(statistics.median(ratios), 2),
        "open_ms": summary(opened) if len(opened) > 1 else opened,
    }


async def deaths(here: Platform, folder: Path, tree: Path, count: int) -> dict[str, Any]:
    """Each on two real worker processes, one of which is killed; it is started again for the next."""
    fleet = Fleet(here, folder)
    keeper = asyncio.create_task(fleet.keep_alive())
    try:
        taken: dict[str, list[float]] = {"death_ms": [], "death_in_flight_ms": []}
        for _ in range(count):
            for name, sleeping in (("death_ms", False), ("death_in_flight_ms", True)):
                await fleet.both()
                taken[name].append(await death(fleet, tree, sleeping=sleeping))
        return {name: summary(values) for name, values in taken.items()}
    finally:
        keeper.cancel()
        fleet.stop()


async def death(fleet: Fleet, tree: Path, *, sleeping: bool) -> float:
    pause = Act(do="run", args={"argv": ["sleep", "600"]}) if sleeping else Act(do="wait")
    handle = await fleet.run(tree, WRITE, pause, TRUE, sandbox=POLICY)
    [write] = await fleet.told(handle)
    await asyncio.sleep(1.0)
    killed = datetime.now(UTC)
    fleet.kill(fleet.holder(write.queue))
    if not sleeping:
        await handle.signal("go")
    account = await fleet.account(handle)
    assert [told.outcome for told in account.told] == ["ok", "interrupted" if sleeping else "ok", "ok"]
    done = [entry for entry in fleet.here.ledger.entries(run=handle.id) if entry.says.startswith("`true`")]
    return (done[-1].finished_at - killed).total_seconds() * 1000


async def run(count: int, killed: int) -> dict[str, Any]:
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        server = await stack.enter_async_context(DevServer(folder / "temporal", say=lambda _: None))
        here = await Installation(server, folder / "state").open(stack)
        base = trees.make(folder / "tree")
        async with AsyncExitStack() as inner:
            tools = replace(here.tools, leases=machines.leases(here.settings.state, 0))
            await inner.enter_async_context(build(here.client, "agents", tools, workflows=[Scripted]))
            await inner.enter_async_context(machines.serving(here.client, tools))
            taken = await calls(here, base, count)
        if killed:
            (folder / "workers").mkdir()
            taken |= await deaths(here, folder / "workers", folder / "tree", killed)
        Bubblewrap(here.settings.state / "sandboxes").reap()
        return taken


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    print(json.dumps(uvloop.run(run(*(given or [60, 10])))))

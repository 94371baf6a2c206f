"""How long the replay of a run, or of a chain of runs that continued as new, takes.

    python -m tests.bench.agent_replay FOLDER [--rounds 7]

FOLDER holds histories as JSON, in order of their names, and `artifacts` with their large payloads: what
`python -m tests.bench.agent --keep FOLDER` writes. A process of its own, so that `cold_s` is what it says: all modules
are loaded, and nothing was ever replayed. Then warm rounds, ours and the SDK's own sandbox in turns, so that a slow
minute of the machine hits both; the median of each. `cpu_s` is the processor time of all threads, which neighbours on
the machine change less than the time on the wall, and the least of it (`least_cpu_s`) least.

With `PYTHONDONTWRITEBYTECODE` every run's sandbox compiles the modules of workflows/ anew: `bytecode` is false then.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import uvloop
from temporalio.client import WorkflowHistory
from temporalio.converter import DataConverter
from temporalio.worker import Replayer, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

from ledger import FolderArtifacts
from workers import discovery
from workers.client import converter
from workers.common import build_id
from workers.runner import PASSED_THROUGH, runner

ARTIFACTS = "artifacts"


def keep(folder: Path, histories: Sequence[WorkflowHistory]) -> None:
    """Write histories as `kept` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, history in enumerate(histories):
        (folder / f"{number:04}.json").write_text(history.to_json())


def kept(folder: Path) -> list[WorkflowHistory]:
    return [WorkflowHistory.from_json("agent", path.read_text()) for path in sorted(folder.glob("*.json"))]


def of_the_sdk() -> WorkflowRunner:
    """Our restrictions, in the SDK's own sandbox."""
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))


async def replayed(
    histories: Sequence[WorkflowHistory], by: WorkflowRunner, data: DataConverter
) -> tuple[float, float]:
    """Seconds that it takes to replay them all by one replayer, with its set-up; on the wall, and of the processor."""

    async def each() -> AsyncIterator[WorkflowHistory]:
        for history in histories:
            yield history

    began, before = time.perf_counter(), time.process_time()
    replayer = Replayer(
        workflows=discovery.workflow_classes(), data_converter=data, workflow_runner=by, build_id=build_id()
    )
    async with replayer.workflow_replay_iterator(each()) as results:
        async for result in results:
            assert result.replay_failure is None, result.replay_failure
    return time.perf_counter() - began, time.process_time() - before


async def measure(folder: Path, rounds: int) -> dict[str, object]:
    histories, data = kept(folder), converter(FolderArtifacts(folder / ARTIFACTS))
    discovery.workflow_classes()
    cold = await replayed(histories, runner(), data)
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(await replayed(histories, of_the_sdk(), data))
        ours.append(await replayed(histories, runner(), data))
    return {
        "runs": len(histories),
        "events": sum(len(each.events) for each in histories),
        "history_bytes": sum(event.ByteSize() for each in histories for event in each.events),
        "cold_s": round(cold[0], 2),
        "cold_cpu_s": round(cold[1], 2),
        **middle("warm", ours),
        **middle("warm_sdk", theirs),
        "bytecode": not sys.dont_write_bytecode,
    }


def middle(name: str, took: Sequence[tuple[float, float]]) -> dict[str, float]:
    wall, cpu = zip(*took, strict=True)
    return {
        f"{name}_s": round(statistics.median(wall), 2),
        f"{name}_cpu_s": round(statistics.median(cpu), 2),
        f"{name}_least_cpu_s": round(min(cpu), 2),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="The replay of a kept run")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    print(json.dumps(uvloop.run(measure(given.folder, given.rounds))))

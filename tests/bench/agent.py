"""An agent of hundreds of turns: how large does its history get, how fast does it replay, what does a turn take?

    python -m tests.bench.agent [--turns 300] [--suggest EVENTS] [--keep FOLDER]

A real Temporal server, our worker, a real sandbox over a repository of 60 files, and a scripted model that speaks
Anthropic's protocol. Turns are mixed as an agent's are: it reads 200 lines, searches, edits, runs commands with
8,000 characters of output, runs the tests, notes. `--suggest` has the server suggest to continue as new after so many
events (its own limit is 4,096), so that a chain of many runs is measured.

tests/bench/agent_replay.py replays all runs of the chain, and tells cold and warm apart; `--keep` leaves it the
histories. `history_bytes`: of all runs together. `model_ms`: what the scripted model took of a turn.
"""

import argparse
import asyncio
import json
import shutil
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from unittest.mock import patch

import uvloop
from temporalio.client import Client, WorkflowHistory

from contracts.agent import AgentEnd, AgentInput, AgentLimits, AgentTask, Brief
from contracts.budgets import Purse, Spender
from contracts.machine import MachineSpec
from contracts.policy import SandboxPolicy
from contracts.steps import AGENTS
from ledger import FolderArtifacts
from tests.bench import agent_replay
from tests.support.model_server import Called, ModelServer, Scripted
from tests.support.repositories import Commit, build
from tests.workflows.test_ticket_to_pr import KEY, installed
from workers.devserver import DevServer, server

FILES = 60
LINE = "value_{0} = compute({0}, other={0} * 2)  # a line of the length that lines of source code have\n"
SOURCE = "".join(LINE.format(number) for number in range(400))


def turn(number: int) -> Scripted:
    """What the model wants in a turn: ten kinds, in turns."""
    path = f"src/part{number % FILES}.py"
    kinds: tuple[tuple[str, dict[str, Any]], ...] = (
        ("grep", {"pattern": f"value_{number}\\b", "glob": "*.py"}),
        ("read", {"path": path, "first": 1, "last": 200}),
        ("edit", {"path": path, "old": LINE.format(number % 400), "new": f"value = {number}\n"}),
        ("run", {"command": f"head -c 8000 {path}; echo {number} >> notes.txt"}),
        ("read", {"path": path, "first": 150, "last": 350}),
        ("find", {"pattern": "src/*.py"}),
        ("test", {}),
        ("git_log", {"path": path}),
        ("write", {"path": f"tests/test_{number}.py", "text": SOURCE[:4000]}),
        ("note", {"text": f"In turn {number} nothing was wrong with {path}."}),
    )
    name, given = kinds[number % len(kinds)]
    return Scripted(
        text="Let me look at this part next. " * 4, calls=(Called(name, given),), input_tokens=9000, output_tokens=200
    )


async def runs_of(client: Client, workflow_id: str, first: str) -> AsyncIterator[WorkflowHistory]:
    """The histories of a chain that continued as new, in order."""
    run = first
    while run:
        history = await client.get_workflow_handle(workflow_id, run_id=run).fetch_history()
        yield history
        run = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id


def replays(folder: Path, histories: list[WorkflowHistory], artifacts: Path) -> dict[str, Any]:
    """What tests/bench/agent_replay.py says of them, in a process of its own."""
    agent_replay.keep(folder, histories)
    shutil.copytree(artifacts, folder / agent_replay.ARTIFACTS, dirs_exist_ok=True)
    argv = [sys.executable, "-m", "tests.bench.agent_replay", str(folder)]
    said: dict[str, Any] = json.loads(subprocess.run(argv, capture_output=True, check=True).stdout)
    return said


async def measure(turns: int, folder: Path, kept: Path | None, stack: AsyncExitStack) -> dict[str, Any]:
    models = stack.enter_context(ModelServer())
    models.key = KEY
    temporal = await stack.enter_async_context(DevServer(folder / "temporal", say=lambda _: None))
    environ = {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": models.anthropic_url,
        "COUNTERSIGN_PRICES_OF": "anthropic",
    }
    here = await installed(stack, temporal, folder / "state", environ, cached_workflows=1000)
    files = {f"src/part{number}.py": SOURCE.encode() for number in range(FILES)}
    repository = build(folder / "repository", [Commit("Start", files)])
    models.script(*map(turn, range(turns)), Scripted(text="Done."))
    task = AgentTask(
        brief=FolderArtifacts(here.settings.artifacts).put_model(Brief(system="Work.", task="Go through the files.")),
        spender=Spender(run="bench", workflow="bench", team="bench", purses=(Purse(run="bench", usd=Decimal(1000)),)),
        machine=MachineSpec(repository=str(repository), sandbox=SandboxPolicy(wall_seconds=60)),
        limits=AgentLimits(steps=turns + 1, tokens=10**9, time=timedelta(hours=12)),
        test=("sh", "-c", "sleep 0.2; seq 1000"),
    )
    began = time.perf_counter()
    handle = await here.client.start_workflow(
        "agent", AgentInput(task=task), id=f"agent-{uuid.uuid4()}", task_queue=AGENTS, result_type=AgentEnd
    )
    end = await handle.result()
    took = time.perf_counter() - began
    assert (end.state, end.steps) == ("done", turns + 1), end
    assert handle.first_execution_run_id
    histories = [each async for each in runs_of(here.client, handle.id, handle.first_execution_run_id)]
    entries = here.ledger.entries(kind="model", limit=10 * turns)
    asking = [each.finished_at - each.started_at for each in entries if each.outcome == "ok"]
    return {
        "turns": end.steps,
        "turn_ms": round(took * 1000 / end.steps),
        "model_ms": round(sum(each.total_seconds() for each in asking) * 1000 / len(asking)),
        **await asyncio.to_thread(replays, kept or folder / "kept", histories, here.settings.artifacts),
        "largest": largest(histories),
    }


def largest(histories: list[WorkflowHistory]) -> dict[str, int]:
    """Bytes by kind of event, the five that take most."""
    found: dict[str, int] = {}
    for history in histories:
        for event in history.events:
            name = str(event.WhichOneof("attributes")).removesuffix("_event_attributes")
            found[name] = found.get(name, 0) + event.ByteSize()
    return dict(sorted(found.items(), key=lambda each: -each[1])[:5])


async def main(turns: int, suggest: int, kept: Path | None) -> None:
    limit = (f"limit.historyCount.suggestContinueAsNew={suggest}",) if suggest else ()
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-")))
        stack.enter_context(patch.object(server, "DYNAMIC_CONFIG", (*server.DYNAMIC_CONFIG, *limit)))
        print(json.dumps(await measure(turns, folder, kept, stack)))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="A long run of an agent")
    parser.add_argument("--turns", type=int, default=300)
    parser.add_argument("--suggest", type=int, default=0)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    uvloop.run(main(given.turns, given.suggest, given.keep))

"""Traces of a run, at a real OTLP receiver: an agent on a real Temporal server, and a model that is scripted."""

import asyncio
import os
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from opentelemetry import trace
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from activities.models import models_from_environment
from contracts.agent import AgentTask, Brief
from contracts.budgets import Purse, Spender
from contracts.errors import BadInput
from contracts.machine import MachineSpec
from contracts.steps import AGENTS
from ledger import FolderArtifacts
from tests.console.running import eventually
from tests.machines.own.workflows.scripted import Scripted as Own
from tests.replay.test_replay import HISTORIES, recorded
from tests.support.collector import Collector, Received, collecting
from tests.support.model_server import Called, ModelServer, Scripted
from tests.support.platform import Installation, Platform
from tests.support.repositories import Commit, build
from tests.workflows.own.workflows.guarded import Hurried
from tests.workflows.own.workflows.parent import Ends, Team, TeamOfAgents
from workers import discovery, machines, tracing
from workers.client import connect
from workers.devserver import Binary, DevServer
from workers.processes import free_port
from workers.runner import runner
from workers.settings import Settings
from workers.supervisor.children import platform
from workers.tracing.spans import plugins
from workers.worker import build as build_worker

KEY = "sk-sentinel-of-the-trace-tests"
SECRET = "words that an agent read and nobody else should"


@dataclass(frozen=True)
class World:
    here: Platform
    collector: Collector
    repository: Path

    async def agent(self) -> str:
        """One agent's whole run; the id of its parent's."""
        run = f"traced-{uuid.uuid4()}"
        task = AgentTask(
            brief=self.here.tools.artifacts.put_model(Brief(system=SECRET, task=SECRET)),
            spender=Spender(run=run, workflow="w", team="t", purses=(Purse(run=run, usd=Decimal(10)),)),
            machine=MachineSpec(repository=str(self.repository)),
        )
        handle = await self.here.client.start_workflow(
            TeamOfAgents.run, Team(tasks=[task]), id=run, task_queue=AGENTS, result_type=Ends
        )
        [end] = (await asyncio.wait_for(handle.result(), 100)).ends
        assert end.said == "All is done."
        return run


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    temporal_binary: Binary, running_model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    """Workers without a cache: every step replays all that was before it."""
    folder = tmp_path_factory.mktemp("traces")
    environ = {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": running_model_server.anthropic_url,
        "COUNTERSIGN_PRICES_OF": "anthropic",
    }
    async with AsyncExitStack() as stack:
        temporal = await stack.enter_async_context(DevServer(folder / "temporal", binary=temporal_binary, say=print))
        collector = stack.enter_context(collecting())
        here = await Installation(temporal, folder / "state").open(stack, models=models_from_environment(environ))
        artifacts = FolderArtifacts(here.settings.artifacts)
        traces = tracing.start(here.settings.model_copy(update={"traces": collector.url}), "agents", artifacts)
        stack.callback(traces.stop)
        client = await connect(here.settings, artifacts, plugins=traces.plugins)
        leases = machines.leases(here.settings.state, 0)
        tools = replace(here.tools, leases=leases, models=traces.models(here.tools.models))
        workflows = [*discovery.workflow_classes(), TeamOfAgents]
        await stack.enter_async_context(build_worker(client, "agents", tools, cached_workflows=0, workflows=workflows))
        await stack.enter_async_context(machines.serving(client, tools))
        repository = build(folder / "repository", [Commit("Start", {"a.py": b"print(1)\n"})])
        yield World(replace(here, tools=tools), collector, repository)


@pytest.fixture
def serving(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    monkeypatch.setattr(model_server, "key", KEY)
    return model_server


async def test_a_run_is_one_trace_of_its_steps_models_tools_and_agent(world: World, serving: ModelServer) -> None:
    serving.script(
        Scripted(calls=(Called("run", {"command": f"echo {SECRET}"}, id="call-1"),)),
        Scripted(calls=(Called("read", {"path": f"{SECRET}.txt"}, id="call-2"),), cached_read=300),
        Scripted(text="All is done."),
    )
    run = await world.agent()
    await eventually(lambda: any(each.name.startswith("RunWorkflow:team") for each in world.collector.spans), 20)
    spans = [each for each in world.collector.spans if each.service == "countersign-agents"]
    assert len({each.trace for each in spans}) == 1
    assert Counter(each.span for each in spans).most_common(1)[0][1] == 1, "a replay makes no span again"
    by_name = {each.name: each for each in spans}
    chats = [each for each in spans if each.name.startswith("chat ")]
    assert len(chats) == 3
    known = chats[0].attributes
    assert known["gen_ai.operation.name"] == "chat"
    assert known["gen_ai.provider.name"] == "anthropic"
    assert known["gen_ai.request.model"] == known["gen_ai.response.model"]
    assert known["gen_ai.response.finish_reasons"] == ["tool_call"]
    assert (known["gen_ai.usage.input_tokens"], known["gen_ai.usage.output_tokens"]) == (1000, 50)
    assert known["countersign.usd"] == pytest.approx(0.00125)
    tool = by_name["execute_tool run"]
    assert tool.attributes["gen_ai.tool.call.id"] == "call-1"
    assert by_name["execute_tool read"].error == "tool_error"
    agent = by_name["invoke_agent agent"]
    assert agent.attributes["gen_ai.operation.name"] == "invoke_agent"
    for inner in (*chats, tool):
        assert above(inner, spans) >= {"invoke_agent agent", "RunWorkflow:agent", agent.name}, inner.name
    assert SECRET.encode() not in b"".join(each.raw for each in spans)
    entries = world.here.ledger.entries(run=run, kind="activity")
    assert {entry.facts["trace"] for entry in entries} == {agent.trace}, "one leads to the other"
    assert {each.attributes["temporalWorkflowID"] for each in spans if each.name.startswith("RunWorkflow:team")} == {
        run
    }


def above(span: Received, spans: list[Received]) -> set[str]:
    """The names of the spans that this one is in."""
    known = {each.span: each for each in spans}
    found = set[str]()
    while span := known.get(span.parent):  # type: ignore[assignment]
        found.add(span.name)
    return found


async def test_replaying_a_run_sends_nothing_and_needs_no_trace_in_it(world: World) -> None:
    """The committed histories were recorded without traces. So they may be switched on while runs wait."""
    world.collector.spans.clear()
    replayer = Replayer(
        workflows=[*discovery.workflow_classes(), Own, Hurried],
        data_converter=pydantic_data_converter,
        workflow_runner=runner(),
        plugins=plugins(world.here.tools.artifacts),
    )
    for path in HISTORIES:
        result = await replayer.replay_workflow(recorded(path), raise_on_replay_failure=False)
        assert result.replay_failure is None, path.stem
    tell = trace.get_tracer("after").start_span("after")
    tell.end()
    await eventually(lambda: world.collector.spans, 20)
    assert {each.name for each in world.collector.spans} == {"after"}


async def test_an_error_is_told_by_its_name(world: World, serving: ModelServer) -> None:
    world.collector.spans.clear()
    busy = Scripted(status=529, error="overloaded_error", says=SECRET, headers={"retry-after": "0"})
    serving.script(busy, Scripted(text="All is done."))
    run = await world.agent()
    await eventually(lambda: any(each.name.startswith("RunWorkflow:team") for each in world.collector.spans), 20)
    first, second = sorted(
        (each for each in world.collector.spans if each.name.startswith("chat ")), key=lambda each: not each.error
    )
    assert (first.error, first.attributes["error.type"]) == ("ModelBusy", "ModelBusy")
    assert second.error == ""
    steps = [each for each in world.collector.spans if each.name == "RunActivity:agent.think"]
    assert [each.error for each in steps if each.error] == ["ApplicationError"]
    assert SECRET.encode() not in b"".join(each.raw for each in world.collector.spans)
    assert {each.trace for each in world.collector.spans} == {
        str(entry.facts["trace"]) for entry in world.here.ledger.entries(run=run, kind="activity")
    }


@pytest.mark.parametrize("slow", [True, False], ids=["silent", "down"])
async def test_a_collector_that_is_away_holds_nothing_up(world: World, serving: ModelServer, slow: bool) -> None:
    """Another one besides, which takes and never answers, or isn't there: the run ends, and so does the worker."""
    with collecting(answers=False) as silent:
        url = silent.url if slow else f"http://127.0.0.1:{free_port()}"
        settings = world.here.settings.model_copy(update={"traces": url})
        traces = tracing.start(settings, "agents", FolderArtifacts(settings.artifacts))
        serving.script(Scripted(text="All is done."))
        started = time.monotonic()
        await world.agent()
        assert time.monotonic() - started < 60
        tracer = trace.get_tracer("flood")
        started = time.monotonic()
        for _ in range(10_000):  # more than the queue holds: what is too many is dropped
            tracer.start_span("flood").end()
        assert time.monotonic() - started < 20
        started = time.monotonic()
        traces.stop()
        assert time.monotonic() - started < 2 * tracing.STOP_SECONDS


def test_without_a_collector_nothing_is_traced(tmp_path: Path) -> None:
    """A worker's process imports nothing of OpenTelemetry either."""
    code = """
import sys
from pathlib import Path
from ledger import FolderArtifacts
from workers import interceptors, tracing, worker
from workers.settings import Settings
off = tracing.start(Settings(), "agents", FolderArtifacts(Path(sys.argv[1])))
assert (off.plugins, off.sending, off.models(None)) == ((), None, None)
off.stop()
print([name for name in sys.modules if name.startswith("opentelemetry.sdk")])
"""
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], env=environ, capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "[]", done.stderr


def test_a_collector_without_the_libraries_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "workers.tracing.spans", raising=False)
    monkeypatch.delattr(tracing, "spans", raising=False)
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
    settings = Settings(state=tmp_path).model_copy(update={"traces": "http://127.0.0.1:4318"})
    with pytest.raises(BadInput, match="not installed"):
        tracing.start(settings, "agents", FolderArtifacts(tmp_path))


@pytest.mark.parametrize("name", ["COUNTERSIGN_TRACES", "OTEL_EXPORTER_OTLP_ENDPOINT"])
def test_the_collector_is_named_by_either(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "http://collector:4318")
    assert Settings().traces == "http://collector:4318"
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=secret")
    plans = {plan.name: plan.environment for plan in platform(Settings())}
    assert plans["agents"]["COUNTERSIGN_TRACES"] == plans["effects"]["COUNTERSIGN_TRACES"] == "http://collector:4318"
    assert "OTEL_EXPORTER_OTLP_HEADERS" in plans["agents"]
    assert "OTEL_EXPORTER_OTLP_HEADERS" not in plans["console"]

"""An agent whose history continues as new every few turns: nothing is lost, and its parent notices nothing."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from temporalio.client import WorkflowFailureError, WorkflowHandle, WorkflowHistory
from temporalio.exceptions import is_cancelled_exception

from activities.agent.tools import TOOLS
from activities.mcp.servers import Server
from activities.models import models_from_environment
from contracts.agent import LOOKING, AgentEnd, AgentInput, AgentLimits, AgentTask, Brief
from contracts.budgets import Purse, Spender
from contracts.machine import MachineSpec
from contracts.policy import McpTools, SubAgents
from contracts.steps import AGENTS
from tests.support.mcp_server import Seen, http_server
from tests.support.model_server import Called, ModelServer, Scripted
from tests.support.platform import Installation, Platform
from tests.support.repositories import Commit, build
from tests.workflows.own.workflows.parent import Ends, Team, TeamOfAgents
from workers import discovery, machines
from workers.devserver import Binary, DevServer, server
from workers.worker import build as build_worker

KEY = "sk-sentinel-of-the-agent-tests"
EVENTS = 60  # after which the server suggests to continue as new: four or five turns
PRICE = Decimal("0.00125")  # of one scripted reply: 1,000 tokens in, 50 out


@dataclass(frozen=True)
class World:
    here: Platform
    docs: Seen
    repository: Path

    def task(self, **more: Any) -> AgentTask:
        run = more.pop("run", "run-1")
        known: dict[str, Any] = {
            "brief": self.here.tools.artifacts.put_model(Brief(system="Work.", task="Go on.")),
            "spender": Spender(run=run, workflow="w", team="t", purses=(Purse(run=run, usd=Decimal(10)),)),
            "machine": MachineSpec(repository=str(self.repository)),
        }
        return AgentTask.model_validate(known | more)

    async def team(self, *tasks: AgentTask) -> "WorkflowHandle[Any, Ends]":
        return await self.here.client.start_workflow(
            TeamOfAgents.run, Team(tasks=list(tasks)), id=f"team-{uuid.uuid4()}", task_queue=AGENTS
        )

    async def chain(self, workflow_id: str) -> list[WorkflowHistory]:
        """The histories of all runs of a workflow, the first one first."""
        found, run = list[WorkflowHistory](), ""
        first = await self.here.client.get_workflow_handle(workflow_id).describe()
        run = first.raw_description.workflow_execution_info.first_run_id
        while run:
            history = await self.here.client.get_workflow_handle(workflow_id, run_id=run).fetch_history()
            found.append(history)
            run = history.events[-1].workflow_execution_continued_as_new_event_attributes.new_execution_run_id
        return found

    async def inputs(self, workflow_id: str) -> list[AgentInput]:
        """What each run of a chain was given."""
        return [
            AgentInput.model_validate_json(
                each.events[0].workflow_execution_started_event_attributes.input.payloads[0].data
            )
            for each in await self.chain(workflow_id)
        ]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def world(
    temporal_binary: Binary, running_model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("agents")
    environ = {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": running_model_server.anthropic_url,
        "COUNTERSIGN_PRICES_OF": "anthropic",
    }
    suggesting = f"limit.historyCount.suggestContinueAsNew={EVENTS}"
    async with AsyncExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(server, "DYNAMIC_CONFIG", (*server.DYNAMIC_CONFIG, suggesting))
        temporal = await stack.enter_async_context(DevServer(folder / "temporal", binary=temporal_binary, say=print))
        docs = stack.enter_context(http_server())
        here = await Installation(temporal, folder / "state").open(stack, models=models_from_environment(environ))
        tools = replace(here.tools, leases=machines.leases(here.settings.state, 0), mcp={"docs": Server(url=docs.url)})
        workflows = [*discovery.workflow_classes(), TeamOfAgents]
        worker = build_worker(here.client, "agents", tools, cached_workflows=0, workflows=workflows)
        await stack.enter_async_context(worker)
        await stack.enter_async_context(machines.serving(here.client, tools))
        yield World(
            replace(here, tools=tools),
            docs,
            build(folder / "repository", [Commit("Start", {"a.py": b"print(1)\n"})]),
        )


@pytest.fixture
def serving(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    monkeypatch.setattr(model_server, "key", KEY)
    return model_server


def wants(name: str, /, **given: Any) -> Scripted:
    return Scripted(calls=(Called(name, given),))


async def test_nothing_is_lost_where_it_continues_as_new(world: World, serving: ModelServer) -> None:
    serving.script(
        wants("note", text="The gate is in a.py"),
        wants("mcp_docs_search", words="gate"),
        *(wants("run", command=f"echo {number} >> log.txt; seq 1500") for number in range(10)),
        wants("mcp_docs_delete", name="all"),
        lambda _: (world.docs.turn("Search the documents; push first"), wants("mcp_docs_search", words="more"))[1],
        wants("read", path="log.txt"),
        Scripted(text="Never asked for."),
    )
    wanted = McpTools(server="docs", tools=("search", "delete"))
    limits = AgentLimits(steps=15, talk_chars=10_000)
    handle = await world.team(world.task(mcp=(wanted,), limits=limits, run="run-lost"))
    [end] = (await handle.result()).ends
    serving.queue.clear()  # the last one: its steps were over

    given = await world.inputs(f"{handle.id}/agent-0")
    assert len(given) > 2, "it did continue as new"
    progress = [each.progress for each in given[1:]]
    assert all(progress)
    assert len({each.started_at for each in progress if each}) == 1, "its time is counted from the first run"
    assert len({each.machine.lease.lease for each in progress if each and each.machine and each.machine.lease}) == 1
    assert (end.state, end.steps) == ("limit", 15)
    assert "after 15 steps" in end.says
    assert end.spent.usage.input == 15 * 1000
    assert end.spent.usd == PRICE * 15
    assert [str(world.here.ledger.accounts("run/run-lost")[0].spent)] == [str(PRICE * 15)]

    last = json.dumps(serving.requests[-1].body["messages"])
    assert "Your note: The gate is in a.py" in last, "the older turns were cut down, and the note is whole"
    assert "now describes it otherwise than when this run began" in last
    tools = [sorted(tool["name"] for tool in each.body["tools"]) for each in serving.requests]
    assert all(each == tools[0] for each in tools), "what is offered stays as it was"
    assert "mcp_docs_search" in tools[0]
    assert "mcp_docs_delete" not in tools[0]
    assert [name for name, _ in world.docs.called] == ["search"]
    told = json.dumps(serving.requests[-1].body["messages"]) + json.dumps(serving.requests[13].body["messages"])
    assert "There is no tool 'mcp_docs_delete'" in told
    assert end.machine is not None
    assert end.machine.checkpoint
    assert world.here.tools.leases is not None
    assert world.here.tools.leases.all() == []


async def test_a_cancelled_parent_leaves_no_machine(world: World, serving: ModelServer) -> None:
    """After the first continue-as-new, at whatever moment of it the cancellation comes."""
    serving.script(*(wants("find", pattern=f"{number}.*") for number in range(200)))
    handle = await world.team(world.task(limits=AgentLimits(steps=200)))
    child = f"{handle.id}/agent-0"
    while len(serving.requests) < 12:
        await asyncio.sleep(0.02)
    assert len(await world.chain(child)) > 1
    await handle.cancel()
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert is_cancelled_exception(failed.value.cause)
    serving.queue.clear()
    assert world.here.tools.leases is not None
    assert world.here.tools.leases.all() == []
    last = await world.here.client.get_workflow_handle(child).describe()
    assert last.status is not None
    assert last.status.name == "CANCELED"


async def test_a_cancellation_at_the_very_moment_it_continues_as_new(world: World, serving: ModelServer) -> None:
    """As soon as another run is seen to have taken over: it may not have taken its first step."""
    serving.script(*(wants("find", pattern=f"{number}.*") for number in range(200)))
    handle = await world.here.client.start_workflow(
        "agent",
        AgentInput(task=world.task(limits=AgentLimits(steps=200))),
        id=f"agent-{uuid.uuid4()}",
        task_queue=AGENTS,
        result_type=AgentEnd,
    )
    first = handle.first_execution_run_id
    by_id = world.here.client.get_workflow_handle(handle.id)
    while (await by_id.describe()).run_id == first:
        pass
    await by_id.cancel()
    with pytest.raises(WorkflowFailureError) as failed:
        await handle.result()
    assert is_cancelled_exception(failed.value.cause)
    serving.queue.clear()
    assert world.here.tools.leases is not None
    assert world.here.tools.leases.all() == []


async def test_agents_side_by_side_spend_what_their_parent_has(world: World, serving: ModelServer) -> None:
    """Two agents with purses of their own below one run's: the run's limit holds over both at once."""
    above = Purse(run="run-shared", usd=Decimal("0.15"))
    purses = [(Purse(run=f"run-shared/{number}", usd=Decimal(5)), above) for number in range(2)]
    tasks = [
        world.task(spender=Spender(run=pair[0].run, workflow="w", team="t", purses=pair), limits=AgentLimits(steps=100))
        for pair in purses
    ]
    serving.script(*(Scripted(calls=(Called("find", {"pattern": f"{n}.*"}),), output_tokens=3000) for n in range(200)))
    ends = (await (await world.team(*tasks)).result()).ends
    asked = len(serving.requests)
    serving.queue.clear()
    assert [each.state for each in ends] == ["budget", "budget"]
    assert all("the budget of the run above it" in each.says for each in ends), [each.says for each in ends]
    accounts = {each.name: each for each in world.here.ledger.accounts("run/run-shared")}
    spent = accounts["run/run-shared"].spent
    assert spent == sum((each.spent.usd or Decimal(0) for each in ends), Decimal(0))
    assert spent == accounts["run/run-shared/0"].spent + accounts["run/run-shared/1"].spent
    assert Decimal("0.05") < spent <= Decimal("0.15")
    assert accounts["run/run-shared"].reserved == 0
    assert asked == sum(each.steps for each in ends)


async def test_tokens_are_counted_over_all_runs(world: World, serving: ModelServer) -> None:
    serving.script(*(wants("find", pattern=f"{number}.*") for number in range(12)))
    handle = await world.team(world.task(limits=AgentLimits(tokens=12_000, time=timedelta(hours=1))))
    [end] = (await handle.result()).ends
    assert (end.state, end.steps) == ("limit", 12)
    assert "12,600 tokens" in end.says
    assert len(await world.chain(f"{handle.id}/agent-0")) > 1


async def test_another_agent_answers_a_question_about_the_work_as_it_is(world: World, serving: ModelServer) -> None:
    serving.script(
        wants("write", path="b.py", text="ANSWER = 42\n"),
        wants("ask", question="What is ANSWER in b.py?"),
        wants("read", path="b.py"),
        wants("write", path="b.py", text="ANSWER = 43\n"),
        wants("ask", question="And you?"),
        Scripted(text="b.py:1 says that ANSWER is 42."),
        wants("read", path="b.py"),
        Scripted(text="It is 42."),
    )
    handle = await world.team(world.task(run="run-asks", sub_agents=SubAgents(usd=Decimal(5))))
    [end] = (await handle.result()).ends
    assert (end.state, end.said, end.steps, end.spent.asked) == ("done", "It is 42.", 4, 4)

    offered = [{tool["name"] for tool in each.body["tools"]} for each in serving.requests]
    assert "ask" in offered[0]
    assert all(each == set(LOOKING) for each in offered[2:6])
    assert not any(TOOLS[name].changes for name in LOOKING)
    question, refused, alone = (json.dumps(serving.requests[number].body["messages"]) for number in (2, 4, 5))
    assert "What is ANSWER in b.py?" in question
    assert "Go on." not in question, "it knows nothing of the other's talk"
    assert "There is no tool 'write'" in refused
    assert "There is no tool 'ask'" in alone
    answered = json.dumps(serving.requests[6].body["messages"])
    assert "ANSWER is 42" in answered
    assert "<<<ANSWER" in answered, "a model's words, and no instruction"
    assert "ANSWER = 42" in json.dumps(serving.requests[7].body["messages"][-1]), "the work went on where it was"

    accounts = {each.name: each.spent for each in world.here.ledger.accounts("run/run-asks")}
    assert accounts.pop("run/run-asks") == end.spent.usd == PRICE * 8, "whoever asks pays"
    assert accounts == {}
    asked = world.here.ledger.accounts(f"run/{handle.id}")
    assert [(each.name, each.spent) for each in asked] == [(f"run/{handle.id}/agent-0/ask-1", PRICE * 4)]
    entries = world.here.ledger.entries(run="run-asks", kind="model")
    assert sum(each.outcome == "ok" for each in entries) == 8, "all of it is in the log of the run"
    assert world.here.tools.leases is not None
    assert world.here.tools.leases.all() == []


async def test_questions_have_limits_of_steps_of_number_and_of_money(world: World, serving: ModelServer) -> None:
    serving.script(
        wants("ask", question=""),
        wants("ask", question="One?"),
        wants("find", pattern="1.*"),
        wants("find", pattern="2.*"),
        wants("ask", question="Two?"),
        Scripted(text="Two."),
        wants("ask", question="Three?"),
        Scripted(text="Done."),
    )
    allowed = SubAgents(most=2, steps=2, usd=Decimal(5))
    [end] = (await (await world.team(world.task(sub_agents=allowed))).result()).ends
    assert (end.state, end.steps, end.spent.asked) == ("done", 5, 3)
    told = [json.dumps(each.body["messages"][-1]) for each in serving.requests]
    assert "The arguments of 'ask' can't be used" in told[1]
    assert "gave no answer: It stopped after 2 steps" in told[4]
    assert "asked as often as you may" in told[7]

    serving.script(wants("ask", question="Why?"), Scripted(text="Alone, then."))
    poor = world.task(run="run-poor", sub_agents=SubAgents(usd=Decimal("0.001")))
    [end] = (await (await world.team(poor)).result()).ends
    assert (end.state, end.spent.asked) == ("done", 0)
    assert "gave no answer" in json.dumps(serving.requests[-1].body["messages"][-1])
    assert world.here.ledger.accounts("run/run-poor")[0].spent == PRICE * 2


async def test_without_a_policy_s_word_there_is_nobody_to_ask(world: World, serving: ModelServer) -> None:
    serving.script(wants("ask", question="Anybody?"), Scripted(text="Nobody."))
    [end] = (await (await world.team(world.task())).result()).ends
    assert end.state == "done"
    assert "There is no tool 'ask'" in json.dumps(serving.requests[1].body["messages"][-1])

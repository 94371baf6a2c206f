"""A workflow for tests: several agents at once, all of whose money is its own."""

import asyncio

from pydantic import BaseModel
from temporalio import workflow

from workflows.agent import at_work

with workflow.unsafe.imports_passed_through():
    from contracts.agent import AgentEnd, AgentInput, AgentTask


class Team(BaseModel):
    tasks: list[AgentTask]


class Ends(BaseModel):
    ends: list[AgentEnd]


@workflow.defn(name="team_of_agents")
class TeamOfAgents:
    @workflow.run
    async def run(self, team: Team) -> Ends:
        run = workflow.info().workflow_id
        agents = [at_work(AgentInput(task=task), id=f"{run}/agent-{number}") for number, task in enumerate(team.tasks)]
        return Ends(ends=list(await asyncio.gather(*agents)))

"""The agent loop: a model is asked, the tools it wants are used, and it is asked again.

A scoped workflow starts it as a child, so that the child's history can continue as new by itself. Each model call and
each tool call is an activity of its own: the Temporal UI shows what the agent did. Whether the work is any good is not
decided here: checks, proof and a person come after it.
"""

import asyncio
from contextlib import suppress
from datetime import timedelta
from typing import Any

from temporalio import workflow
from temporalio.exceptions import (
    ActivityError,
    ApplicationError,
    ChildWorkflowError,
    FailureError,
    is_cancelled_exception,
)

from workflows.machine import CallInterrupted, Machine
from workflows.steps import step

with workflow.unsafe.imports_passed_through():
    # Types only, see workflows/steps.py.
    from contracts import shown
    from contracts.agent import (
        LOOKING,
        AgentEnd,
        AgentInput,
        AgentProgress,
        AgentTask,
        EndState,
        Given,
        McpOffer,
        Thinking,
        ThinkRequest,
        ToolUse,
        Wanted,
    )
    from contracts.budgets import Purse
    from contracts.errors import BudgetSpent
    from contracts.mcp import AskForTools, McpUse
    from contracts.policy import SubAgents
    from contracts.steps import AGENT_THINK, MCP_CALL, MCP_OFFER, TOOL_CHANGE, TOOL_LOOK

DECLINED = ("refusal", "content_filter")
CUT_IN_A_ROW = 3
EXTRA = timedelta(minutes=2)  # after a tool's own time, for the checkpoint


@workflow.defn(name="agent", failure_exception_types=[ValueError, TypeError, LookupError])
class Agent:
    """One agent at work. It ends with what it says it did, and the machine's state as it left it."""

    @workflow.init
    def __init__(self, given: AgentInput) -> None:
        self.task = given.task
        self.so_far = given.progress or AgentProgress(started_at=workflow.now())
        self.machine = Machine(given.task.machine, name="agent", state=self.so_far.machine)
        if given.progress is None and given.start is not None:
            self.machine.adopt(given.start)

    @workflow.run
    async def run(self, given: AgentInput) -> AgentEnd:
        async with self.machine:
            await self.ask_for_tools()
            while not (limit := self.limit_reached()):
                try:
                    thought = await self.think()
                except ActivityError as error:
                    return await self.could_not_think(error)
                if thought.stop in DECLINED:
                    return await self.end("refused", thought.says, thought.said)
                if not thought.wanted and (thought.stop != "length" or self.so_far.cut > CUT_IN_A_ROW):
                    return await self.end("done" if thought.stop != "length" else "stuck", thought.says, thought.said)
                self.note(given=tuple([await self.use(wanted) for wanted in thought.wanted]))
                if workflow.info().is_continue_as_new_suggested():
                    self.note(machine=self.machine.state)
                    workflow.continue_as_new(AgentInput(task=self.task, progress=self.so_far))
            return await self.end("limit", limit)

    async def ask_for_tools(self) -> None:
        """Once, at the start: what servers outside offer of what the policy wants. Without them it works on."""
        if self.task.mcp and self.so_far.mcp is None:
            try:
                asked = AskForTools(wanted=self.task.mcp)
                offer = await step(MCP_OFFER, asked, summary="Ask MCP servers for their tools")
            except ActivityError as error:
                if is_cancelled_exception(error):
                    raise
                offer = McpOffer(missing=("No server could be asked.",))
            self.note(mcp=offer)

    async def think(self) -> Thinking:
        """One model call. What it says and wants becomes part of the talk."""
        number, so_far, task = self.so_far.steps + 1, self.so_far, self.task
        request = ThinkRequest(
            brief=task.brief,
            talk=so_far.talk,
            given=so_far.given,
            tools=task.tools,
            offer=so_far.mcp.offer if so_far.mcp else "",
            ask=task.sub_agents is not None,
            tier=task.tier,
            limits=task.limits,
            spender=task.spender,
            step=number,
        )
        thought = await step(AGENT_THINK, request, summary=f"Ask the model, step {number}")
        self.note(
            talk=thought.talk,
            steps=number,
            spent=so_far.spent.plus(thought.usage, thought.usd, thought.model),
            cut=so_far.cut + 1 if thought.stop == "length" else 0,
            given=(),
        )
        workflow.set_current_details(shown.words(f"Step {number}: {thought.says}"))
        return thought

    async def use(self, wanted: Wanted) -> Given:
        """One tool call. What it gives is for the model, errors too; a lost machine is told of and not hidden."""
        if wanted.answer:
            return Given(call=wanted.call, result=wanted.answer)
        if wanted.mcp:
            return await self.call_outside(wanted)
        if wanted.brief:
            return await self.ask(wanted)

        def request(lease: str) -> ToolUse:
            return ToolUse(
                lease=lease,
                call=wanted.call,
                tool=wanted.name,
                about=wanted.says,
                limits=self.task.limits,
                test=self.task.test,
                environment=self.task.environment,
            )

        try:
            if wanted.changes:
                limit = timedelta(seconds=self.task.limits.tool_seconds) + EXTRA
                done = await self.machine.change(TOOL_CHANGE, request, wanted.says, timeout=limit)
            else:
                done = await self.machine.look(TOOL_LOOK, request, wanted.says)
        except CallInterrupted as interrupted:
            return Given(call=wanted.call, words=str(interrupted.message))
        return Given(call=wanted.call, result=done.result)

    async def call_outside(self, wanted: Wanted) -> Given:
        """One call of an MCP server's tool. It changes nothing, so Temporal may repeat it."""
        assert self.so_far.mcp is not None
        use = McpUse(
            call=wanted.call,
            offer=self.so_far.mcp.offer,
            tool=wanted.name,
            about=wanted.says,
            limits=self.task.limits,
        )
        try:
            done = await step(MCP_CALL, use, summary=wanted.says)
        except ActivityError as error:
            if is_cancelled_exception(error):
                raise
            return Given(call=wanted.call, words="The call could not be made. Work without it.")
        return Given(call=wanted.call, result=done.result)

    async def ask(self, wanted: Wanted) -> Given:
        """A question to an agent of its own, a child run on a machine with the work as it is. It asks nobody else."""
        allowed, number = self.task.sub_agents, self.so_far.asked + 1
        if allowed is None or number > allowed.most:
            return Given(call=wanted.call, words="You have asked as often as you may. Find it out yourself.")
        self.note(asked=number)
        await self.machine.park()  # room for the other's; the work is kept
        id = f"{workflow.info().workflow_id}/ask-{number}"
        asked = AgentInput(task=self.question(wanted, allowed, id), start=self.machine.state)
        try:
            end = await at_work(asked, id=id, summary=shown.summary(wanted.says))
        except ChildWorkflowError as error:
            if is_cancelled_exception(error):
                raise
            return Given(call=wanted.call, words="The other agent could not work. Find it out yourself.")
        spent = self.so_far.spent.plus(end.spent.usage, end.spent.usd, end.spent.model)
        self.note(spent=spent.model_copy(update={"asked": spent.asked + end.steps}))
        if end.state == "done" and end.said:
            return Given(call=wanted.call, answer=end.said)
        why = end.says if end.state in ("limit", "budget") else end.state  # in our words, and not in a model's
        return Given(call=wanted.call, words=f"The other agent gave no answer: {why}")

    def question(self, wanted: Wanted, allowed: SubAgents, id: str) -> AgentTask:
        """It has what is left of this agent's tokens and time, and a purse of its own below this agent's."""
        task, limits, used = self.task, self.task.limits, self.so_far.spent.usage
        left = {
            "steps": allowed.steps,
            "tokens": max(1, limits.tokens - used.prompt - used.written),
            "time": max(timedelta(0), limits.time - (workflow.now() - self.so_far.started_at)),
        }
        purses = (Purse(run=id, usd=allowed.usd), *task.spender.purses)
        return AgentTask(
            brief=wanted.brief,
            tools=LOOKING,
            tier=task.tier,
            limits=limits.model_copy(update=left),
            spender=task.spender.model_copy(update={"purses": purses}),
            machine=task.machine,
        )

    def limit_reached(self) -> str:
        """Which limit was reached, in words; empty while there is room."""
        limits, so_far = self.task.limits, self.so_far
        tokens = so_far.spent.usage.prompt + so_far.spent.usage.written
        if so_far.steps >= limits.steps:
            return f"It stopped after {so_far.steps} steps, as many as it may take."
        if tokens >= limits.tokens:
            return f"It stopped after {tokens:,} tokens; it may use {limits.tokens:,}."
        if workflow.now() - so_far.started_at >= limits.time:
            return f"It stopped after {limits.time}, the time that it has."
        return ""

    def note(self, **changed: Any) -> None:
        self.so_far = self.so_far.model_copy(update=changed)

    async def could_not_think(self, error: ActivityError) -> AgentEnd:
        """The model can't be asked any more: the money is gone, or it stays out of reach. The work is kept."""
        if is_cancelled_exception(error):
            raise error
        cause = error.cause
        spent = isinstance(cause, ApplicationError) and cause.type == BudgetSpent.__name__
        says = cause.message if isinstance(cause, ApplicationError) else str(cause)
        return await self.end("budget" if spent else "stuck", says)

    async def end(self, state: EndState, says: str, said: str = "") -> AgentEnd:
        """How it ended, with the machine given back and its work kept."""
        return AgentEnd(
            state=state,
            says=says,
            said=said,
            talk=self.so_far.talk,
            steps=self.so_far.steps,
            spent=self.so_far.spent,
            machine=await self.machine.park(),
        )


async def at_work(given: AgentInput, *, id: str, summary: str = "") -> AgentEnd:
    """Start an agent as a child run, and wait for its end. A cancellation of the parent reaches it wherever it is.

    The SDK asks the child's first run to cancel, and one that continued as new is another: the agent would work on.
    So it is asked by its id alone.
    """
    child = await workflow.start_child_workflow(
        Agent.run, given, id=id, static_summary=summary or f"The agent of {workflow.info().workflow_id}"
    )
    try:
        return await asyncio.shield(child)
    except asyncio.CancelledError:
        with suppress(FailureError):  # it has ended meanwhile
            await workflow.get_external_workflow_handle(id).cancel()
        await workflow.wait([child])  # until its machine is destroyed
        raise

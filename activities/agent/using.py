"""Using a tool on the machine that the agent holds. What goes wrong with the call itself is told to the model."""

import asyncio
from typing import Any

from temporalio import activity

from activities.agent.desk import Desk
from activities.agent.tools import TOOLS, AnyTool, ToolProblem
from activities.agent.tools.tool import checked
from activities.machine.calls import MachineCalls
from activities.machine.leases import Held
from activities.models.fence import fenced
from activities.progress import progress
from contracts import shown
from contracts.agent import ToolDone, ToolUse
from contracts.errors import CountersignError
from contracts.steps import TOOL_CHANGE, TOOL_LOOK
from contracts.tools import ToolCall, ToolResult

LONGEST_SAYING = 160


class ToolCalls(MachineCalls):
    """Registered on the queue of the process that holds the machines."""

    @activity.defn(name=TOOL_LOOK.name)
    async def look_by_tool(self, request: ToolUse) -> ToolDone:
        """A tool that changes nothing."""
        async with self._using(request) as held:
            return await self._used(held, request)

    @activity.defn(name=TOOL_CHANGE.name)
    async def change_by_tool(self, request: ToolUse) -> ToolDone:
        """A tool that may change files: the work is kept before the run hears of it."""
        async with self._changing(request) as held:
            return await self._kept(held, await self._used(held, request))

    async def _used(self, held: Held, request: ToolUse) -> ToolDone:
        call = await asyncio.to_thread(self._artifacts.get_model, ToolCall, request.call)
        limits = request.limits
        desk = Desk(
            held.sandbox, held.folder, request.test, request.environment, limits.tool_chars, limits.tool_seconds
        )
        async with progress(f"using {call.name}"):
            result = await result_of(call, desk)
        says = shown.spelt(f"{request.about or call.name}{': refused' if result.failed else ''}")[:LONGEST_SAYING]
        ref = await asyncio.to_thread(self._artifacts.put_model, result)
        return ToolDone(result=ref, failed=result.failed, says=says)


async def result_of(call: ToolCall, desk: Desk) -> ToolResult:
    """The tool's answer, or what is wrong with the call. Raises what a new machine may put right."""
    tool = TOOLS.get(call.name)
    if tool is None:
        return call.gives(f"There is no tool {call.name!r}.", failed=True)
    try:
        said = desk.clip(await tool.use(desk, checked(tool, call.arguments)))
        return call.gives(fenced("RESULT", said))  # files, commits and programs are strangers' words
    except ToolProblem as problem:
        return call.gives(desk.clip(str(problem)), failed=True)
    except CountersignError as error:
        if error.retryable:
            raise
        return call.gives(desk.clip(str(error)), failed=True)


def about(tool: AnyTool, given: dict[str, Any]) -> str:
    """The call in a few words, whatever its arguments are."""
    try:
        return shown.spelt(" ".join(tool.says(checked(tool, given)).split()))[:LONGEST_SAYING]
    except ToolProblem:
        return tool.name

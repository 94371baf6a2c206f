"""Asking MCP servers for the tools that a policy lists, and calling one. A server's failure never fails the run."""

import asyncio
from datetime import UTC, datetime

from temporalio import activity

from activities.agent.desk import clipped
from activities.mcp.answers import text_of
from activities.mcp.offering import Unusable, declared_by, digest_of, offered, problems
from activities.mcp.reaching import ServerProblem, talking
from activities.models.fence import fenced
from activities.progress import progress
from activities.toolbox import Toolbox
from contracts import shown
from contracts.agent import McpName, McpOffer
from contracts.mcp import AskForTools, McpDone, McpUse, Offered, OfferedTool
from contracts.policy import McpTools
from contracts.records import Entry
from contracts.runs import run_of
from contracts.steps import MCP_CALL, MCP_OFFER
from contracts.tools import ToolCall, ToolResult

LONGEST_SAYING = 300
LONGEST_WHOLE = 4_000_000


class McpCalls:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._tools = toolbox
        self._artifacts = toolbox.artifacts

    @activity.defn(name=MCP_OFFER.name)
    async def offer(self, request: AskForTools) -> McpOffer:
        """What the servers offer of what the policy wants, and what is missing with the reason. Never fails for a
        server's sake."""
        async with progress("asking for tools"):
            asked = await asyncio.gather(*(self._ask(each) for each in request.wanted))
        tools = tuple(tool for found, _ in asked for tool in found)
        missing = tuple(shown.spelt(why)[:LONGEST_SAYING] for _, lacking in asked for why in lacking)
        ref = await asyncio.to_thread(self._artifacts.put_model, Offered(tools=tools))
        says = f"MCP tools: {', '.join(tool.name for tool in tools) or 'none'}"
        return McpOffer(
            offer=ref,
            tools=tuple(McpName(**tool.model_dump(include=set(McpName.model_fields))) for tool in tools),
            missing=missing,
            says="; ".join([says, *(f"missing: {why}" for why in missing)])[:500],
        )

    async def _ask(self, wanted: McpTools) -> tuple[list[OfferedTool], list[str]]:
        server = self._tools.mcp.get(wanted.server)
        if server is None:
            return [], [f"{wanted.server}: no such server is in COUNTERSIGN_MCP_SERVERS"]
        try:
            async with talking(server, self._tools.sandboxes, _run()) as client:
                declared = await declared_by(client)
        except ServerProblem as problem:
            return [], [f"{wanted.server}: {problem}"]
        found, missing = list[OfferedTool](), list[str]()
        for name in dict.fromkeys(wanted.tools):
            try:
                if name not in declared:
                    raise Unusable("the server has no such tool")
                found.append(offered(wanted.server, declared[name]))
            except Unusable as why:
                missing.append(f"{wanted.server}/{name}: {why}")
        return found, missing

    @activity.defn(name=MCP_CALL.name)
    async def call(self, request: McpUse) -> McpDone:
        """One call of a tool that was offered. Whatever goes wrong is told to the model."""
        call = await asyncio.to_thread(self._artifacts.get_model, ToolCall, request.call)
        async with progress(f"calling {call.name}"):
            whole, failed, ours = await self._answer(call, request)
        said = clipped(whole, request.limits.tool_chars)
        result = call.gives(said if ours else fenced("RESULT", said), failed=failed)
        how = (
            f": {whole}"
            if ours
            else f": failed, {len(whole):,} characters"
            if failed
            else f", {len(whole):,} characters"
        )
        return McpDone(
            result=await asyncio.to_thread(self._artifacts.put_model, result),
            whole=await asyncio.to_thread(self._kept, call, whole, result),
            failed=failed,
            says=shown.spelt(f"{request.about or call.name}{how}")[:LONGEST_SAYING],
        )

    def _kept(self, call: ToolCall, whole: str, result: ToolResult) -> str:
        """All that a server said, where the model was given less."""
        return "" if whole in result.text else self._artifacts.put_model(call.gives(whole[:LONGEST_WHOLE]))

    async def _answer(self, call: ToolCall, request: McpUse) -> tuple[str, bool, bool]:
        """What came, whether it is an error, and whether these are our own words."""
        body = await asyncio.to_thread(self._artifacts.get_model, Offered, request.offer)
        tool = next((each for each in body.tools if each.name == call.name), None)
        server = self._tools.mcp.get(tool.server) if tool else None
        if tool is None or server is None:
            return f"There is no tool {call.name!r} any more.", True, True
        try:
            if wrong := await asyncio.to_thread(problems, tool, call.arguments):
                return f"The arguments of {call.name!r} can't be used: {wrong}.", True, True
            async with talking(server, self._tools.sandboxes, _run()) as client:
                now = (await declared_by(client)).get(tool.tool)
                if now is None or digest_of(now) != tool.digest:
                    return await self._changed(tool, gone=now is None), True, True
                result = await client.call_tool(tool.tool, call.arguments)
                return text_of(result), bool(result.is_error), False
        except ServerProblem as problem:
            return f"The server {tool.server!r} gave no answer: {shown.spelt(str(problem))}.", True, True

    async def _changed(self, tool: OfferedTool, *, gone: bool) -> str:
        """A server that describes a tool otherwise than at the start: written down, and not called."""
        how = "no longer has it" if gone else "now describes it otherwise than when this run began"
        says = f"{tool.name!r} was not called: the server {tool.server!r} {how}. Work without it."
        info, at = activity.info(), datetime.now(UTC)
        await self._tools.ledger.write(
            Entry(
                key=f"mcp/{info.workflow_run_id}/{info.activity_id}",
                kind="refusal",
                name="mcp.changed",
                says=says,
                run=_run(),
                workflow=info.workflow_type or "",
                outcome="refused",
                started_at=at,
                finished_at=at,
                facts={"server": tool.server, "tool": tool.tool, "digest": tool.digest},
            )
        )
        return says


def _run() -> str:
    return run_of(activity.info().workflow_id or "")

"""Asking the model: the brief, the talk so far and what the tools gave, cut down where they don't fit."""

import asyncio
import itertools
from collections.abc import Sequence

from temporalio import activity

from activities.agent import sub_agents
from activities.agent.asking import Asking, asking
from activities.agent.compaction import compacted, size
from activities.agent.talk import Talks
from activities.agent.tools import TOOLS, chosen, declared
from activities.agent.using import about
from activities.models.fence import fenced
from activities.progress import Progress, progress
from activities.toolbox import Toolbox
from contracts import shown
from contracts.agent import Brief, Given, Thinking, ThinkRequest, Wanted
from contracts.errors import ContextOverflow
from contracts.mcp import Offered
from contracts.models import Message, ModelReply, ModelRequest, Text, Tool, ToolCall, ToolResult
from contracts.steps import AGENT_THINK

SMALLEST_TALK = 8_000
LONGEST_SAYING, LONGEST_CALL = 300, 120
GO_ON = "Your last reply was cut at its length. Go on with one tool call, or with your last words."


class AgentThinking:
    """Registered on the agents' queue."""

    def __init__(self, toolbox: Toolbox) -> None:
        self._toolbox = toolbox
        self._artifacts = toolbox.artifacts
        self._talks = Talks(toolbox.artifacts)

    @activity.defn(name=AGENT_THINK.name)
    async def think(self, request: ThinkRequest) -> Thinking:
        """One model call. Raises ModelBusy (retried), BudgetSpent, ModelMisconfigured, ContextOverflow."""
        async with progress("reading the talk so far") as told:
            call = asking(self._toolbox, request)
            brief, said = await asyncio.to_thread(self._read, request)
            ours = tuple(declared(tool) for tool in chosen(request.tools))
            tools = (
                *ours,
                *([sub_agents.ASK] if request.ask else []),
                *await asyncio.to_thread(self._offered, request.offer),
            )
            reply, messages, cut = await self._reply(call, brief, said, tools, told)
            return await asyncio.to_thread(self._kept, request, reply, messages, cut, tools)

    def _read(self, request: ThinkRequest) -> tuple[Brief, list[Message]]:
        brief = self._artifacts.get_model(Brief, request.brief)
        said = self._talks.read(request.talk)
        return brief, [*said, *self._news(request, said)]

    def _offered(self, offer: str) -> list[Tool]:
        """The tools of servers outside, as they were when the agent started."""
        body = self._artifacts.get_model(Offered, offer) if offer else Offered()
        return [Tool(name=each.name, description=each.description, schema_=each.arguments) for each in body.tools]

    def _news(self, request: ThinkRequest, said: Sequence[Message]) -> list[Message]:
        if request.given:
            return [Message.answering([self._result(each) for each in request.given])]
        return [Message(role="user", text=GO_ON)] if said else []

    def _result(self, given: Given) -> ToolResult:
        if given.result:
            return self._artifacts.get_model(ToolResult, given.result)
        call = self._artifacts.get_model(ToolCall, given.call)
        if given.answer:
            return call.gives(fenced("ANSWER", given.answer))
        return call.gives(given.words, failed=True)

    async def _reply(
        self, asked: Asking, brief: Brief, said: list[Message], tools: tuple[Tool, ...], told: Progress
    ) -> tuple[ModelReply, list[Message], int]:
        """The reply, the talk that it answers, and how many turns of it were cut down. Where the provider finds it
        still too long, nothing was charged, and half as much is tried."""
        room = asked.limits.talk_chars
        for number in itertools.count(1):
            messages, cut = compacted(said, room)
            request = ModelRequest(
                system=brief.system,
                messages=opened(brief, messages),
                max_output_tokens=asked.limits.reply_tokens,
                tools=tools,
            )
            try:
                return await asked.call(request, number, told), messages, cut
            except ContextOverflow:
                room = min(room, size(messages)) // 2
                if room < SMALLEST_TALK:
                    raise
        raise AssertionError("a talk is either answered or too long")

    def _kept(
        self, request: ThinkRequest, reply: ModelReply, messages: list[Message], cut: int, tools: tuple[Tool, ...]
    ) -> Thinking:
        news = messages[-1:] if request.given or request.talk else []
        talk = (
            self._talks.fresh([*messages, reply.message()])
            if cut
            else self._talks.add(request.talk, *news, reply.message())
        )
        wanted = tuple(self._wanted(call, tools) for call in reply.calls)
        said = shown.spelt(reply.text or reply.refusal)
        return Thinking(
            talk=talk,
            wanted=wanted,
            said=said[:4000],
            stop=reply.stop,
            usage=reply.usage,
            usd=reply.usd,
            model=reply.model,
            compacted=cut,
            says=saying(reply, wanted),
        )

    def _wanted(self, call: ToolCall, tools: tuple[Tool, ...]) -> Wanted:
        ref, problem = self._artifacts.put_model(call), call.problem(tools)
        if call.name == sub_agents.NAME and not problem:
            return self._question(call, ref)
        answer = self._artifacts.put_model(call.gives(problem, failed=True)) if problem else ""
        tool = TOOLS.get(call.name)
        says = about(tool, call.arguments) if tool else asked(call)
        return Wanted(
            name=call.name[:64],
            call=ref,
            says=says,
            changes=bool(tool and tool.changes),
            mcp=tool is None and not problem,
            answer=answer,
        )

    def _question(self, call: ToolCall, ref: str) -> Wanted:
        told, problem = sub_agents.brief(call)
        return Wanted(
            name=call.name,
            call=ref,
            says=sub_agents.about(call),
            brief=self._artifacts.put_model(told) if told else "",
            answer=self._artifacts.put_model(call.gives(problem, failed=True)) if problem else "",
        )


def opened(brief: Brief, messages: Sequence[Message]) -> tuple[Message, ...]:
    """The task, then the talk. Turns have to alternate, so a talk that begins with the other side's joins the task."""
    if messages and messages[0].role == "user":
        first = Message(role="user", parts=(Text(text=brief.task), *messages[0].content()))
        return (first, *messages[1:])
    return (Message(role="user", text=brief.task), *messages)


def asked(call: ToolCall) -> str:
    """A call of a tool that isn't ours, in a few words."""
    given = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    return shown.spelt(" ".join(f"{call.name}({given})".split()))[:LONGEST_CALL]


def saying(reply: ModelReply, wanted: Sequence[Wanted]) -> str:
    """A reply in a few words for people: what it wants done, else what it said."""
    if reply.declined:
        return f"{reply.model} declined: {shown.spelt(reply.refusal or reply.stop)}"[:LONGEST_SAYING]
    if wanted:
        return f"{reply.model} wants to {'; '.join(each.says for each in wanted)}"[:LONGEST_SAYING]
    return f"{reply.model} said: {' '.join(shown.spelt(reply.text).split())}"[:LONGEST_SAYING]

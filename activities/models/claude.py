"""Anthropic's Messages API through its own client, streamed."""

from collections.abc import AsyncIterable
from typing import Any, ClassVar, cast

import anthropic

from activities.models.client import ModelClient
from activities.models.gathered import Gathered, arguments_of
from activities.models.prices import Tariff
from activities.models.protocol import Progress
from activities.models.service import Service
from activities.models.wire import EMPTY, is_forcing, is_own, offered
from contracts.models import Message, ModelRequest, Part, Stop, Text, Thought, Tool, ToolCall, ToolResult

DEFAULT_URL = "https://api.anthropic.com"
DEFAULT_MODEL = "claude-haiku-4-5"
DEFAULT_LARGE = "claude-sonnet-5"
TARIFF = Tariff(provider="anthropic")

CACHED = {"cache_control": {"type": "ephemeral"}}


class Claude(ModelClient):
    """A model of Anthropic, or of a server that speaks its protocol."""

    provider = "anthropic"
    stops: ClassVar[dict[str, Stop]] = {
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "refusal": "refusal",
        "tool_use": "tool",
    }

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.forced = True  # until the model says that it can't be
        wait = service.timeouts
        self.client = anthropic.AsyncAnthropic(
            api_key=service.key,
            base_url=service.base_url,
            max_retries=0,
            timeout=anthropic.Timeout(wait.silence, connect=wait.connect),
        )

    async def stream(self, request: ModelRequest, reply: Gathered, on_progress: Progress | None) -> None:
        try:
            stream = await self.client.messages.create(**parameters(self.model, request, self.forced), stream=True)
        except anthropic.BadRequestError as error:
            if not (self.forced and is_forcing(request) and "tool_choice" in error.message):
                raise
            # Models that always think take no forced tool. A refused request costs nothing: ask, now and from now on.
            self.forced = False
            stream = await self.client.messages.create(**parameters(self.model, request, self.forced), stream=True)
        async with stream:
            await gather(stream, reply, on_progress)


async def gather(stream: AsyncIterable[Any], reply: Gathered, on_progress: Progress | None) -> None:
    async for event in stream:
        add(reply, event)
        if on_progress is not None:
            on_progress(reply.characters)


def add(reply: Gathered, event: Any) -> None:
    """Take in one event."""
    reply.began = True
    if event.type == "message_start":
        reply.model = event.message.model
        reply.count(event.message.usage.model_dump())
    elif event.type == "content_block_start":
        begin(reply, event.index, event.content_block)
    elif event.type == "content_block_delta":
        grow(reply, event.index, event.delta)
    elif event.type == "message_delta":
        reply.stop = event.delta.stop_reason or reply.stop
        explain(reply, getattr(event.delta, "stop_details", None))
        reply.count(event.usage.model_dump())


def begin(reply: Gathered, at: int, block: Any) -> None:
    if block.type == "text":
        reply.say(block.text, at)
    elif block.type == "tool_use":
        reply.call(at, id=block.id, name=block.name)
    elif block.type in ("thinking", "redacted_thinking"):
        reply.think(at, block.model_dump(exclude_none=True))


def grow(reply: Gathered, at: int, delta: Any) -> None:
    if delta.type == "text_delta":
        reply.say(delta.text, at)
    elif delta.type == "input_json_delta":
        reply.call(at, arguments=delta.partial_json)
    elif delta.type == "thinking_delta":
        reply.think(at, thinking=delta.thinking)
    elif delta.type == "signature_delta":
        reply.think(at, {"signature": delta.signature})


def explain(reply: Gathered, details: Any) -> None:
    """Why the model declined, where it says so."""
    words = getattr(details, "explanation", None)
    if reply.stop == "refusal" and words:
        reply.decline(words)


def parameters(model: str, request: ModelRequest, forced: bool) -> dict[str, Any]:
    """The request as Anthropic takes it: tools, then system, then messages, which is the order of its cache."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_output_tokens,
        "messages": conversation(request, model),
    }
    if request.system:
        body["system"] = [{"type": "text", "text": request.system, **CACHED}]
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if tools := [tool(each) for each in offered(request)]:
        body["tools"] = tools
        body["tool_choice"] = choice(request, forced)
    return body


def choice(request: ModelRequest, forced: bool) -> dict[str, str]:
    asked = request.tool_choice
    if request.schema_ is not None:
        one = {"type": "tool", "name": request.schema_name}
        any_of = {"type": "any"} if request.tools and asked.mode != "none" else one
        return any_of if forced else {"type": "auto"}
    if asked.mode == "none":
        return {"type": "none"}
    if not forced or asked.mode == "auto":
        return {"type": "auto"}
    return {"type": "any"} if asked.mode == "any" else {"type": "tool", "name": asked.name}


def tool(each: Tool) -> dict[str, Any]:
    return {"name": each.name, "description": each.description, "input_schema": each.schema_}


def conversation(request: ModelRequest, model: str) -> list[dict[str, Any]]:
    """The messages, with what the next turn will have in common with this one marked for the cache.

    A single question is not marked: nothing would read what was paid for to be written.
    """
    turns = [{"role": turn.role, "content": blocks(turn, model)} for turn in request.messages]
    if len(turns) > 1 or request.tools:
        asked = [turn for turn in turns if turn["role"] == "user"]
        for turn in asked[-2:]:
            cast("list[dict[str, Any]]", turn["content"])[-1].update(CACHED)
    return turns


def blocks(turn: Message, model: str) -> list[dict[str, Any]]:
    found = [block for part in turn.content() if (block := block_of(part, model)) is not None]
    return found or [{"type": "text", "text": EMPTY}]


def block_of(part: Part, model: str) -> dict[str, Any] | None:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text} if part.text.strip() else None
    if isinstance(part, Thought):
        return dict(part.block) if is_own(part, "anthropic", model) else None
    if isinstance(part, ToolCall):
        return {"type": "tool_use", "id": part.id, "name": part.name, "input": arguments_of(part)}
    return result_of(part)


def result_of(part: ToolResult) -> dict[str, Any]:
    shown = {"type": "tool_result", "tool_use_id": part.call, "content": part.text or EMPTY}
    return {**shown, "is_error": True} if part.failed else shown

"""Bedrock's Converse on the wire: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream."""

import base64
from typing import Any

from activities.models.gathered import Gathered, arguments_of
from activities.models.wire import EMPTY, is_own, offered
from contracts.models import Message, ModelRequest, Part, Text, Thought, Tool, ToolCall, ToolResult

CACHE_POINT = {"cachePoint": {"type": "default"}}
CACHING = ("anthropic.claude", "amazon.nova")  # the families that take cache points


def takes_cache_points(model: str) -> bool:
    return any(family in model for family in CACHING)


def add(reply: Gathered, event: dict[str, Any]) -> None:
    """Take in one event. The usage comes after the stop."""
    reply.began = True
    if started := event.get("contentBlockStart"):
        begin(reply, started["contentBlockIndex"], started["start"])
    elif grown := event.get("contentBlockDelta"):
        grow(reply, grown["contentBlockIndex"], grown["delta"])
    elif stopped := event.get("messageStop"):
        reply.stop = stopped["stopReason"]
    elif metadata := event.get("metadata"):
        reply.count(metadata.get("usage", {}))
        if tier := metadata.get("serviceTier", {}).get("type"):
            reply.served["service_tier"] = tier


def begin(reply: Gathered, at: int, start: dict[str, Any]) -> None:
    if use := start.get("toolUse"):
        reply.call(at, id=use["toolUseId"], name=use["name"])


def grow(reply: Gathered, at: int, delta: dict[str, Any]) -> None:
    if "text" in delta:
        reply.say(delta["text"], at)
    elif use := delta.get("toolUse"):
        reply.call(at, arguments=use["input"])
    elif thought := delta.get("reasoningContent"):
        think(reply, at, thought)


def think(reply: Gathered, at: int, thought: dict[str, Any]) -> None:
    """Reasoning in pieces. Bytes are kept as base64, so that a thought is JSON."""
    reply.think(at, **{name: thought[name] for name in ("text", "signature") if name in thought})
    if "redactedContent" in thought:
        reply.think(at, redacted=base64.b64encode(thought["redactedContent"]).decode())


def parameters(model: str, request: ModelRequest, *, cached: bool, forced: bool) -> dict[str, Any]:
    """The request as Converse takes it. A cache point after `system` covers the tools as well: they come first."""
    inference: dict[str, Any] = {"maxTokens": request.max_output_tokens}
    if request.temperature is not None:
        inference["temperature"] = request.temperature
    body: dict[str, Any] = {
        "modelId": model,
        "messages": conversation(request, model, cached=cached),
        "inferenceConfig": inference,
    }
    if request.system:
        body["system"] = [{"text": request.system}, *([CACHE_POINT] if cached else [])]
    if tools := offered(request):
        body["toolConfig"] = {"tools": [tool(each) for each in tools], "toolChoice": choice(request, forced)}
    return body


def choice(request: ModelRequest, forced: bool) -> dict[str, Any]:
    """Converse has no word for no tool at all: `auto` then, and the loop refuses the call."""
    asked = request.tool_choice
    if not forced:
        return {"auto": {}}
    if request.schema_ is not None:
        several = request.tools and asked.mode != "none"
        return {"any": {}} if several else {"tool": {"name": request.schema_name}}
    if asked.mode == "one":
        return {"tool": {"name": asked.name}}
    return {"any": {}} if asked.mode == "any" else {"auto": {}}


def tool(each: Tool) -> dict[str, Any]:
    return {
        "toolSpec": {"name": each.name, "description": each.description, "inputSchema": {"json": each.schema_}},
    }


def conversation(request: ModelRequest, model: str, *, cached: bool) -> list[dict[str, Any]]:
    """The messages, with a cache point where the next turn will have the same beginning."""
    turns: list[dict[str, Any]] = [{"role": turn.role, "content": blocks(turn, model)} for turn in request.messages]
    if cached and (len(turns) > 1 or request.tools):
        asked = [turn for turn in turns if turn["role"] == "user"]
        for turn in asked[-2:]:
            turn["content"].append(CACHE_POINT)
    return turns


def blocks(turn: Message, model: str) -> list[dict[str, Any]]:
    found = [block for part in turn.content() if (block := block_of(part, model)) is not None]
    return found or [{"text": EMPTY}]


def block_of(part: Part, model: str) -> dict[str, Any] | None:
    if isinstance(part, Text):
        return {"text": part.text} if part.text.strip() else None
    if isinstance(part, Thought):
        return thought_of(part) if is_own(part, "bedrock", model) else None
    if isinstance(part, ToolCall):
        return {"toolUse": {"toolUseId": part.id, "name": part.name, "input": arguments_of(part)}}
    return result_of(part)


def result_of(part: ToolResult) -> dict[str, Any]:
    status = "error" if part.failed else "success"
    return {"toolResult": {"toolUseId": part.call, "content": [{"text": part.text or EMPTY}], "status": status}}


def thought_of(part: Thought) -> dict[str, Any]:
    if isinstance(redacted := part.block.get("redacted"), str):
        return {"reasoningContent": {"redactedContent": base64.b64decode(redacted)}}
    text = {name: part.block[name] for name in ("text", "signature") if name in part.block}
    return {"reasoningContent": {"reasoningText": text}}

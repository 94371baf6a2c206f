"""Anthropic's Messages API on the wire: https://docs.anthropic.com/en/api/messages-streaming."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.model_server.script import Called, Scripted, pieces

MEDIA = "text/event-stream"
STOPS = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal", "content_filter": "refusal"}
SIGNATURE = "c2lnbmF0dXJl"


def key_of(headers: dict[str, str]) -> str:
    """The client sends it one way or the other, by its version."""
    return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")


def error_body(reply: Scripted) -> dict[str, Any]:
    return {"type": "error", "error": {"type": reply.error, "message": reply.says}, "request_id": "req_scripted"}


def error_headers(reply: Scripted) -> dict[str, str]:
    return {}


def refused(body: dict[str, Any]) -> str:
    """What the real API says of a conversation that is not in order; empty where it is."""
    messages = body["messages"]
    blocks = [block for turn in messages for block in content(turn)]
    if any(block["type"] == "text" and not block["text"].strip() for block in blocks):
        return "messages: text content blocks must be non-empty"
    marked = [block for block in (*blocks, *body.get("system", ()), *body.get("tools", ())) if "cache_control" in block]
    if len(marked) > 4:
        return f"A maximum of 4 blocks with cache_control may be provided. Found {len(marked)}."
    if any(block["type"] in ("thinking", "redacted_thinking") for block in marked if "type" in block):
        return "thinking blocks cannot have cache_control"
    return unanswered(messages)


def unanswered(messages: list[dict[str, Any]]) -> str:
    """Each tool call has its result in the very next turn, before anything else there."""
    for turn, following in zip(messages, [*messages[1:], None], strict=True):
        calls = [block["id"] for block in content(turn) if block["type"] == "tool_use"]
        if not calls:
            continue
        found = [block.get("tool_use_id") for block in content(following)[: len(calls)]] if following else []
        if sorted(calls) != sorted(str(each) for each in found):
            return f"messages: `tool_use` ids were found without `tool_result` blocks immediately after: {calls}"
    return ""


def content(turn: dict[str, Any]) -> list[dict[str, Any]]:
    said = turn["content"]
    return said if isinstance(said, list) else [{"type": "text", "text": said}]


def usage(reply: Scripted, output: int) -> dict[str, Any]:
    """Input that was read from or written to the cache is not in `input_tokens`; reasoning is in `output_tokens`."""
    thinking = {"output_tokens_details": {"thinking_tokens": reply.reasoning_tokens}} if reply.reasoning_tokens else {}
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": reply.cached_write,
        "cache_read_input_tokens": reply.cached_read,
        "output_tokens": output + reply.reasoning_tokens,
        "service_tier": "standard",
        **thinking,
    }


def blocks(reply: Scripted, body: dict[str, Any]) -> list[dict[str, Any]]:
    """The reply's content, whole. An answer becomes a call of the tool that the request has for it."""
    thought = {"type": "thinking", "thinking": reply.thought, "signature": SIGNATURE}
    found = [thought] if reply.thought else []
    if reply.words or not (reply.calls or reply.answer is not None):
        found.append({"type": "text", "text": reply.words})
    called = reply.numbered()
    if reply.answer is not None:
        called.append(Called(answer_tool(body), reply.answer, "toolu_scripted"))
    found += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call} for call in called]
    return found


def answer_tool(body: dict[str, Any]) -> str:
    return str(body["tool_choice"].get("name") or body["tools"][-1]["name"])


def stop_reason(reply: Scripted) -> str:
    calling = reply.answer is not None or reply.calls
    return "tool_use" if calling and reply.stop == "end" else STOPS[reply.stop]


def stop_details(reply: Scripted) -> dict[str, Any]:
    why = {"type": "refusal", "category": None, "explanation": reply.why}
    return {"stop_reason": stop_reason(reply), "stop_sequence": None, **({"stop_details": why} if reply.why else {})}


def message(reply: Scripted, body: dict[str, Any]) -> dict[str, Any]:
    """The whole reply of a request that does not stream."""
    whole = blocks(reply, body)
    for block in whole:
        if block["type"] == "tool_use":
            block["input"] = json.loads(block["input"].characters)
    return {
        **opening(reply, body),
        "content": whole,
        "stop_reason": stop_reason(reply),
        "usage": usage(reply, reply.output_tokens),
    }


def opening(reply: Scripted, body: dict[str, Any]) -> dict[str, Any]:
    return {
        "id": "msg_scripted",
        "type": "message",
        "role": "assistant",
        "model": reply.model or body["model"],
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": usage(reply, 1),
    }


def events(reply: Scripted, body: dict[str, Any]) -> Iterator[str]:
    """The server-sent events of a reply."""
    yield event("message_start", {"message": opening(reply, body)})
    for index, block in enumerate(blocks(reply, body)):
        yield event("content_block_start", {"index": index, "content_block": emptied(block)})
        if index == 0:
            yield event("ping", {})
        for delta in deltas(block):
            yield event("content_block_delta", {"index": index, "delta": delta})
        if reply.late_error:
            yield event("error", {"error": {"type": reply.late_error, "message": reply.says or "Scripted failure"}})
            return
        yield event("content_block_stop", {"index": index})
    if reply.ends_early:
        return
    yield event("message_delta", {"delta": stop_details(reply), "usage": {"output_tokens": total_output(reply)}})
    yield event("message_stop", {})


def total_output(reply: Scripted) -> int:
    return reply.output_tokens + reply.reasoning_tokens


def emptied(block: dict[str, Any]) -> dict[str, Any]:
    """The block as it begins, before its deltas."""
    begun = {"text": {"text": ""}, "thinking": {"thinking": "", "signature": ""}, "tool_use": {"input": {}}}
    return {**block, **begun[block["type"]]}


def deltas(block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if block["type"] == "text":
        yield from ({"type": "text_delta", "text": piece} for piece in pieces(block["text"]))
    elif block["type"] == "tool_use":
        said = block["input"].characters
        yield from ({"type": "input_json_delta", "partial_json": piece} for piece in pieces(said))
    else:
        yield from ({"type": "thinking_delta", "thinking": piece} for piece in pieces(block["thinking"]))
        yield {"type": "signature_delta", "signature": block["signature"]}


def event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"

"""Anthropic's Messages API on the wire: https://docs.anthropic.com/en/api/messages-streaming."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.model_server.script import Scripted

STOPS = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal", "content_filter": "refusal"}


def key_of(headers: dict[str, str]) -> str:
    """The client sends it one way or the other, by its version."""
    return headers.get("x-api-key") or headers.get("authorization", "").removeprefix("Bearer ")


def error_body(reply: Scripted) -> dict[str, Any]:
    return {"type": "error", "error": {"type": reply.error, "message": reply.says}, "request_id": "req_scripted"}


def usage(reply: Scripted, output: int) -> dict[str, Any]:
    """Input that was read from or written to the cache is not in `input_tokens`."""
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": reply.cached_write,
        "cache_read_input_tokens": reply.cached_read,
        "output_tokens": output,
        "service_tier": "standard",
    }


def block(reply: Scripted, body: dict[str, Any]) -> dict[str, Any]:
    """An answer becomes a tool call where the request forces one."""
    if reply.answer is None:
        return {"type": "text", "text": ""}
    return {"type": "tool_use", "id": "toolu_scripted", "name": body["tool_choice"]["name"], "input": {}}


def stop_reason(reply: Scripted) -> str:
    return "tool_use" if reply.answer is not None and reply.stop == "end" else STOPS[reply.stop]


def message(reply: Scripted, body: dict[str, Any]) -> dict[str, Any]:
    """The whole reply of a request that does not stream."""
    content = block(reply, body)
    if reply.answer is not None:
        content["input"] = json.loads(reply.answer)
    else:
        content["text"] = reply.text
    return {
        **opening(reply, body),
        "content": [content],
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
    yield event("content_block_start", {"index": 0, "content_block": block(reply, body)})
    yield event("ping", {})
    for piece in reply.pieces():
        yield event("content_block_delta", {"index": 0, "delta": delta(reply, piece)})
    if reply.late_error:
        yield event("error", {"error": {"type": reply.late_error, "message": reply.says or "Scripted failure"}})
        return
    yield event("content_block_stop", {"index": 0})
    if reply.ends_early:
        return
    last = {"stop_reason": stop_reason(reply), "stop_sequence": None}
    yield event("message_delta", {"delta": last, "usage": {"output_tokens": reply.output_tokens}})
    yield event("message_stop", {})


def delta(reply: Scripted, piece: str) -> dict[str, Any]:
    if reply.answer is not None:
        return {"type": "input_json_delta", "partial_json": piece}
    return {"type": "text_delta", "text": piece}


def event(kind: str, data: dict[str, Any]) -> str:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **data})}\n\n"

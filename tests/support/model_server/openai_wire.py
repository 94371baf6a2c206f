"""OpenAI's Chat Completions on the wire: https://platform.openai.com/docs/api-reference/chat/streaming."""

import json
from collections.abc import Iterator
from typing import Any

from tests.support.model_server.script import Scripted, pieces

MEDIA = "text/event-stream"
STOPS = {"end": "stop", "length": "length", "refusal": "stop", "content_filter": "content_filter"}


def key_of(headers: dict[str, str]) -> str:
    return headers.get("authorization", "").removeprefix("Bearer ")


def error_body(reply: Scripted) -> dict[str, Any]:
    return {"error": {"message": reply.says, "type": reply.error, "param": None, "code": reply.error}}


def error_headers(reply: Scripted) -> dict[str, str]:
    return {}


def refused(body: dict[str, Any]) -> str:
    """What the real API says of a conversation that is not in order; empty where it is."""
    owed: list[str] = []
    for message in body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in owed:
                return "messages with role 'tool' must be a response to a preceeding message with 'tool_calls'."
            owed.remove(message["tool_call_id"])
            continue
        if owed:
            return f"An assistant message with 'tool_calls' must be followed by tool messages. Missing: {owed}"
        if message.get("content") is None and not message.get("tool_calls"):
            return "Invalid value for 'content': expected a string, got null."
        owed = [call["id"] for call in message.get("tool_calls", ())]
    return f"An assistant message with 'tool_calls' must be followed by tool messages. Missing: {owed}" if owed else ""


def usage(reply: Scripted) -> dict[str, Any]:
    """Here cached tokens are within the prompt's and reasoning within the completion's."""
    prompt, completion = reply.input_tokens + reply.cached_read, reply.output_tokens + reply.reasoning_tokens
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": reply.cached_read, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reply.reasoning_tokens, "audio_tokens": 0},
    }


def said(reply: Scripted) -> str:
    return reply.answer if reply.answer is not None else reply.words


def stop(reply: Scripted) -> str:
    return "tool_calls" if reply.calls and reply.stop == "end" else STOPS[reply.stop]


def message(reply: Scripted, body: dict[str, Any]) -> dict[str, Any]:
    """The whole reply of a request that does not stream."""
    whole = {"role": "assistant", "content": None, "refusal": None, **worded(reply, said(reply))}
    calls = [called(at, reply.numbered()[at].characters, reply) for at in range(len(reply.calls))]
    if calls:
        whole["tool_calls"] = calls
    choice = {"index": 0, "message": whole, "finish_reason": stop(reply), "logprobs": None}
    return {**frame(reply, body, "chat.completion"), "choices": [choice], "usage": usage(reply)}


def worded(reply: Scripted, piece: str) -> dict[str, Any]:
    return {"refusal": piece} if reply.stop == "refusal" else {"content": piece}


def called(at: int, arguments: str, reply: Scripted) -> dict[str, Any]:
    call = reply.numbered()[at]
    function = {"name": call.name, "arguments": arguments}
    return {"index": at, "id": call.id, "type": "function", "function": function}


def events(reply: Scripted, body: dict[str, Any]) -> Iterator[str]:
    """The server-sent events of a reply. The usage comes last, if the request asks for it."""
    yield chunk(reply, body, {"role": "assistant", "content": "", "refusal": None})
    yield from (chunk(reply, body, {"reasoning_content": piece}) for piece in pieces(reply.thought))
    yield from (chunk(reply, body, worded(reply, piece)) for piece in pieces(said(reply)))
    for at, call in enumerate(reply.numbered()):
        yield chunk(reply, body, {"tool_calls": [called(at, "", reply)]})
        for piece in pieces(call.characters):
            yield chunk(reply, body, {"tool_calls": [{"index": at, "function": {"arguments": piece}}]})
    if reply.late_error:
        yield event({"error": {"message": reply.says or "Scripted failure", "type": reply.late_error, "code": None}})
        return
    if not reply.ends_early:
        yield chunk(reply, body, {}, stop(reply))
        if reply.usage and (body.get("stream_options") or {}).get("include_usage"):
            yield event({**frame(reply, body, "chat.completion.chunk"), "choices": [], "usage": usage(reply)})
    yield "data: [DONE]\n\n"


def chunk(reply: Scripted, body: dict[str, Any], delta: dict[str, Any], stop: str | None = None) -> str:
    choice = {"index": 0, "delta": delta, "finish_reason": stop, "logprobs": None}
    return event({**frame(reply, body, "chat.completion.chunk"), "choices": [choice]})


def frame(reply: Scripted, body: dict[str, Any], kind: str) -> dict[str, Any]:
    return {
        "id": "chatcmpl-scripted",
        "object": kind,
        "created": 1_700_000_000,
        "model": reply.model or body["model"],
        "system_fingerprint": "scripted",
    }


def event(data: dict[str, Any]) -> str:
    return f"data: {json.dumps(data)}\n\n"

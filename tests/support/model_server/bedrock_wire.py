"""Bedrock's ConverseStream on the wire: JSON in, AWS's binary event stream out.

https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ConverseStream.html
https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import json
import re
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from tests.support.model_server.script import Called, Scripted, pieces

MEDIA = "application/vnd.amazon.eventstream"
STOPS = {"end": "end_turn", "length": "max_tokens", "refusal": "refusal", "content_filter": "content_filtered"}
REASONING = {"text": "", "signature": "c2lnbmF0dXJl"}
STRING = 7  # the type of a header's value
KINDS = {  # the other providers' names for errors, so that one script serves all
    "rate_limit_error": "ThrottlingException",
    "overloaded_error": "ServiceUnavailableException",
    "server_error": "ServiceUnavailableException",
    "api_error": "InternalServerException",
    "authentication_error": "UnrecognizedClientException",
    "not_found_error": "ResourceNotFoundException",
    "invalid_request_error": "ValidationException",
    "context_length_exceeded": "ValidationException",
    "request_too_large": "ValidationException",
    "permission_error": "AccessDeniedException",
}


def key_of(headers: dict[str, str]) -> str:
    """The access key's id, out of the signature, or a bearer token."""
    said = headers.get("authorization", "")
    found = re.search(r"Credential=([^/]+)/", said)
    return found.group(1) if found else said.removeprefix("Bearer ")


def kind(name: str) -> str:
    return KINDS.get(name, name)


def error_body(reply: Scripted) -> dict[str, Any]:
    return {"message": reply.says}


def error_headers(reply: Scripted) -> dict[str, str]:
    return {"x-amzn-errortype": f"{kind(reply.error)}:http://internal.amazon.com/coral/com.amazon.bedrock/"}


def refused(body: dict[str, Any]) -> str:
    """What the real API says of a conversation that is not in order; empty where it is."""
    messages = body["messages"]
    blocks = [block for turn in messages for block in turn["content"]]
    if any("text" in block and not block["text"].strip() for block in blocks):
        return "The text field in the ContentBlock object is blank."
    if "toolConfig" not in body and any("toolUse" in block or "toolResult" in block for block in blocks):
        return "The toolConfig field must be defined when using toolUse and toolResult content blocks."
    for turn, following in zip(messages, [*messages[1:], None], strict=True):
        calls = [block["toolUse"]["toolUseId"] for block in turn["content"] if "toolUse" in block]
        results = [
            block["toolResult"]["toolUseId"] for block in (following or {}).get("content", ()) if "toolResult" in block
        ]
        if calls and sorted(calls) != sorted(results):
            return f"Expected toolResult blocks at messages for the following Ids: {calls}"
    return ""


def message(reply: Scripted, body: dict[str, Any]) -> dict[str, Any]:
    raise NotImplementedError("only ConverseStream is spoken here")


def events(reply: Scripted, body: dict[str, Any]) -> Iterator[bytes]:
    """The frames of a reply. The usage comes last, in `metadata`."""
    yield event("messageStart", {"role": "assistant"})
    for index, block in enumerate(blocks(reply, body)):
        yield from block_events(index, block)
        if reply.late_error:
            yield exception(kind(reply.late_error), reply.says or "Scripted failure")
            return
        yield event("contentBlockStop", {"contentBlockIndex": index})
    if reply.ends_early:
        return
    yield event("messageStop", {"stopReason": stop_reason(reply)})
    yield event("metadata", {"usage": usage(reply), "metrics": {"latencyMs": 12}})


def blocks(reply: Scripted, body: dict[str, Any]) -> list[str | Called | dict[str, str]]:
    """The reply's content: reasoning, words, calls. An answer is a call of the tool that the request has for it."""
    found: list[str | Called | dict[str, str]] = [{**REASONING, "text": reply.thought}] if reply.thought else []
    if reply.words or not (reply.calls or reply.answer is not None):
        found.append(reply.words)
    found += reply.numbered()
    if reply.answer is not None:
        found.append(Called(answer_tool(body), reply.answer, "tooluse_scripted"))
    return found


def answer_tool(body: dict[str, Any]) -> str:
    config = body["toolConfig"]
    return str(config["toolChoice"].get("tool", config["tools"][-1].get("toolSpec"))["name"])


def block_events(index: int, block: str | Called | dict[str, str]) -> Iterator[bytes]:
    at = {"contentBlockIndex": index}
    if isinstance(block, str):
        yield from (event("contentBlockDelta", {"delta": {"text": piece}, **at}) for piece in pieces(block))
    elif isinstance(block, Called):
        yield event("contentBlockStart", {"start": {"toolUse": {"toolUseId": block.id, "name": block.name}}, **at})
        for piece in pieces(block.characters):
            yield event("contentBlockDelta", {"delta": {"toolUse": {"input": piece}}, **at})
    else:
        for piece in pieces(block["text"]):
            yield event("contentBlockDelta", {"delta": {"reasoningContent": {"text": piece}}, **at})
        yield event("contentBlockDelta", {"delta": {"reasoningContent": {"signature": block["signature"]}}, **at})


def stop_reason(reply: Scripted) -> str:
    calling = reply.answer is not None or reply.calls
    return "tool_use" if calling and reply.stop == "end" else STOPS[reply.stop]


def usage(reply: Scripted) -> dict[str, int]:
    """Input that was read from or written to the cache is not in `inputTokens`."""
    total = reply.input_tokens + reply.cached_read + reply.cached_write + reply.output_tokens
    return {
        "inputTokens": reply.input_tokens,
        "cacheReadInputTokens": reply.cached_read,
        "cacheWriteInputTokens": reply.cached_write,
        "outputTokens": reply.output_tokens,
        "totalTokens": total,
    }


def event(name: str, payload: dict[str, Any]) -> bytes:
    headers = {":event-type": name, ":content-type": "application/json", ":message-type": "event"}
    return framed(headers, json.dumps({**payload, "p": "abcdefgh"}).encode())


def exception(name: str, says: str) -> bytes:
    named = name[0].lower() + name[1:]
    headers = {":exception-type": named, ":content-type": "application/json", ":message-type": "exception"}
    return framed(headers, json.dumps({"message": says}).encode())


def framed(headers: dict[str, str], payload: bytes) -> bytes:
    """One message: lengths and their checksum, headers, payload, and a checksum of it all."""
    packed = b"".join(header(name, value) for name, value in headers.items())
    prelude = struct.pack("!II", 16 + len(packed) + len(payload), len(packed))
    body = prelude + struct.pack("!I", zlib.crc32(prelude)) + packed + payload
    return body + struct.pack("!I", zlib.crc32(body))


def header(name: str, value: str) -> bytes:
    encoded = value.encode()
    return struct.pack("!B", len(name)) + name.encode() + struct.pack("!BH", STRING, len(encoded)) + encoded

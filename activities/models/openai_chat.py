"""OpenAI's Chat Completions through its own client, streamed; also for every server that speaks them."""

import hashlib
import json
from collections.abc import AsyncIterable, Iterator
from typing import Any, ClassVar

import openai

from activities.models.client import ModelClient
from activities.models.gathered import Gathered, arguments_of
from activities.models.prices import Tariff
from activities.models.protocol import Progress
from activities.models.service import Service
from activities.models.wire import EMPTY, is_own
from contracts.models import Message, ModelRequest, Stop, Text, Thought, Tool, ToolCall, ToolResult
from contracts.schemas import is_closed

DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-5-mini"
DEFAULT_LARGE = "gpt-5.5"
TARIFF = Tariff(provider="openai", flavor="chat")

# Where compatible servers put a model's reasoning; those that want it back want it under the same name.
REASONING = ("reasoning_content", "reasoning")


class OpenAIChat(ModelClient):
    """A model of OpenAI, or of a compatible server at a base URL."""

    provider = "openai"
    stops: ClassVar[dict[str, Stop]] = {"length": "length", "content_filter": "content_filter", "tool_calls": "tool"}

    def __init__(self, service: Service) -> None:
        super().__init__(service)
        self.structured = True  # until the server says that it cannot
        wait = service.timeouts
        self.client = openai.AsyncOpenAI(
            api_key=service.key or "none",
            base_url=service.base_url,
            max_retries=0,
            timeout=openai.Timeout(wait.silence, connect=wait.connect),
        )

    @property
    def official(self) -> bool:
        return self.service.base_url == DEFAULT_URL

    async def stream(self, request: ModelRequest, reply: Gathered, on_progress: Progress | None) -> None:
        try:
            stream = await self.client.chat.completions.create(**self.parameters(request))
        except openai.BadRequestError as error:
            if not (self.structured and request.schema_ and lacks_structure(error)):
                raise
            # A refused request costs nothing, so the schema goes into the prompt instead, now and from now on.
            self.structured = False
            stream = await self.client.chat.completions.create(**self.parameters(request))
        async with stream:
            await gather(stream, reply, on_progress)

    def parameters(self, request: ModelRequest) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            # Compatible servers know the older name; OpenAI's reasoning models know only the newer one.
            "max_completion_tokens" if self.official else "max_tokens": request.max_output_tokens,
            "messages": list(conversation(request, self.model, spell_out=not self.structured)),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if self.official:
            # Requests of one prefix are served where that prefix is cached.
            body["prompt_cache_key"] = prefix_of(request)
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.tools:
            body["tools"] = [tool(each) for each in request.tools]
            body["tool_choice"] = choice(request)
        if request.schema_ is not None and self.structured:
            body["response_format"] = response_format(request)
        return body


def lacks_structure(error: openai.BadRequestError) -> bool:
    said = f"{error.param or ''} {error.message}".lower()
    return any(word in said for word in ("response_format", "json_schema", "structured output"))


async def gather(stream: AsyncIterable[Any], reply: Gathered, on_progress: Progress | None) -> None:
    async for chunk in stream:
        add(reply, chunk)
        if on_progress is not None:
            on_progress(reply.characters)


def add(reply: Gathered, chunk: Any) -> None:
    """Take in one chunk. The last one has the usage and no choices."""
    reply.began = True
    reply.model = chunk.model or reply.model
    if tier := getattr(chunk, "service_tier", None):
        reply.served["service_tier"] = tier
    if chunk.usage is not None:
        reply.count(chunk.usage.model_dump(exclude_none=True))
    for choice in chunk.choices or ():
        if choice.delta is not None:
            grow(reply, choice.delta)
        reply.stop = choice.finish_reason or reply.stop


def grow(reply: Gathered, delta: Any) -> None:
    for name in REASONING:
        if isinstance(thought := getattr(delta, name, None), str) and thought:
            reply.think("thought", None, **{name: thought})
    if delta.content:
        reply.say(delta.content)
    if refusal := getattr(delta, "refusal", None):
        reply.decline(refusal)
    for call in delta.tool_calls or ():
        function = call.function
        place = f"call {call.index}"
        reply.call(place, id=call.id or "")
        if function is not None:
            reply.call(place, name=function.name or "", arguments=function.arguments or "")


def conversation(request: ModelRequest, model: str, *, spell_out: bool) -> Iterator[dict[str, Any]]:
    """The messages, what stays the same first: these servers cache a repeated prefix by themselves."""
    system = request.system
    if spell_out and request.schema_ is not None:
        system += (
            f"\n\nAnswer with one JSON object of this JSON Schema and nothing else:\n{json.dumps(request.schema_)}"
        )
    if system:
        yield {"role": "system", "content": system}
    for turn in request.messages:
        yield from answered(turn) if turn.role == "user" else [asked(turn, model)]


def answered(turn: Message) -> Iterator[dict[str, Any]]:
    """A user's turn: each result in a message of its own, then the words."""
    results = [part for part in turn.content() if isinstance(part, ToolResult)]
    for result in results:
        # There is no flag for errors here, so the words say it.
        text = f"Error: {result.text}" if result.failed else result.text
        yield {"role": "tool", "tool_call_id": result.call, "content": text or EMPTY}
    if turn.said or not results:
        yield {"role": "user", "content": turn.said or EMPTY}


def asked(turn: Message, model: str) -> dict[str, Any]:
    """An assistant's turn, with its calls and with the reasoning that the server gave it."""
    shown: dict[str, Any] = {"role": "assistant"}
    calls = [part for part in turn.content() if isinstance(part, ToolCall)]
    text = "".join(part.text for part in turn.content() if isinstance(part, Text))
    shown["content"] = text or (None if calls else EMPTY)
    for part in turn.content():
        if isinstance(part, Thought) and is_own(part, "openai", model):
            shown |= part.block
    if calls:
        shown["tool_calls"] = [call_of(part) for part in calls]
    return shown


def call_of(call: ToolCall) -> dict[str, Any]:
    arguments = json.dumps(arguments_of(call), ensure_ascii=False)
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": arguments}}


def tool(each: Tool) -> dict[str, Any]:
    function = {"name": each.name, "description": each.description, "parameters": each.schema_}
    return {"type": "function", "function": function}


def choice(request: ModelRequest) -> str | dict[str, Any]:
    asked = request.tool_choice
    if asked.mode == "one":
        return {"type": "function", "function": {"name": asked.name}}
    return {"auto": "auto", "any": "required", "none": "none"}[asked.mode]


def response_format(request: ModelRequest) -> dict[str, Any]:
    strict = is_closed(request.schema_)
    return {
        "type": "json_schema",
        "json_schema": {"name": request.schema_name, "schema": request.schema_, "strict": strict},
    }


def prefix_of(request: ModelRequest) -> str:
    """A name for what stays the same from call to call."""
    fixed = json.dumps([request.system, [each.model_dump() for each in request.tools]], sort_keys=True)
    return hashlib.sha256(fixed.encode()).hexdigest()[:32]

"""Anthropic's Messages API through its own client, streamed."""

import asyncio
import time
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, cast

import anthropic

from activities.models.bound import prompt_bytes
from activities.models.errors import json_object, translate, unusable
from activities.models.prices import Tariff, price, worst_case
from activities.models.protocol import Progress
from activities.models.service import Service
from contracts.errors import ModelBusy
from contracts.models import ModelReply, ModelRequest

DEFAULT_URL = "https://api.anthropic.com"
DEFAULT_MODEL = "claude-haiku-4-5"
TARIFF = Tariff(provider="anthropic")

Stop = Literal["end", "length", "refusal", "tool"]
STOPS: dict[str, Stop] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
    "tool_use": "tool",
}


@dataclass
class Gathered:
    """A streamed reply as far as it has come. `stop` None: the stream has not ended properly."""

    model: str = ""
    text: list[str] = field(default_factory=list)
    answer: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    stop: str | None = None
    characters: int = 0

    def add(self, event: Any) -> None:
        """Take in one event. Later usage figures are totals, so they replace earlier ones."""
        if event.type == "message_start":
            self.model = event.message.model
            self.count(event.message.usage)
        elif event.type == "content_block_delta":
            self.say(event.delta)
        elif event.type == "message_delta":
            self.stop = event.delta.stop_reason or self.stop
            self.count(event.usage)

    def say(self, delta: Any) -> None:
        if delta.type == "text_delta":
            self.text.append(delta.text)
            self.characters += len(delta.text)
        elif delta.type == "input_json_delta":
            self.answer.append(delta.partial_json)
            self.characters += len(delta.partial_json)

    def count(self, usage: Any) -> None:
        self.usage |= {key: value for key, value in usage.model_dump().items() if value is not None}


class Claude:
    """A model of Anthropic, or of a server that speaks its protocol."""

    provider = "anthropic"

    def __init__(self, service: Service) -> None:
        self.service = service
        self.model = service.model
        self.allow_unpriced = service.allow_unpriced
        self.forced = True  # until the model says that it can't be
        wait = service.timeouts
        self.client = anthropic.AsyncAnthropic(
            api_key=service.key,
            base_url=service.base_url,
            max_retries=0,
            timeout=anthropic.Timeout(wait.silence, connect=wait.connect),
        )

    def __repr__(self) -> str:
        return f"Claude(model={self.model!r}, at={self.service.place!r})"

    async def call(self, request: ModelRequest, *, on_progress: Progress | None = None) -> ModelReply:
        started = time.monotonic()
        reply = Gathered()
        try:
            async with asyncio.timeout(self.service.timeouts.whole):
                await self.stream(request, reply, on_progress)
        except Exception as error:
            raise translate(error, self.service, began=bool(reply.model)) from None
        return self.finished(request, reply, time.monotonic() - started)

    async def stream(self, request: ModelRequest, reply: Gathered, on_progress: Progress | None) -> None:
        try:
            stream = await self.client.messages.create(**parameters(self.model, request, self.forced), stream=True)
        except anthropic.BadRequestError as error:
            if not (self.forced and request.schema_ and "tool_choice" in error.message):
                raise
            # Models that always think take no forced tool. A refused request costs nothing: ask, now and from now on.
            self.forced = False
            stream = await self.client.messages.create(**parameters(self.model, request, self.forced), stream=True)
        async with stream:
            await gather(stream, reply, on_progress)

    def finished(self, request: ModelRequest, reply: Gathered, seconds: float) -> ModelReply:
        if reply.stop is None:
            raise ended_early(self.service, reply)
        priced = price({"model": reply.model, "usage": reply.usage}, self.service.tariff)
        text = "".join(reply.answer) or "".join(reply.text)
        wanted = request.schema_ is not None
        return ModelReply(
            provider=self.provider,
            model=reply.model,
            text=text,
            data=json_object(text) if wanted else None,
            stop="end" if wanted and reply.stop == "tool_use" else STOPS.get(reply.stop, "end"),
            usage=priced.usage,
            usd=priced.usd,
            price_list=priced.price_list,
            seconds=seconds,
        )

    def worst_case_usd(self, request: ModelRequest) -> Decimal | None:
        return worst_case(
            self.model,
            self.service.tariff,
            prompt_bytes=prompt_bytes(request),
            max_output=request.max_output_tokens,
        )


def ended_early(service: Service, reply: Gathered) -> Exception:
    """A stream that closed in good order, but before the reply said why it stops."""
    if not reply.model:
        return unusable(service, "the stream was empty")
    return ModelBusy(
        f"{service.provider} ended the stream in the middle of a reply.", subject=service.model, maybe_paid=True
    )


async def gather(stream: AsyncIterable[Any], reply: Gathered, on_progress: Callable[[int], None] | None) -> None:
    async for event in stream:
        reply.add(event)
        if on_progress is not None:
            on_progress(reply.characters)


def parameters(model: str, request: ModelRequest, forced: bool) -> dict[str, Any]:
    """The request as Anthropic takes it. What stays the same (tools, system) comes first and is cached."""
    body: dict[str, Any] = {
        "model": model,
        "max_tokens": request.max_output_tokens,
        "system": [{"type": "text", "text": request.system, "cache_control": {"type": "ephemeral"}}],
        "messages": conversation(request),
    }
    if request.temperature is not None:
        body["temperature"] = request.temperature
    if request.schema_ is not None:
        body["tools"] = [tool(request)]
        body["tool_choice"] = {"type": "tool", "name": request.schema_name} if forced else {"type": "auto"}
    return body


def conversation(request: ModelRequest) -> list[dict[str, Any]]:
    """The messages. From the second turn on, everything before the last message is a prefix worth caching."""
    turns: list[dict[str, Any]] = [{"role": turn.role, "content": turn.text} for turn in request.messages]
    if len(turns) > 1:
        block = {"type": "text", "text": turns[0]["content"], "cache_control": {"type": "ephemeral"}}
        turns[0] = {"role": turns[0]["role"], "content": [block]}
    return turns


def tool(request: ModelRequest) -> dict[str, Any]:
    return {
        "name": request.schema_name,
        "description": "Gives the answer. Always answer by calling this tool, once.",
        "input_schema": cast("dict[str, Any]", request.schema_),
    }

"""OpenAI's Chat Completions through its own client, streamed; also for every server that speaks them."""

import asyncio
import json
import time
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

import openai

from activities.models.bound import prompt_bytes
from activities.models.errors import json_object, translate, unusable
from activities.models.prices import Tariff, price, worst_case
from activities.models.protocol import Progress
from activities.models.service import Service
from contracts.errors import ModelBusy
from contracts.models import ModelReply, ModelRequest

DEFAULT_URL = "https://api.openai.com/v1"
DEFAULT_MODEL = "gpt-5-mini"
TARIFF = Tariff(provider="openai", flavor="chat")

Stop = Literal["end", "length", "refusal", "tool"]
STOPS: dict[str, Stop] = {"length": "length", "content_filter": "refusal", "tool_calls": "tool"}


@dataclass
class Gathered:
    """A streamed reply as far as it has come. `stop` None: the stream has not ended properly."""

    model: str = ""
    began: bool = False
    text: list[str] = field(default_factory=list)
    refusal: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    tier: str | None = None
    stop: str | None = None
    characters: int = 0

    def add(self, chunk: Any) -> None:
        """Take in one chunk. The last one has the usage and no choices."""
        self.began = True
        self.model = chunk.model or self.model
        self.tier = getattr(chunk, "service_tier", None) or self.tier
        if chunk.usage is not None:
            self.usage = chunk.usage.model_dump(exclude_none=True)
        for choice in chunk.choices or ():
            self.say(choice.delta)
            self.stop = choice.finish_reason or self.stop

    def say(self, delta: Any) -> None:
        if delta is None:
            return
        for said, kept in ((delta.content, self.text), (getattr(delta, "refusal", None), self.refusal)):
            if said:
                kept.append(said)
                self.characters += len(said)

    def body(self) -> dict[str, Any]:
        tier = {"service_tier": self.tier} if self.tier else {}
        return {"model": self.model, "usage": self.usage, **tier}


class OpenAIChat:
    """A model of OpenAI, or of a compatible server at a base URL."""

    provider = "openai"

    def __init__(self, service: Service) -> None:
        self.service = service
        self.model = service.model
        self.allow_unpriced = service.allow_unpriced
        self.structured = True  # until the server says that it cannot
        wait = service.timeouts
        self.client = openai.AsyncOpenAI(
            api_key=service.key or "none",
            base_url=service.base_url,
            max_retries=0,
            timeout=openai.Timeout(wait.silence, connect=wait.connect),
        )

    def __repr__(self) -> str:
        return f"OpenAIChat(model={self.model!r}, at={self.service.place!r})"

    async def call(self, request: ModelRequest, *, on_progress: Progress | None = None) -> ModelReply:
        started = time.monotonic()
        reply = Gathered()
        try:
            async with asyncio.timeout(self.service.timeouts.whole):
                await self.stream(request, reply, on_progress)
        except Exception as error:
            raise translate(error, self.service, began=reply.began) from None
        return self.finished(request, reply, time.monotonic() - started)

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
        official = self.service.base_url == DEFAULT_URL
        body: dict[str, Any] = {
            "model": self.model,
            # Compatible servers know the older name; OpenAI's reasoning models know only the newer one.
            "max_completion_tokens" if official else "max_tokens": request.max_output_tokens,
            "messages": conversation(request, spell_out=not self.structured),
            "stream": True,
            "stream_options": {"include_usage": True},
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema_ is not None and self.structured:
            body["response_format"] = response_format(request)
        return body

    def finished(self, request: ModelRequest, reply: Gathered, seconds: float) -> ModelReply:
        if reply.stop is None:
            raise ended_early(self.service, reply)
        priced = price(reply.body(), self.service.tariff)
        text, declined = "".join(reply.text), "".join(reply.refusal)
        return ModelReply(
            provider=self.provider,
            model=reply.model or self.model,
            text=declined or text,
            data=json_object(text) if request.schema_ is not None and not declined else None,
            stop="refusal" if declined else STOPS.get(reply.stop, "end"),
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


def lacks_structure(error: openai.BadRequestError) -> bool:
    said = f"{error.param or ''} {error.message}".lower()
    return any(word in said for word in ("response_format", "json_schema", "structured output"))


def ended_early(service: Service, reply: Gathered) -> Exception:
    """A stream that closed in good order, but before the reply said why it stops."""
    if not reply.began:
        return unusable(service, "the stream was empty")
    return ModelBusy(
        f"{service.provider} ended the stream in the middle of a reply.", subject=service.model, maybe_paid=True
    )


async def gather(stream: AsyncIterable[Any], reply: Gathered, on_progress: Callable[[int], None] | None) -> None:
    async for chunk in stream:
        reply.add(chunk)
        if on_progress is not None:
            on_progress(reply.characters)


def conversation(request: ModelRequest, *, spell_out: bool) -> list[dict[str, str]]:
    """The messages, what stays the same first: these servers cache a repeated prefix by themselves."""
    system = request.system
    if spell_out and request.schema_ is not None:
        system += (
            f"\n\nAnswer with one JSON object of this JSON Schema and nothing else:\n{json.dumps(request.schema_)}"
        )
    turns = [{"role": message.role, "content": message.text} for message in request.messages]
    return [{"role": "system", "content": system}, *turns]


def response_format(request: ModelRequest) -> dict[str, Any]:
    schema = {"name": request.schema_name, "schema": request.schema_, "strict": True}
    return {"type": "json_schema", "json_schema": schema}

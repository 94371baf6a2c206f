"""What the clients of all providers have in common: one call, its limits, its errors, its reply."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, ClassVar

from activities.models.bound import prompt_bytes
from activities.models.errors import is_filtered, translate, unusable
from activities.models.gathered import Block, Gathered, json_object
from activities.models.prices import price, worst_case
from activities.models.protocol import Progress
from activities.models.service import Service
from contracts.errors import ModelBusy
from contracts.models import ModelReply, ModelRequest, Part, Stop, Text, ToolCall, Usage


class ModelClient(ABC):
    """One model of one provider. A subclass says how a request is written and a reply is read."""

    provider: str
    stops: ClassVar[Mapping[str, Stop]]

    def __init__(self, service: Service) -> None:
        self.service = service
        self.model = service.model
        self.allow_unpriced = service.allow_unpriced

    def __repr__(self) -> str:
        return f"{type(self).__name__}(model={self.model!r}, at={self.service.place!r})"

    async def call(self, request: ModelRequest, *, on_progress: Progress | None = None) -> ModelReply:
        started = time.monotonic()
        reply = Gathered()
        try:
            async with asyncio.timeout(self.service.timeouts.whole):
                await self.stream(request, reply, on_progress)
        except Exception as error:
            if is_filtered(error):
                return self._filtered(reply, time.monotonic() - started)
            raise translate(error, self.service, began=reply.began) from None
        return self._finished(request, reply, time.monotonic() - started)

    @abstractmethod
    async def stream(self, request: ModelRequest, reply: Gathered, on_progress: Progress | None) -> None:
        """Send the request and gather the reply as it comes."""

    def billed(self, reply: Gathered) -> dict[str, Any]:
        """The reply's model and usage, as the price list reads them."""
        return {"model": reply.model or self.model, "usage": reply.usage, **reply.served}

    def worst_case_usd(self, request: ModelRequest) -> Decimal | None:
        return worst_case(
            self.model,
            self.service.tariff,
            prompt_bytes=prompt_bytes(request),
            max_output=request.max_output_tokens,
        )

    def _finished(self, request: ModelRequest, reply: Gathered, seconds: float) -> ModelReply:
        if reply.stop is None:
            raise ended_early(self.service, reply)
        priced = price(self.billed(reply), self.service.tariff)
        refusal = "".join(reply.refusal)
        parts, answer = self._read(request, reply)
        text = refusal or said(parts)
        asked = request.schema_ is not None and not refusal
        return ModelReply(
            provider=self.provider,
            model=reply.model or self.model,
            text=text if answer is None else answer,
            data=json_object(text if answer is None else answer) if asked else None,
            stop="refusal" if refusal else self._stop(reply.stop, parts),
            usage=priced.usage,
            usd=priced.usd,
            price_list=priced.price_list,
            seconds=seconds,
            parts=parts,
            refusal=refusal,
            stopped_by=reply.stop,
        )

    def _read(self, request: ModelRequest, reply: Gathered) -> tuple[tuple[Part, ...], str | None]:
        """The parts, and the structured answer where it came as a call of the tool that stands for it.

        That call becomes text: it is an answer, and nobody will send a result for it.
        """
        parts = reply.parts(self.provider, self.model)
        if request.schema_ is None:
            return parts, None
        answers = [block.whole for block in reply.blocks.values() if is_answer(block, request)]
        if not answers:
            return parts, None
        kept = [part for part in parts if not (isinstance(part, ToolCall) and part.name == request.schema_name)]
        return (*kept, *(Text(text=whole) for whole in answers if whole)), "".join(answers)

    def _stop(self, word: str, parts: tuple[Part, ...]) -> Stop:
        """Tool calls decide, whatever the word: some servers end a turn with calls by `stop`."""
        stop = self.stops.get(word, "end")
        if stop not in ("end", "tool"):
            return stop
        return "tool" if any(isinstance(part, ToolCall) for part in parts) else "end"

    def _filtered(self, reply: Gathered, seconds: float) -> ModelReply:
        """A filter that cut in as an error. What was charged for it is unknown."""
        return ModelReply(
            provider=self.provider,
            model=reply.model or self.model,
            text=said(reply.parts(self.provider, self.model)),
            stop="content_filter",
            usage=Usage(),
            usd=None,
            seconds=seconds,
            stopped_by="content_filter",
        )


def is_answer(block: Block, request: ModelRequest) -> bool:
    return block.kind == "call" and block.name == request.schema_name


def said(parts: tuple[Part, ...]) -> str:
    return "".join(part.text for part in parts if isinstance(part, Text))


def ended_early(service: Service, reply: Gathered) -> Exception:
    """A stream that closed in good order, but before the reply said why it stops."""
    if not reply.began:
        return unusable(service, "the stream was empty")
    return ModelBusy(
        f"{service.provider} ended the stream in the middle of a reply.", subject=service.model, maybe_paid=True
    )

"""One request and one reply for every model provider.

A conversation grows by `reply.message()` and `Message.answering(results)`. What a provider wants back unchanged
(its reasoning) is in the message and is nobody else's business.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, Field, JsonValue, ValidationError

from contracts.base import Contract
from contracts.errors import ModelReplyUnusable
from contracts.schemas import closed_schema
from contracts.tools import Tool, ToolCall, ToolChoice, ToolResult

__all__ = [
    "Message",
    "ModelReply",
    "ModelRequest",
    "Part",
    "Stop",
    "Text",
    "Thought",
    "Tool",
    "ToolCall",
    "ToolChoice",
    "ToolResult",
    "Usage",
]

Answer = TypeVar("Answer", bound=BaseModel)
Stop = Literal["end", "length", "tool", "refusal", "content_filter"]


class Text(Contract):
    """Something said."""

    kind: Literal["text"] = "text"
    text: str


class Thought(Contract):
    """A model's reasoning, as its provider wants it back in the next request: kept as it is and never read.

    It goes back to the model that it came from only; other models are not shown it.
    """

    kind: Literal["thought"] = "thought"
    provider: str
    model: str
    block: dict[str, JsonValue]


Part = Annotated[Text | Thought | ToolCall | ToolResult, Field(discriminator="kind")]


class Message(Contract):
    """One turn. `text` is short for one part of text before `parts`."""

    role: Literal["user", "assistant"]
    text: str = ""
    parts: tuple[Part, ...] = ()

    @classmethod
    def answering(cls, results: Sequence[ToolResult], text: str = "") -> "Message":
        """The turn after a reply with tool calls: one result for each of them, then what else is to be said."""
        said = (Text(text=text),) if text else ()
        return cls(role="user", parts=(*results, *said))

    def content(self) -> tuple[Part, ...]:
        """Everything in the turn, in order."""
        return ((Text(text=self.text), *self.parts)) if self.text else self.parts

    @property
    def said(self) -> str:
        """The words of the turn, without calls, results and thoughts."""
        return "\n".join(part.text for part in self.content() if isinstance(part, Text))


class Usage(Contract):
    """Tokens in disjoint buckets: a cached token is never also counted as input."""

    input: int = 0
    cached_read: int = 0
    cached_write: int = 0
    output: int = 0
    reasoning: int = 0

    def __add__(self, other: "Usage") -> "Usage":
        mine, theirs = self.model_dump(), other.model_dump()
        return Usage(**{name: mine[name] + theirs[name] for name in mine})

    @property
    def prompt(self) -> int:
        """Tokens that the model read."""
        return self.input + self.cached_read + self.cached_write

    @property
    def written(self) -> int:
        """Tokens that the model wrote, its reasoning among them."""
        return self.output + self.reasoning


class ModelRequest(Contract):
    """What a model is asked. What stays the same from call to call (system, tools) comes first and is cached.

    `schema_` asks for one JSON object of that JSON Schema; the reply's `data` is then that object. With `tools`
    as well, the model may call those first.
    """

    system: str
    messages: tuple[Message, ...]
    max_output_tokens: int = Field(default=4096, ge=1)
    temperature: float | None = None
    schema_name: str = "answer"
    schema_: dict[str, Any] | None = None
    tools: tuple[Tool, ...] = ()
    tool_choice: ToolChoice = ToolChoice()

    def wanting(self, answer: type[BaseModel], name: str = "answer") -> "ModelRequest":
        """The same request for an answer of a pydantic type: `reply.answer(type)` reads it."""
        return self.model_copy(update={"schema_": closed_schema(answer), "schema_name": name})

    def then(self, *messages: Message) -> "ModelRequest":
        """The same request with more turns."""
        return self.model_copy(update={"messages": (*self.messages, *messages)})


class ModelReply(Contract):
    """`usd` None: the price is unknown. `price_list` is the version of the list it was priced with.

    `parts` are in the provider's order. `stop` is `refusal` where the model declined and `content_filter` where
    something around it cut in; both are results that were paid for. `stopped_by` is the provider's own word.
    """

    provider: str
    model: str
    text: str
    data: dict[str, Any] | None = None
    stop: Stop
    usage: Usage
    usd: Decimal | None
    price_list: str = ""
    seconds: float = 0.0
    parts: tuple[Part, ...] = ()
    refusal: str = Field(default="", description="the provider's words of why the model declined")
    stopped_by: str = ""
    tier: str = Field(default="", description="the tier that was asked: small or large")

    @property
    def calls(self) -> tuple[ToolCall, ...]:
        """The tools that the model wants called, in its order."""
        return tuple(part for part in self.parts if isinstance(part, ToolCall))

    @property
    def declined(self) -> bool:
        return self.stop in ("refusal", "content_filter")

    def message(self) -> Message:
        """The reply as the next turn of its conversation."""
        return Message(role="assistant", text="" if self.parts else self.text, parts=self.parts)

    def answer(self, answer: type[Answer]) -> Answer:
        """The structured answer. ModelReplyUnusable, in words that a model can act on, where it is none."""
        if self.data is None:
            why = "It is not one JSON object." if self.stop == "end" else f"It ended with {self.stop!r}."
            raise ModelReplyUnusable(f"The reply of {self.model!r} is no answer. {why}", subject=self.model)
        try:
            return answer.model_validate(self.data)
        except ValidationError as error:
            wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors()[:10])
            raise ModelReplyUnusable(
                f"The reply of {self.model!r} is not of the form asked for: {wrong}", subject=self.model
            ) from error

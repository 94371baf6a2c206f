"""One request and one reply for every model provider."""

from decimal import Decimal
from typing import Any, Literal

from pydantic import Field

from contracts.base import Contract


class Message(Contract):
    role: Literal["user", "assistant"]
    text: str


class Usage(Contract):
    """Tokens in disjoint buckets: a cached token is never also counted as input."""

    input: int = 0
    cached_read: int = 0
    cached_write: int = 0
    output: int = 0
    reasoning: int = 0


class ModelRequest(Contract):
    """`schema_` asks for one JSON object of that JSON Schema; the reply's `data` is then that object."""

    system: str
    messages: tuple[Message, ...]
    max_output_tokens: int = Field(default=4096, ge=1)
    temperature: float | None = None
    schema_name: str = "answer"
    schema_: dict[str, Any] | None = None


class ModelReply(Contract):
    """`usd` None: the price is unknown. `price_list` is the version of the list it was priced with."""

    provider: str
    model: str
    text: str
    data: dict[str, Any] | None = None
    stop: Literal["end", "length", "refusal", "tool"]
    usage: Usage
    usd: Decimal | None
    price_list: str = ""
    seconds: float = 0.0

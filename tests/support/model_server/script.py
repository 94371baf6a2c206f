"""What the model server is told to answer, one `Scripted` a request, and what it wrote down of each request."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

PIECE = 12  # characters in a chunk


@dataclass(frozen=True)
class Called:
    """One tool call of a reply. `arguments` as a string are the characters as they are, so also no JSON at all."""

    name: str
    arguments: dict[str, Any] | str = field(default_factory=dict)
    id: str = ""

    @property
    def characters(self) -> str:
        return self.arguments if isinstance(self.arguments, str) else json.dumps(self.arguments)


@dataclass(frozen=True)
class Scripted:
    """One reply. A default one says "Scripted." and ends in order.

    `data`: the object of a structured answer. `raw`: the characters of a structured answer as they are, so
    that they can be no JSON at all. `calls`: tool calls, after the text and after `thought`, the model's reasoning.
    `status` other than 200: an error, with `error` its kind and `says` its message. `cut_after`: the connection is
    dropped after that many chunks. `pause`: seconds before each chunk. `silence`: seconds before the first.
    `ends_early`: the stream closes in good order, but without saying why it stops. `late_error`: the kind of
    an error event in the middle of the stream.
    """

    text: str | None = None
    data: dict[str, Any] | None = None
    raw: str | None = None
    calls: tuple[Called, ...] = ()
    thought: str = ""
    why: str = ""
    stop: Literal["end", "length", "refusal", "content_filter"] = "end"
    input_tokens: int = 1000
    cached_read: int = 0
    cached_write: int = 0
    output_tokens: int = 50
    reasoning_tokens: int = 0
    usage: bool = True
    model: str | None = None
    status: int = 200
    error: str = ""
    says: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    cut_after: int | None = None
    ends_early: bool = False
    late_error: str = ""
    pause: float = 0.0
    silence: float = 0.0

    @property
    def answer(self) -> str | None:
        """The characters of the structured answer, or None where it is plain text."""
        if self.raw is not None:
            return self.raw
        return json.dumps(self.data) if self.data is not None else None

    @property
    def words(self) -> str:
        """The text beside the calls or the answer."""
        if self.text is not None:
            return self.text
        return "" if self.calls or self.answer is not None else "Scripted."

    def numbered(self) -> list[Called]:
        """The calls, each with an id."""
        return [Called(call.name, call.arguments, call.id or f"call_{at}") for at, call in enumerate(self.calls)]


def pieces(said: str, size: int = PIECE) -> list[str]:
    """What is said, in the chunks it is streamed in."""
    return [said[at : at + size] for at in range(0, len(said), size)]


@dataclass
class Asked:
    """One request as it came in. `dropped`: the client closed the connection before the reply's end."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]
    dropped: bool = False
    done: bool = False

    @property
    def prompt(self) -> str:
        """Every character that the model would have read, as JSON."""
        return json.dumps([self.body.get("system"), self.body.get("messages")], ensure_ascii=False)


def error(status: int, kind: str, says: str, **headers: str) -> Scripted:
    """An HTTP error in the provider's own form: `error(429, "rate_limit_error", "Slow", retry_after="7")`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted(status=status, error=kind, says=says, headers=named)

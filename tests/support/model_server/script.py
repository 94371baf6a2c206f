"""What the model server is told to answer, one `Scripted` a request, and what it wrote down of each request."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal


@dataclass(frozen=True)
class Scripted:
    """One reply. A default one says "Scripted." and ends in order.

    `data`: the object of a structured answer. `raw`: the characters of a structured answer as they are, so
    that they can be no JSON at all. `status` other than 200: an error, with `error` its kind and `says` its
    message. `cut_after`: the connection is dropped after that many chunks. `pause`: seconds before each chunk.
    `ends_early`: the stream closes in good order, but without saying why it stops. `late_error`: the kind of
    an error event in the middle of the stream.
    """

    text: str = "Scripted."
    data: dict[str, Any] | None = None
    raw: str | None = None
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

    @property
    def answer(self) -> str | None:
        """The characters of the structured answer, or None where it is plain text."""
        if self.raw is not None:
            return self.raw
        return json.dumps(self.data) if self.data is not None else None

    def pieces(self, size: int = 12) -> list[str]:
        """What is said, in the chunks it is streamed in."""
        said = self.answer if self.answer is not None else self.text
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

"""Cutting a talk down so that it fits the model again. Pure, and no model is asked.

What is kept: the newest turns as they are, every note word for word, and of each older turn what was done and how it
ended. What is lost: the long outputs of older tools. A tool can be asked again; a note cannot.
"""

from collections.abc import Iterator, Sequence

from contracts.models import Message, Text, ToolCall, ToolResult

NEWEST = 8  # messages, kept as they are: the model is in the middle of something
SHORT = 160  # characters of an older result that are kept
WORDS = 600  # characters of what the model said in an older turn
NOTE = "note"
HEAD = "[Earlier turns were shortened. Files are as you left them: read again what you need.]"


def size(messages: Sequence[Message]) -> int:
    """Characters of all that the model reads."""
    return sum(len(part.model_dump_json()) for message in messages for part in message.content())


def compacted(messages: Sequence[Message], limit: int, newest: int = NEWEST) -> tuple[list[Message], int]:
    """The talk at no more than about `limit` characters, and how many turns were cut down; 0: it fits as it is.

    Where even the newest turns do not fit, fewer of them are kept whole.
    """
    if size(messages) <= limit:
        return list(messages), 0
    start = _turn_start(messages, max(len(messages) - newest, 0))
    older, rest = messages[:start], list(messages[start:])
    told = "\n".join([HEAD, *_notes(older), *_steps(older)])
    room = max(limit - size(rest), limit // 4)
    summary = Message(
        role="user", text=told if len(told) <= room else f"{told[: room // 3]}\n[…]\n{told[-room * 2 // 3 :]}"
    )
    kept = [summary, *rest] if not rest or rest[0].role == "assistant" else [_joined(summary, rest[0]), *rest[1:]]
    if size(kept) > limit and newest > 2:
        return compacted(messages, limit, newest - 2)
    return (kept if size(kept) <= limit else [_clipped(each, limit // len(kept)) for each in kept]), len(older)


def _turn_start(messages: Sequence[Message], index: int) -> int:
    """The nearest message at or before `index` that no result in it belongs to a call further up."""
    while index > 0 and any(isinstance(part, ToolResult) for part in messages[index].content()):
        index -= 1
    return index


def _notes(messages: Sequence[Message]) -> Iterator[str]:
    for message in messages:
        for part in message.content():
            if isinstance(part, ToolCall) and part.name == NOTE:
                yield f"Your note: {part.arguments.get('text', '')}"
            elif isinstance(part, Text):
                yield from (line for line in part.text.splitlines() if line.startswith("Your note: "))


def _steps(messages: Sequence[Message]) -> Iterator[str]:
    """One line for each call with what came of it, and what the model said in between."""
    results = {part.call: part for message in messages for part in message.content() if isinstance(part, ToolResult)}
    for message in messages:
        for part in message.content():
            if isinstance(part, ToolCall) and part.name != NOTE:
                given = ", ".join(f"{name}={_short(str(value), 80)}" for name, value in part.arguments.items())
                result = results.get(part.id)
                ended = _short(result.text, SHORT) if result else "no result"
                yield f"- {part.name}({given}): {'FAILED: ' if result and result.failed else ''}{ended}"
            elif isinstance(part, Text) and message.role == "assistant":
                yield f"You said: {_short(part.text, WORDS)}"
            elif isinstance(part, Text) and part.text.startswith(HEAD):
                yield from (line for line in part.text.splitlines() if line.startswith(("- ", "You said: ")))


def _short(text: str, most: int) -> str:
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def _joined(summary: Message, first: Message) -> Message:
    """Providers want turns to alternate: what the person said first goes behind the summary."""
    return Message(role="user", parts=(Text(text=summary.text), *first.content()))


def _clipped(message: Message, most: int) -> Message:
    """Results cut to `most` characters: the last resort, when one turn alone is too long."""
    parts = tuple(
        part.model_copy(update={"text": f"{part.text[:most]}\n[… cut to fit …]"})
        if isinstance(part, ToolResult) and len(part.text) > most
        else part
        for part in message.content()
    )
    return message.model_copy(update={"text": "", "parts": parts})

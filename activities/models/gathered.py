"""A streamed reply as far as it has come, in blocks: the same for every provider."""

import json
from dataclasses import dataclass, field
from typing import Any, Literal

from contracts.models import Part, Text, Thought, ToolCall

Place = int | str
FIRST: Place = "text"


@dataclass
class Block:
    """One part of the reply that is still growing."""

    kind: Literal["text", "call", "thought"]
    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    block: dict[str, Any] = field(default_factory=dict)

    @property
    def whole(self) -> str:
        return "".join(self.pieces)


@dataclass
class Gathered:
    """What a provider has said. `stop` None: the stream has not ended properly.

    Blocks are kept in the order in which they appeared, by the provider's own number or name for them.
    """

    model: str = ""
    began: bool = False
    blocks: dict[Place, Block] = field(default_factory=dict)
    refusal: list[str] = field(default_factory=list)
    usage: dict[str, Any] = field(default_factory=dict)
    stop: str | None = None
    characters: int = 0
    served: dict[str, str] = field(default_factory=dict)

    def say(self, text: str, at: Place = FIRST) -> None:
        self._add(at, "text", text)

    def call(self, at: Place, *, id: str = "", name: str = "", arguments: str = "") -> None:
        """Some of a tool call. Its id and name come once, its arguments in pieces."""
        block = self._add(at, "call", arguments)
        block.id, block.name = block.id or id, block.name or name

    def decline(self, text: str) -> None:
        self.refusal.append(text)
        self.characters += len(text)

    def think(self, at: Place, block: dict[str, Any] | None = None, **more: str) -> None:
        """Some of a block of reasoning: `more` is appended to the fields of those names."""
        thought = self._add(at, "thought", "")
        thought.block |= block or {}
        for name, text in more.items():
            thought.block[name] = thought.block.get(name, "") + text
            self.characters += len(text)

    def count(self, usage: dict[str, Any]) -> None:
        """Take in usage figures. Later ones are totals, so they replace earlier ones."""
        self.usage |= {key: value for key, value in usage.items() if value is not None}

    def _add(self, at: Place, kind: Literal["text", "call", "thought"], text: str) -> Block:
        self.began = True
        self.characters += len(text)
        block = self.blocks.setdefault(at, Block(kind))
        if text:
            block.pieces.append(text)
        return block

    def parts(self, provider: str, model: str) -> tuple[Part, ...]:
        """The blocks as parts of a message; empty text is left out."""
        made = (part_of(block, number, provider, model) for number, block in enumerate(self.blocks.values()))
        return tuple(part for part in made if part is not None)


def part_of(block: Block, number: int, provider: str, model: str) -> Part | None:
    if block.kind == "text":
        return Text(text=block.whole) if block.whole else None
    if block.kind == "thought":
        return Thought(provider=provider, model=model, block=block.block) if block.block else None
    return call_of(block.id or f"call_{number}", block.name, block.whole)


def call_of(id: str, name: str, arguments: str) -> ToolCall:
    """A tool call. Characters that are no JSON object are kept for the model to be told about."""
    if not arguments.strip():
        return ToolCall(id=id, name=name)
    try:
        value = json.loads(arguments)
    except ValueError as error:
        return ToolCall(id=id, name=name, malformed=arguments, why=str(error))
    if not isinstance(value, dict):
        return ToolCall(id=id, name=name, malformed=arguments, why=f"it is a JSON {type(value).__name__}")
    return ToolCall(id=id, name=name, arguments=value)


def arguments_of(call: ToolCall) -> dict[str, Any]:
    """A call's arguments as they go back to the model that made it, which must always be an object."""
    return {"malformed": call.malformed} if call.malformed else call.arguments


def json_object(text: str) -> dict[str, Any] | None:
    """The one JSON object in a reply, or None. A fence around it is taken off; nothing else is repaired."""
    bare = text.strip()
    if bare.startswith("```"):
        bare = bare.partition("\n")[2].rpartition("```")[0]
    try:
        value = json.loads(bare)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None

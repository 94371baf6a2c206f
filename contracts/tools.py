"""Tools as a model sees them: what may be called, what was called, and what came of it."""

import difflib
from collections.abc import Sequence
from typing import Any, Literal

from pydantic import BaseModel, Field

from contracts.base import Contract
from contracts.schemas import closed_schema


class Tool(Contract):
    """One tool that a model may call. `schema_` is the JSON Schema of the object of its arguments."""

    name: str = Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")
    description: str
    schema_: dict[str, Any]

    @classmethod
    def taking(cls, arguments: type[BaseModel], *, name: str, description: str) -> "Tool":
        """A tool whose arguments are a pydantic type."""
        return cls(name=name, description=description, schema_=closed_schema(arguments, all_required=False))


class ToolChoice(Contract):
    """Whether a tool is called: `auto` as the model likes, `any` one of them, `one` the named one, `none`."""

    mode: Literal["auto", "any", "one", "none"] = "auto"
    name: str = ""


class ToolCall(Contract):
    """A model's wish to call a tool. Nothing was carried out yet, and nothing was checked.

    `malformed` holds the characters that came where an object of arguments should have been; `arguments` is
    empty then. That is something to tell the model (`problem`), and no reason to fail.
    """

    kind: Literal["call"] = "call"
    id: str
    name: str
    arguments: dict[str, Any] = Field(default_factory=dict)
    malformed: str = ""
    why: str = Field(default="", description="what is wrong with the malformed arguments")

    def problem(self, tools: Sequence[Tool]) -> str:
        """What a model has to be told instead of a result; empty where the call can be tried.

        The arguments' types are the tool's own business: its pydantic type says what is wrong with them.
        """
        names = [tool.name for tool in tools]
        if self.name not in names:
            near = difflib.get_close_matches(self.name, names, n=1)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            return f"There is no tool {self.name!r}.{meant} The tools are: {', '.join(sorted(names)) or 'none'}."
        if self.malformed:
            return f"The arguments of {self.name!r} are not one JSON object ({self.why}). Send the call again, whole."
        return ""

    def gives(self, text: str, *, failed: bool = False) -> "ToolResult":
        """The result of this call."""
        return ToolResult(call=self.id, name=self.name, text=text, failed=failed)


class ToolResult(Contract):
    """What came of a call, for the model to read. `failed` tells it that `text` is an error."""

    kind: Literal["result"] = "result"
    call: str = Field(description="id of the ToolCall")
    name: str = ""
    text: str
    failed: bool = False

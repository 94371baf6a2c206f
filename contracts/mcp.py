"""Tools of MCP servers: which a policy wants, which a run was offered, and what one call of them is.

What was offered is recorded once, when the agent starts. A later call is for exactly that: a server that describes a
tool otherwise by then is not called.
"""

from typing import Any

from pydantic import Field

from contracts.agent import AgentLimits
from contracts.base import Contract
from contracts.policy import McpTools


class OfferedTool(Contract):
    """One tool as its server described it. `name` is the one that the model calls it by."""

    name: str = Field(pattern=r"^mcp_[a-zA-Z0-9_-]{1,60}$")
    server: str
    tool: str
    description: str
    arguments: dict[str, Any] = Field(description="JSON Schema of the object of its arguments")
    digest: str


class Offered(Contract):
    """The body of an offer, kept as an artifact."""

    tools: tuple[OfferedTool, ...] = ()


class AskForTools(Contract):
    """Ask the servers for the tools that a policy lists."""

    wanted: tuple[McpTools, ...]


class McpUse(Contract):
    """One call. `call` is the artifact with the ToolCall, `offer` that with the offer; `tool` and `about` are for
    people."""

    call: str
    offer: str
    tool: str
    about: str = ""
    limits: AgentLimits = AgentLimits()


class McpDone(Contract):
    """What came of it: `result` is the artifact with the ToolResult, `whole` that with all that the server said."""

    result: str
    whole: str = ""
    failed: bool = False
    says: str = ""

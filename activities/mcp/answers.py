"""A server's answer as text. Pictures and sound are named and not shown."""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp.types import CallToolResult


def text_of(result: "CallToolResult") -> str:
    """All that the server said, in its order; the structured answer where there are no words."""
    said = "\n".join(filter(None, map(_part, result.content)))
    if not said and result.structured_content is not None:
        return json.dumps(result.structured_content, ensure_ascii=False)
    return said or "The server gave no answer."


def _part(part: Any) -> str:
    match part.type:
        case "text":
            return str(part.text)
        case "resource":
            held = getattr(part.resource, "text", None)
            return str(held) if held is not None else f"[a file that is no text: {part.resource.uri}]"
        case "resource_link":
            return f"[a resource: {part.name}, {part.uri}]"
        case kind:
            return f"[{kind}, not shown]"

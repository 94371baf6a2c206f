"""What a scripted model was told, out of the requests that reached it by Anthropic's protocol."""

import re
from typing import Any

from tests.support.model_server import Asked
from tests.support.model_server.anthropic_wire import content

FENCED = re.compile(r"<<<([A-Z]+) (\w{16})>>>\n(.*?)\n<<<END \2>>>", re.DOTALL)


def task(asked: Asked) -> str:
    """The first that it reads after the rules: its brief, and what is left of a talk that was cut down."""
    return "\n\n".join(block["text"] for block in content(asked.body["messages"][0]) if block["type"] == "text")


def rules(asked: Asked) -> str:
    return "\n".join(block["text"] for block in asked.body["system"])


def results(asked: Asked) -> list[tuple[str, bool]]:
    """What the tools said since its last reply, each with whether that is an error."""
    last: list[dict[str, Any]] = content(asked.body["messages"][-1])
    return [(said(block), block.get("is_error", False)) for block in last if block["type"] == "tool_result"]


def said(result: dict[str, Any]) -> str:
    text = result["content"]
    return text if isinstance(text, str) else "".join(part["text"] for part in text)


def fenced(text: str) -> dict[str, str]:
    """What stands in fences, by their labels."""
    return {label: inside for label, _, inside in FENCED.findall(text)}


def outside(text: str) -> str:
    """What stands in none: our own words."""
    return FENCED.sub("", text)

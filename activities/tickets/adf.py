"""Atlassian's document format as plain text: what a person would read, in order.

https://developer.atlassian.com/cloud/jira/platform/apis/document/structure/ lists the nodes. One that isn't known
gives the text inside it, so that nothing that was written is lost.
"""

from typing import Any

from activities.tickets.bounds import MOST_TEXT, listed, text, under

DEEPEST = 60
BLOCKS = ("paragraph", "heading", "blockquote", "panel", "table", "tableRow", "rule", "expand", "nestedExpand")


def plain(document: Any) -> str:
    """The text of a document; a text (REST v2's) stays as it is. At most `MOST_TEXT` characters."""
    if not isinstance(document, dict):
        return text(document)
    return _node(document, 0).strip("\n")[:MOST_TEXT]


def _node(node: Any, depth: int) -> str:
    if not isinstance(node, dict) or depth > DEEPEST:
        return ""
    kind = node.get("type")
    if kind == "text":
        return _marked(node)
    if kind == "hardBreak":
        return "\n"
    if kind in ("bulletList", "orderedList", "taskList", "decisionList"):
        return _list(node, depth)
    inside = "".join(_node(each, depth + 1) for each in listed(node.get("content")))
    return _around(kind, node, inside)


def _around(kind: Any, node: dict[str, Any], inside: str) -> str:
    """What a node adds to what is inside it."""
    if kind == "codeBlock":
        return f"```{under(node, 'attrs', 'language') or ''}\n{inside}\n```\n\n"
    if kind in ("tableCell", "tableHeader"):
        return f"{' '.join(inside.split())} | "
    if kind == "tableRow":
        return f"{inside.removesuffix(' | ')}\n"
    if kind == "rule":
        return "---\n\n"
    if kind == "blockquote":
        return "".join(f"> {line}\n" for line in inside.strip("\n").split("\n")) + "\n"
    if kind in BLOCKS:
        title = under(node, "attrs", "title")
        return f"{f'{title}: ' if isinstance(title, str) else ''}{inside.rstrip(chr(10))}\n\n"
    return inside or _named(node)


def _named(node: dict[str, Any]) -> str:
    """A node without text inside: a mention, an emoji, a card, a picture's name."""
    for key in ("text", "shortName", "url", "alt", "timestamp"):
        if value := under(node, "attrs", key):
            return f"[{value}]" if key == "alt" else str(value)
    return "[attachment]" if node.get("type") in ("media", "mediaInline") else ""


def _marked(node: dict[str, Any]) -> str:
    """A text with the address that it links to."""
    said = text(node.get("text"))
    links = [under(mark, "attrs", "href") for mark in listed(node.get("marks")) if under(mark, "type") == "link"]
    return f"{said} ({links[0]})" if links and isinstance(links[0], str) and links[0] != said else said


def _list(node: dict[str, Any], depth: int) -> str:
    """Points one beneath another, and those inside them set in."""
    lines = []
    for number, each in enumerate(listed(node.get("content")), 1):
        mark = f"{number}. " if node.get("type") == "orderedList" else "- "
        inside = [line for line in _node(each, depth + 1).strip("\n").split("\n") if line.strip()]
        lines += [f"{mark}{inside[0]}" if inside else mark.strip(), *(f"  {line}" for line in inside[1:])]
    return "\n".join(lines) + "\n\n"

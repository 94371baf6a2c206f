"""Atlassian's documents as plain text."""

from typing import Any

from activities.tickets import adf
from activities.tickets.bounds import MOST_TEXT


def node(kind: str, *inside: Any, **attrs: Any) -> dict[str, Any]:
    return {"type": kind, "content": list(inside), **({"attrs": attrs} if attrs else {})}


def text(words: str, href: str = "") -> dict[str, Any]:
    marks = [{"type": "link", "attrs": {"href": href}}] if href else [{"type": "strong"}]
    return {"type": "text", "text": words, "marks": marks}


def test_what_a_person_would_read() -> None:
    document = node(
        "doc",
        node("heading", text("Steps"), level=2),
        node("paragraph", text("Call "), text("add", "https://a.test/x"), {"type": "hardBreak"}, text("twice")),
        node(
            "orderedList",
            node("listItem", node("paragraph", text("one")), node("bulletList", node("listItem", text("deep")))),
            node("listItem", node("paragraph", text("two"))),
        ),
        node("codeBlock", text("add(2, 3)\n-1"), language="python"),
        node("blockquote", node("paragraph", text("said"))),
        node(
            "table",
            node("tableRow", node("tableHeader", text("a")), node("tableHeader", text("b"))),
            node("tableRow", node("tableCell", node("paragraph", text("1"))), node("tableCell", text("2"))),
        ),
        node("paragraph", node("mention", text="@ana"), node("emoji", shortName=":x:"), node("inlineCard", url="u")),
        node("mediaSingle", node("media", alt="shot.png"), node("media", id="1")),
        node("somethingNew", node("paragraph", text("kept"))),
    )
    assert adf.plain(document) == (
        "Steps\n\nCall add (https://a.test/x)\ntwice\n\n"
        "1. one\n  - deep\n2. two\n\n"
        "```python\nadd(2, 3)\n-1\n```\n\n> said\n\na | b\n1 | 2\n\n@ana:x:u\n\n[shot.png][attachment]kept"
    )


def test_what_is_no_document() -> None:
    assert [adf.plain(each) for each in (None, 3, [], {}, {"type": "doc"}, "as it is")] == [
        "",
        "",
        "",
        "",
        "",
        "as it is",
    ]
    strange = {"type": "doc", "content": [None, 3, {"content": "x"}, {"type": "text", "text": 3, "marks": "x"}]}
    assert adf.plain(strange) == ""


def test_it_ends() -> None:
    deep: dict[str, Any] = text("never reached")
    for _ in range(5000):
        deep = node("paragraph", deep)
    assert adf.plain(deep) == ""
    assert len(adf.plain(node("doc", text("x" * MOST_TEXT), text("y")))) == MOST_TEXT

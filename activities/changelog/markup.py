"""What a renderer would make of an entry, and what of that has no place in a changelog.

Pure. RST and AsciiDoc have no renderer here: what could include a file or raw HTML is looked for by its sign.
"""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

from activities.changelog.structure import parse
from contracts.changelog import ChangelogDraft, History

BANNED = {
    "html_block": "raw HTML",
    "html_inline": "raw HTML",
    "image": "an image",
    "fence": "a code block",
    "code_block": "a code block",
    "blockquote_open": "a quotation",
    "hr": "a rule",
}
_DIRECTIVE = re.compile(
    r"^\s*(?:\.\.\s+(?:raw|include|image|figure|literalinclude)::|(?:include|image)::|\+{4,})", re.M
)


def foreign(draft: ChangelogDraft, history: History) -> list[str]:
    """What the rendered entry has and shouldn't, in words."""
    style = parse(history.changelog_path, history.changelog_text or "")
    if style.markup != "markdown":
        return ["a directive"] if _DIRECTIVE.search(draft.markdown) else []
    tokens = MarkdownIt("commonmark").parse(draft.markdown)
    headings = sum(token.type == "heading_open" for token in tokens)
    own = len({line.section for line in draft.lines}) + 2  # its title, its sections, its contributors
    smuggled = ["a heading of its own"] if headings > own else []
    return list(dict.fromkeys([*smuggled, *_found(tokens, history)]))


def _found(tokens: list[Token], history: History) -> Iterator[str]:
    home = urlsplit(history.web_url).hostname
    for token in _flat(tokens):
        if token.type in BANNED:
            yield BANNED[token.type]
        elif token.type == "link_open":
            host = urlsplit(str(token.attrs.get("href", ""))).hostname
            if host is None or host != home:
                yield f"a link to {host or 'an address without a host'}"


def _flat(tokens: list[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flat(token.children or [])

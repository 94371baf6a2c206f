"""Text that others wrote, made readable: Markdown and diffs. Nothing in it can become markup of ours."""

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from console.words import visible


def _only_web(url: str) -> bool:
    return url.lower().startswith(("https://", "http://"))


def _link(self: RendererHTML, tokens: Sequence[Token], index: int, options: OptionsDict, env: EnvType) -> str:
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return self.renderToken(tokens, index, options, env)


def _parser() -> MarkdownIt:
    """CommonMark and tables. Raw HTML stays text, and an image stays its source: nothing is fetched."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.validateLink = _only_web  # type: ignore[method-assign]
    parser.add_render_rule("link_open", _link)
    return parser


_MARKDOWN = _parser()


def markdown(text: str) -> Markup:
    """Rendered Markdown. Links go to http(s) only."""
    return Markup(_MARKDOWN.render(str(visible(text))))  # noqa: S704 - the parser escapes all raw HTML


@dataclass(frozen=True)
class DiffLine:
    """A line of a diff: its kind, its numbers in the old and the new file, its text without the sign."""

    kind: Literal["add", "del", "same", "hunk", "note"]
    old: int | None
    new: int | None
    text: str

    @property
    def sign(self) -> str:
        return {"add": "+", "del": "−"}.get(self.kind, "")


def diff_lines(diff: str) -> list[DiffLine]:
    """The lines of a unified diff of one file, without its two header lines."""
    return list(_numbered(diff.splitlines()))


def _numbered(lines: Sequence[str]) -> Iterator[DiffLine]:
    old = new = 0
    started = False
    for line in lines:
        if line.startswith("@@"):
            old, new = _starts(line)
            started = True
            yield DiffLine("hunk", None, None, line)
        elif not started:
            continue  # headers: the path is shown above the diff
        elif line.startswith("+"):
            yield DiffLine("add", None, new, line[1:])
            new += 1
        elif line.startswith("-"):
            yield DiffLine("del", old, None, line[1:])
            old += 1
        elif line.startswith("\\"):
            yield DiffLine("note", None, None, line[2:])
        else:
            yield DiffLine("same", old, new, line[1:])
            old, new = old + 1, new + 1


def _starts(hunk: str) -> tuple[int, int]:
    """The first line numbers that `@@ -3,7 +3,9 @@` names; zeros where it is malformed."""
    try:
        old, new = hunk.split()[1:3]
        return int(old[1:].split(",")[0]), int(new[1:].split(",")[0])
    except ValueError:
        return 0, 0


def changes_between(before: str, after: str) -> list[DiffLine]:
    """What a revision changed in the text, with three lines around each change."""
    diff = difflib.unified_diff(before.splitlines(), after.splitlines(), lineterm="", n=3)
    return list(_numbered(list(diff)))

"""A Python source with its tree, where each node knows its span of characters, and edits of those spans.

Nothing is printed from the tree: an edit replaces characters, so formatting and comments stay and a diff shows
only what changed.
"""

import ast
import difflib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property

from contracts.errors import BadInput

LARGEST = 1 << 20  # characters of a source that is looked at

# Parents in which anything but an atom needs parentheses to stay one operand.
TIGHT = (ast.BinOp, ast.UnaryOp, ast.Compare, ast.BoolOp, ast.Attribute, ast.Subscript, ast.Call, ast.Await)


@dataclass(frozen=True, order=True)
class Change:
    """Characters `start` to `end` become `text`."""

    start: int
    end: int
    text: str


@dataclass(frozen=True)
class Edit:
    """One small idea of what may be wrong: `kind` is a name in `activities.repair.prior`, `says` is for people."""

    kind: str
    line: int
    says: str
    changes: tuple[Change, ...]
    likely: float = field(default=1.0, compare=False)  # within its kind

    def overlaps(self, other: "Edit") -> bool:
        return any(a.start <= b.end and b.start <= a.end for a in self.changes for b in other.changes)


def apply(text: str, changes: tuple[Change, ...]) -> str:
    """`text` with `changes`, which do not overlap."""
    for change in sorted(changes, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
    return text


def unified(path: str, before: str, after: str) -> str:
    """A diff that `git apply` takes, three lines of context."""
    lines: list[str] = []
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    for line in difflib.unified_diff(old, new, f"a/{path}", f"b/{path}"):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return "".join(lines)


class Source:
    """Raises BadInput for text that Python cannot parse, or that is too large."""

    def __init__(self, text: str, path: str = "") -> None:
        if len(text) > LARGEST:
            raise BadInput(f"{path!r} has more than {LARGEST:,} characters.", subject=path)
        try:
            self.tree = ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise BadInput(f"{path!r} is not Python that can be read: {error}.", subject=path) from error
        self.text = text
        self.path = path
        self.lines = text.splitlines(keepends=True)

    @cached_property
    def starts(self) -> list[int]:
        """Offset of each line, and of the end."""
        starts = [0]
        for line in self.lines:
            starts.append(starts[-1] + len(line))
        return starts

    @cached_property
    def parents(self) -> dict[ast.AST, ast.AST]:
        return {child: node for node in ast.walk(self.tree) for child in ast.iter_child_nodes(node)}

    @cached_property
    def functions(self) -> list[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
        """Qualified name and node, outer ones before those within."""
        return list(_functions(self.tree, ""))

    def function_at(self, line: int) -> str:
        """The innermost function that holds `line`; empty for the module's own."""
        held = [name for name, node in self.functions if first_line(node) <= line <= (node.end_lineno or 0)]
        return held[-1] if held else ""

    def _offset(self, line: int, column: int) -> int:
        words = self.lines[line - 1] if line <= len(self.lines) else ""
        within = column if words.isascii() else len(words.encode()[:column].decode(errors="replace"))
        return self.starts[line - 1] + within

    def span(self, node: ast.AST) -> tuple[int, int]:
        """Start and end offsets in characters."""
        line, column = node.lineno, node.col_offset  # type: ignore[attr-defined]
        end_line, end_column = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
        return self._offset(line, column), self._offset(end_line, end_column)

    def of(self, node: ast.AST) -> str:
        start, end = self.span(node)
        return self.text[start:end]

    def enclosed(self, node: ast.AST) -> tuple[int, int]:
        """The node's span with the parentheses that are its own."""
        start, end = self.span(node)
        while True:
            before, after = len(self.text[:start].rstrip()) - 1, end + _spaces(self.text[end:])
            if before < 0 or self.text[before] != "(" or self.text[after : after + 1] != ")":
                return start, end
            if before and (self.text[before - 1].isalnum() or self.text[before - 1] in "_)]"):
                return start, end  # a call's
            start, end = before, after + 1

    def put(self, node: ast.AST, text: str, *, atom: bool = False) -> Change:
        """Replace an expression, in parentheses where the place is tight and the text is no atom."""
        start, end = self.span(node)
        parent = self.parents.get(node)
        argument = isinstance(parent, ast.Call) and node is not parent.func
        argument = argument or (isinstance(parent, ast.Subscript) and node is not parent.value)
        bare = not argument and self.enclosed(node) == (start, end)
        if not atom and bare and isinstance(parent, TIGHT) and not _stands(text, parent):
            text = f"({text})"
        return Change(start, end, text)

    def whole_lines(self, first: ast.AST, last: ast.AST) -> tuple[int, int]:
        """Offsets of all lines that two statements of one block cover. A decorator belongs to its statement."""
        return self.starts[first_line(first) - 1], self.starts[last.end_lineno]  # type: ignore[attr-defined]

    def indent(self, node: ast.AST) -> str:
        words = self.lines[node.lineno - 1]  # type: ignore[attr-defined]
        return words[: len(words) - len(words.lstrip())]

    def alone(self, node: ast.AST) -> bool:
        """Whether no other statement shares a line with this one."""
        start, end = self.span(node)
        before = self.text[self.starts[node.lineno - 1] : start]  # type: ignore[attr-defined]
        after = self.text[end : self.starts[node.end_lineno]].strip()  # type: ignore[attr-defined]
        return not before.strip() and (not after or after.startswith("#"))


def _stands(text: str, parent: ast.AST) -> bool:
    """Whether an expression binds tightly enough to stand in a comparison, or an and or or, as it is."""
    try:
        node = ast.parse(text, mode="eval").body
    except SyntaxError:
        return False
    loose = (ast.BoolOp, ast.IfExp, ast.Lambda, ast.NamedExpr)
    if isinstance(parent, ast.Compare):
        negated = isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not)
        return not negated and not isinstance(node, (*loose, ast.Compare))
    return isinstance(parent, ast.BoolOp) and not isinstance(node, loose)


def first_line(node: ast.AST) -> int:
    decorators = getattr(node, "decorator_list", [])
    lines = [each.lineno for each in decorators]
    return int(min([node.lineno, *lines]))  # type: ignore[attr-defined]


def _spaces(text: str) -> int:
    return len(text) - len(text.lstrip())


def _functions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield f"{prefix}{child.name}", child
            yield from _functions(child, f"{prefix}{child.name}.")
        elif isinstance(child, ast.ClassDef):
            yield from _functions(child, f"{prefix}{child.name}.")
        else:
            yield from _functions(child, prefix)

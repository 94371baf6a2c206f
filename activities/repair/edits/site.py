"""One place in a function where something may be wrong, and how an edit of it is written."""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from activities.repair.ingredients import Ingredients
from activities.repair.scope import Kind, Scope
from activities.repair.source import Change, Edit, Source

SHOWN = 60


@dataclass(frozen=True)
class Site:
    """A node of a function's tree, with what an edit of it may be made of."""

    source: Source
    scope: Scope
    ticket: Ingredients
    node: ast.AST

    @property
    def parent(self) -> ast.AST | None:
        return self.source.parents.get(self.node)

    @property
    def text(self) -> str:
        return self.source.of(self.node)

    def of(self, node: ast.AST) -> str:
        return self.source.of(node)

    def kind(self, node: ast.expr) -> Kind:
        return self.scope.kind(node)

    def operand(self, node: ast.expr) -> str:
        """The text of `node`, fit to stand as an operand anywhere."""
        text = self.source.of(node)
        atoms = ast.Name | ast.Constant | ast.Call | ast.Subscript | ast.Attribute | ast.List | ast.Dict | ast.Tuple
        start, end = self.source.enclosed(node)
        return (
            text
            if isinstance(node, atoms) and text
            else self.source.text[start:end]
            if text[:1] == "("
            else f"({text})"
        )

    def swap(
        self,
        kind: str,
        new: str,
        *,
        node: ast.expr | None = None,
        atom: bool = False,
        likely: float = 1.0,
        says: str = "",
    ) -> Edit:
        """The edit that puts `new` in the place of the site's node, or of another."""
        which: ast.AST = node or self.node
        says = says or f"{short(self.of(which))} becomes {short(new)}"
        line: int = which.lineno  # type: ignore[attr-defined]
        return Edit(kind, line, says, (self.source.put(which, new, atom=atom),), likely)

    def write(self, kind: str, says: str, *changes: Change, likely: float = 1.0) -> Edit:
        return Edit(kind, self.node.lineno, says, changes, likely)  # type: ignore[attr-defined]


Generator = Callable[[Site], Iterator[Edit]]


def short(text: str) -> str:
    """As quoted code, on one line, cut."""
    words = " ".join(text.split())
    return f"`{words if len(words) <= SHOWN else words[: SHOWN - 1] + '…'}`"

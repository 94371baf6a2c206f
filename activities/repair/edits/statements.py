"""Statements: one too many, one missing, one in the wrong place; what is returned."""

import ast
from collections.abc import Iterator

from activities.repair.edits.site import Site, short
from activities.repair.source import Change, Edit

PLAIN = ast.Assign | ast.AugAssign | ast.Expr | ast.Break | ast.Continue | ast.Delete
LOOPS = (ast.For, ast.While)


def _block(site: Site) -> tuple[list[ast.stmt], int]:
    """The block that holds the site's statement, and where in it."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(site.parent, name, None)
        if isinstance(block, list) and site.node in block:
            return block, block.index(site.node)
    return [], -1


def dropped(site: Site) -> Iterator[Edit]:
    """A simple statement, or two neighbours, left out. Never a raise, an assert, a return or a whole branch."""
    node = site.node
    if not isinstance(node, PLAIN) or _text(node) or not site.source.alone(node):
        return
    block, at = _block(site)
    if not block:
        return
    start, end = site.source.whole_lines(node, node)
    if len(block) > 1:
        yield site.write("statement dropped", f"{short(site.text)} is left out", Change(start, end, ""))
        after = block[at + 1] if at + 1 < len(block) else None
        if isinstance(after, PLAIN) and len(block) > 2 and site.source.alone(after):
            both = site.source.whole_lines(node, after)
            says = f"{short(site.text)} and {short(site.of(after))} are left out"
            yield site.write("statement dropped", says, Change(*both, ""), likely=0.5)
    else:
        says = f"{short(site.text)} becomes `pass`"
        yield site.write("statement dropped", says, Change(*site.source.span(node), "pass"), likely=0.3)


def _text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def moved(site: Site) -> Iterator[Edit]:
    """A statement out of its block, into the block before it, or past its neighbour."""
    node = site.node
    if (
        not isinstance(node, ast.stmt)
        or isinstance(node, ast.FunctionDef | ast.ClassDef)
        or not site.source.alone(node)
    ):
        return
    block, at = _block(site)
    if not block or (hasattr(node, "body") and at == 0):
        return
    yield from _outwards(site, node, block, at)
    yield from _inwards(site, node, block, at)
    after = block[at + 1] if at + 1 < len(block) else None
    if after is not None and site.source.alone(after) and not _text(node):
        first, second = (site.source.whole_lines(each, each) for each in (node, after))
        text = site.source.text
        new = _line(text[slice(*second)]) + text[first[1] : second[0]] + text[slice(*first)]
        says = f"{short(site.text)} comes after {short(site.of(after))}"
        yield site.write("statement moved", says, Change(first[0], second[1], new), likely=0.5)


def _outwards(site: Site, node: ast.stmt, block: list[ast.stmt], at: int) -> Iterator[Edit]:
    """The last statement of a block, one level less deep."""
    parent = site.parent
    if at != len(block) - 1 or at == 0 or not isinstance(parent, ast.For | ast.While | ast.If | ast.With):
        return
    if isinstance(parent, ast.If) and parent.orelse and block is parent.body:
        return
    start, end = site.source.whole_lines(node, node)
    old, new = site.source.indent(node), site.source.indent(parent)
    text = "".join(new + line.removeprefix(old) for line in site.source.text[start:end].splitlines(keepends=True))
    yield site.write("statement moved", f"{short(site.text)} moves out of its block", Change(start, end, text))


def _inwards(site: Site, node: ast.stmt, block: list[ast.stmt], at: int) -> Iterator[Edit]:
    """To the end of the block of the statement before."""
    before = block[at - 1] if at else None
    if not isinstance(before, ast.For | ast.While | ast.If | ast.With):
        return
    inner: list[ast.stmt] = getattr(before, "orelse", None) or before.body
    if not site.source.alone(inner[0]):
        return
    start, end = site.source.whole_lines(node, node)
    old, new = site.source.indent(node), site.source.indent(inner[0])
    text = "".join(new + line.removeprefix(old) for line in site.source.text[start:end].splitlines(keepends=True))
    yield site.write("statement moved", f"{short(site.text)} moves into the block before it", Change(start, end, text))


def _line(text: str) -> str:
    return text if text.endswith("\n") else f"{text}\n"


def inserted(site: Site) -> Iterator[Edit]:
    """In a loop: break, continue, a step of a counter. Anywhere: a statement of the function once more."""
    node = site.node
    if not isinstance(node, ast.Assign | ast.AugAssign | ast.Expr) or _text(node) or not site.source.alone(node):
        return
    inside = _loop(site)
    new: dict[str, float] = {}
    if inside is not None:
        new |= {"break": 0.6, "continue": 0.4}
        for name in site.scope.visible(node):
            if site.scope.kinds.get(name) == "number":
                new |= {f"{name} += 1": 0.8, f"{name} -= 1": 0.8}
    for other in ast.walk(site.scope.function):
        again = isinstance(other, ast.Assign | ast.AugAssign | ast.Expr) and not _text(other)
        if again and other.lineno == other.end_lineno and other is not node:  # type: ignore[attr-defined]
            new.setdefault(site.of(other), 0.3)
    end, indent = site.source.whole_lines(node, node)[1], site.source.indent(node)
    lead = "" if site.source.text[:end].endswith("\n") else "\n"
    for text, likely in new.items():
        change = Change(end, end, f"{lead}{indent}{text}\n")
        yield site.write("statement added", f"{short(text)} after {short(site.text)}", change, likely=likely)


def _loop(site: Site) -> ast.AST | None:
    at: ast.AST | None = site.node
    while at is not None and at is not site.scope.function:
        if isinstance(at, LOOPS):
            return at
        at = site.source.parents.get(at)
    return None


def returned(site: Site) -> Iterator[Edit]:
    """Another value in scope, or with something added; a constant only where one was returned before."""
    node = site.node
    if not isinstance(node, ast.Return):
        return
    if node.value is None:
        start, end = site.source.span(node)
        for name in site.scope.visible(node):
            yield site.write("return", f"`return` gives `{name}`", Change(start, end, f"return {name}"))
        return
    old = site.of(node.value)
    for name in site.scope.visible(node):
        if name not in ("self", old) and not isinstance(node.value, ast.Name):
            yield site.swap("return", name, node=node.value, atom=True, likely=0.5)
        if site.scope.kinds.get(name) in ("number", "") and name != old:
            yield site.swap("return", f"-{name}", node=node.value, likely=0.3)
    if isinstance(node.value, ast.Constant):
        for text in ("None", "0", "1", "-1", "True", "False", "[]", "''"):
            if text != old:
                yield site.swap("return", text, node=node.value, atom=True, likely=0.6)


def at_the_end(site: Site) -> Iterator[Edit]:
    """A function that forgets to return what it made."""
    function = site.scope.function
    if site.node is not function or not function.body or not site.source.alone(function.body[-1]):
        return
    last = function.body[-1]
    if isinstance(last, ast.Return | ast.Raise):
        return
    end, indent = site.source.whole_lines(last, last)[1], site.source.indent(last)
    lead = "" if site.source.text[:end].endswith("\n") else "\n"
    for name in [*site.scope.visible(function.body[0]), "True", "False"]:
        if name != "self":
            says = f"`return {name}` at the end"
            yield Edit("return", last.lineno, says, (Change(end, end, f"{lead}{indent}return {name}\n"),), 0.6)

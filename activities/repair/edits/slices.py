"""Subscripts: their bounds, and slices that are missing or too many."""

import ast
from collections.abc import Iterator

from activities.repair.edits.site import Site
from activities.repair.source import Change, Edit

CUTS = ("[1:]", "[:-1]", "[::-1]", "[0]", "[-1]", "[::2]", "[1::2]")
SLICED = ("list", "string", "tuple", "")


def bounds(site: Site) -> Iterator[Edit]:
    """A bound of a slice one off, left out, or put in; the step too."""
    node = site.node
    if not isinstance(node, ast.Slice):
        return
    for part in (node.lower, node.upper, node.step):
        if part is not None:
            start, end = site.source.enclosed(part)
            says = f"the bound `{site.of(part)}` is left out"
            yield site.write("slice bound", says, Change(start, end, ""))
            if not isinstance(part, ast.Constant):
                for sign in ("+", "-"):
                    yield site.swap("off by one", f"{site.of(part)} {sign} 1", node=part)
    start, end = site.source.span(node)
    lower, upper = (site.of(part) if part else "" for part in (node.lower, node.upper))
    if not node.lower:
        for new in ("1", *_numbers(site)):
            yield _bound(site, start, end, f"{new}:{upper}")
    if not node.upper:
        for new in ("-1", *_numbers(site)):
            yield _bound(site, start, end, f"{lower}:{new}")
    if not node.step:
        for new in ("-1", "2"):
            yield _bound(site, start, end, f"{lower}:{upper}:{new}")


def _bound(site: Site, start: int, end: int, new: str) -> Edit:
    old = site.source.text[start:end]
    return site.write("slice bound", f"`[{old}]` becomes `[{new}]`", Change(start, end, new), likely=0.6)


def _numbers(site: Site) -> list[str]:
    """Numbers in scope, and what may be one."""
    names = [name for name in site.scope.visible(site.node) if name not in ("self", site.text)]
    sure = [name for name in names if site.scope.kinds.get(name) == "number"]
    return [*sure, *(name for name in names if not site.scope.kinds.get(name))][:6]


def added(site: Site) -> Iterator[Edit]:
    """A part of a sequence where the whole is used."""
    node, parent = site.node, site.parent
    if not isinstance(node, ast.Name | ast.Call | ast.ListComp | ast.Attribute | ast.Subscript):
        return
    if not isinstance(getattr(node, "ctx", ast.Load()), ast.Load) or site.kind(node) not in SLICED:
        return
    callee = isinstance(parent, ast.Call) and parent.func is node
    if callee or isinstance(parent, ast.Expr | ast.Attribute) or (isinstance(node, ast.Name) and node.id == "self"):
        return
    likely = 1.0 if site.kind(node) else 0.4
    names = _numbers(site)
    for cut in [*CUTS, *(f"[{name}:]" for name in names), *(f"[:{name}]" for name in names)]:
        yield site.swap("slice added", f"{site.operand(node)}{cut}", atom=True, likely=likely)
    for name in names:
        yield site.swap("slice added", f"{site.operand(node)}[{name}]", atom=True, likely=likely * 0.5)


def dropped(site: Site) -> Iterator[Edit]:
    """The whole where a part is taken; the first for the last, and back."""
    node = site.node
    if not isinstance(node, ast.Subscript) or not isinstance(node.ctx, ast.Load):
        return
    yield site.swap("slice dropped", site.of(node.value), atom=True)
    inner = node.slice
    if isinstance(inner, ast.Constant | ast.UnaryOp) and site.of(inner) in ("0", "-1"):
        yield site.swap("index", "-1" if site.of(inner) == "0" else "0", node=inner, atom=True)
    if isinstance(inner, ast.Constant) and isinstance(inner.value, int):
        for cut in (f"[{inner.value}:]", f"[:{inner.value}]"):
            yield site.swap("index", f"{site.of(node.value)}{cut}", atom=True, likely=0.4)

"""Calls: one too many or too few, and their arguments."""

import ast
from collections.abc import Iterator

from activities.repair.edits.operators import exchanged
from activities.repair.edits.site import Site, short
from activities.repair.source import Change, Edit

# What may have been forgotten around a value of a kind.
AROUND = {
    "number": ("abs", "int", "str", "round", "float", "-"),
    "string": ("len", "int", "sorted", "set", "list", "reversed", "float", "ord", "str"),
    "list": ("sorted", "set", "len", "sum", "list", "max", "min", "reversed", "tuple", "enumerate"),
    "tuple": ("sorted", "set", "len", "sum", "list", "max", "min"),
    "set": ("sorted", "list", "len", "sum"),
    "dict": ("sorted", "len", "list", "dict"),
    "bool": ("int", "str"),
    "": ("abs", "len", "int", "str", "sorted", "set", "list", "sum", "round", "max", "min", "float", "reversed", "ord"),
}
AFTER = {
    "string": (".lower()", ".upper()", ".strip()", ".split()", "[::-1]", ".swapcase()"),
    "list": ("[::-1]", ".copy()"),
    "dict": (".items()", ".values()", ".keys()"),
    "": (".lower()", ".upper()", ".strip()", "[::-1]", ".copy()", ".items()", ".values()"),
}
REDUCERS = ("sum", "max", "min", "len")
FLAGS = ("reverse=True", "key=len", "key=abs", "key=str", "key=str.lower")


def dropped(site: Site) -> Iterator[Edit]:
    """`f(x)` as `x`, `x.f(…)` as `x`."""
    node = site.node
    if not isinstance(node, ast.Call) or isinstance(site.parent, ast.Expr):
        return
    for argument in node.args[:2]:
        if not isinstance(argument, ast.Starred):
            yield site.swap("call dropped", site.operand(argument), atom=True)
    if isinstance(node.func, ast.Attribute):
        yield site.swap("call dropped", site.of(node.func.value), atom=True)


def added(site: Site) -> Iterator[Edit]:
    """`x` as `f(x)` or `x.f()`, by the kind of x; a function of this module that takes one argument."""
    node = site.node
    if not isinstance(node, ast.expr) or not _usable(site):
        return
    kind = site.kind(node)
    likely = 1.0 if kind else 0.5
    outer = site.parent.func if isinstance(site.parent, ast.Call) else None
    inside = outer.id if isinstance(outer, ast.Name) else ""
    for name in AROUND.get(kind, ()):
        if name not in ("-", inside):
            yield site.swap("call added", f"{name}({site.text})", atom=True, likely=likely)
    for name in site.scope.helpers:
        yield site.swap("call added", f"{name}({site.text})", atom=True, likely=0.7)
    for tail in AFTER.get(kind, ()):
        if not isinstance(node, ast.Constant):
            yield site.swap("call added", f"{site.operand(node)}{tail}", atom=True, likely=likely)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) == 1:
        again = f"{node.func.id}({site.text})"
        yield site.swap("call added", again, atom=True, likely=0.5)


def _usable(site: Site) -> bool:
    """Whether a call around the node makes sense: it is read, and no mere part of a name or a format."""
    node, parent = site.node, site.parent
    if isinstance(node, ast.Constant | ast.Starred | ast.Slice | ast.Lambda | ast.Compare | ast.BoolOp | ast.JoinedStr):
        return False
    callee = isinstance(parent, ast.Call) and parent.func is node
    loaded = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    return loaded and not callee and not isinstance(parent, ast.Expr | ast.Attribute | ast.FormattedValue)


def both(site: Site) -> Iterator[Edit]:
    """`a == b` as `f(a) == f(b)`."""
    node = site.node
    if not isinstance(node, ast.Compare) or len(node.ops) != 1:
        return
    left, right = node.left, node.comparators[0]
    if isinstance(left, ast.Constant) or isinstance(right, ast.Constant):
        return
    for name in ("set", "sorted", "len", "abs", "str", "int", "sum"):
        pair = [site.source.put(each, f"{name}({site.of(each)})", atom=True) for each in (left, right)]
        yield site.write("call added", f"both sides of {short(site.text)} by `{name}`", *pair, likely=0.7)
    for tail in (".lower()", "[::-1]", ".strip()"):
        pair = [site.source.put(each, f"{site.operand(each)}{tail}", atom=True) for each in (left, right)]
        yield site.write("call added", f"both sides of {short(site.text)} with `{tail}`", *pair, likely=0.4)


def arguments(site: Site) -> Iterator[Edit]:
    """Arguments exchanged, dropped, taken from scope; a keyword dropped, or one that sorting knows added."""
    node = site.node
    if not isinstance(node, ast.Call):
        return
    for at, first in enumerate(node.args):
        for second in node.args[at + 1 :]:
            yield exchanged(site, "argument order", first, second)
    parts: list[ast.AST] = [*node.args, *node.keywords]
    ends = [site.source.enclosed(each) if isinstance(each, ast.expr) else site.source.span(each) for each in parts]
    for at, part in enumerate(parts if len(parts) > 1 else []):
        start, end = (ends[0][0], ends[1][0]) if at == 0 else (ends[at - 1][1], ends[at][1])
        says = f"the argument {short(site.of(part))} is left out"
        yield site.write("argument dropped", says, Change(start, end, ""))
    yield from _more(site, node, ends)


def _more(site: Site, node: ast.Call, ends: list[tuple[int, int]]) -> Iterator[Edit]:
    called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    given = {each.arg for each in node.keywords}
    close = site.source.span(node)[1] - 1
    for flag in FLAGS if called in ("sorted", "sort", "max", "min") else ():
        if flag.split("=")[0] not in given and not (flag.startswith("reverse") and called in ("max", "min")):
            lead = ", " if ends else ""
            yield site.write("argument added", f"`{flag}` for `{called}`", Change(close, close, f"{lead}{flag}"))
    if called == "range" and len(node.args) == 1:
        for start in ("1", "2", "-1"):
            yield site.write("argument added", f"`range` starts at {start}", Change(*(ends[0][:1] * 2), f"{start}, "))
        backwards = f"range({site.operand(node.args[0])} - 1, -1, -1)"
        yield site.swap("argument added", backwards, atom=True, likely=0.4)
    if called == "range" and len(node.args) == 2:
        for step in ("2", "-1", "3"):
            yield site.write(
                "argument added", f"`range` steps by {step}", Change(close, close, f", {step}"), likely=0.5
            )


def reduced(site: Site) -> Iterator[Edit]:
    """One element where a sum, a largest or a smallest is meant, and the other way round."""
    node = site.node
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load):
        if isinstance(node.slice, ast.Constant | ast.UnaryOp):
            for name in REDUCERS:
                yield site.swap("call added", f"{name}({site.of(node.value)})", atom=True, likely=0.4)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in REDUCERS:
        whole = len(node.args) == 1 and not isinstance(node.args[0], ast.GeneratorExp)
        for at in ("[0]", "[-1]") if whole else ():
            yield site.swap("index", f"{site.operand(node.args[0])}{at}", atom=True, likely=0.3)

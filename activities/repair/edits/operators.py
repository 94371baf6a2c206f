"""Operators: comparisons, arithmetic, and, or, not; operands dropped, exchanged, added."""

import ast
from collections.abc import Iterator

from activities.repair.edits.site import Site, short
from activities.repair.scope import NUMERIC
from activities.repair.source import Change, Edit

ORDER: dict[type[ast.cmpop], str] = {
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.Eq: "==",
    ast.NotEq: "!=",
}
OPPOSITE: dict[type[ast.cmpop], str] = {ast.In: "not in", ast.NotIn: "in", ast.Is: "is not", ast.IsNot: "is"}
SYMBOLS: dict[type[ast.operator], str] = {
    **{ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/", ast.FloorDiv: "//", ast.Mod: "%", ast.Pow: "**"},
    **{ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.LShift: "<<", ast.RShift: ">>"},
}
NEAR = {"<": ("<=", ">"), "<=": ("<", ">="), ">": (">=", "<"), ">=": (">", "<="), "==": ("!=",), "!=": ("==",)}
ARITHMETIC = ("+", "-", "*", "/", "//", "%", "**")
BITS = ("&", "|", "^", "<<", ">>")
ONE_WAY = (ast.Sub, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)


def comparison(site: Site) -> Iterator[Edit]:
    """`a < b` with another comparison; its operands exchanged; a chain's link dropped."""
    node = site.node
    if not isinstance(node, ast.Compare):
        return
    operands = [node.left, *node.comparators]
    for at, op in enumerate(node.ops):
        old = ORDER.get(type(op))
        others = [OPPOSITE[type(op)]] if type(op) in OPPOSITE else [each for each in ORDER.values() if each != old]
        for new in others:
            likely = 1.0 if new in NEAR.get(old or "", (new,)) else 0.3
            yield _between(site, "comparison", operands[at], operands[at + 1], new, likely)
    if len(node.ops) == 1 and isinstance(node.ops[0], ast.Lt | ast.LtE | ast.Gt | ast.GtE):
        for other in (ast.Add, ast.Sub):
            sign = SYMBOLS[other]
            if isinstance(node.comparators[0], ast.Constant):
                break
            yield site.swap("off by one", f"{site.operand(operands[1])} {sign} 1", node=operands[1])
    if len(node.ops) > 1:
        start, end = site.source.span(node)
        second, last_but_one = site.source.enclosed(operands[1])[0], site.source.enclosed(operands[-2])[1]
        yield site.swap("operand dropped", site.source.text[second:end])
        yield site.swap("operand dropped", site.source.text[start:last_but_one])


def _between(site: Site, kind: str, left: ast.expr, right: ast.expr, new: str, likely: float = 1.0) -> Edit:
    """Another operator between two operands, the spaces around it kept."""
    start, end = site.source.enclosed(left)[1], site.source.enclosed(right)[0]
    old = site.source.text[start:end]
    bare = old.strip()
    lead, tail = old[: len(old) - len(old.lstrip())], old[len(old.rstrip()) :]
    if new[0].isalpha() or bare[:1].isalpha():
        lead, tail = lead or " ", tail or " "
    says = f"`{bare}` becomes `{new}` in {short(site.text)}"
    return site.write(kind, says, Change(start, end, f"{lead}{new}{tail}"), likely=likely)


def arithmetic(site: Site) -> Iterator[Edit]:
    """`a + b` with another operator, exchanged, or only one of the two; a middle operand left out."""
    node = site.node
    if not isinstance(node, ast.BinOp) or type(node.op) not in SYMBOLS:
        return
    old = SYMBOLS[type(node.op)]
    numeric = {site.kind(node.left), site.kind(node.right)} <= NUMERIC
    if numeric:
        for new in BITS if old in BITS else ARITHMETIC:
            if new != old:
                yield _between(site, "arithmetic", node.left, node.right, new, 0.3 if new == "**" else 1)
    for kept in (node.left, node.right):
        yield site.swap("operand dropped", site.operand(kept), atom=True)
    if isinstance(node.op, ONE_WAY) or not numeric:
        yield _exchanged(site, "operands exchanged", node.left, node.right)
    if isinstance(node.left, ast.BinOp) and site.source.enclosed(node.left) == site.source.span(node.left):
        first, middle, last = (site.source.enclosed(each) for each in (node.left.left, node.left.right, node.right))
        for start, end in ((first[1], middle[1]), (middle[0], last[0])):  # a op b OP c without b, either operator
            yield site.write("operand dropped", f"{short(site.text)} loses its middle", Change(start, end, ""))


def _exchanged(site: Site, kind: str, left: ast.expr, right: ast.expr, likely: float = 1.0) -> Edit:
    first, second = site.source.enclosed(left), site.source.enclosed(right)
    text = site.source.text
    a, b = text[slice(*first)], text[slice(*second)]
    says = f"{short(a)} and {short(b)} change places"
    return site.write(kind, says, Change(*first, b), Change(*second, a), likely=likely)


exchanged = _exchanged


def augmented(site: Site) -> Iterator[Edit]:
    """`a += b` with another operator, or a plain assignment; and the other way round."""
    node = site.node
    if isinstance(node, ast.AugAssign) and type(node.op) in SYMBOLS:
        old = SYMBOLS[type(node.op)]
        numeric = site.kind(node.value) in NUMERIC
        others = [*(each for each in ARITHMETIC[:6] if each != old and numeric), ""]
        for new in others:
            yield _between(site, "assignment", node.target, node.value, f"{new}=")
    elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
        kind = site.kind(node.value)
        for new in ("+=", "-=") if kind in NUMERIC else ("+=",) if kind in ("string", "list") else ():
            yield _between(site, "assignment", node.targets[0], node.value, new, 0.3)


def boolean(site: Site) -> Iterator[Edit]:
    """`and` for `or` and back (all at once, or one of several); an operand dropped."""
    node = site.node
    if not isinstance(node, ast.BoolOp):
        return
    new = "or" if isinstance(node.op, ast.And) else "and"
    pairs = list(zip(node.values, node.values[1:], strict=False))
    changes = tuple(_between(site, "", left, right, new).changes[0] for left, right in pairs)
    old = "and" if new == "or" else "or"
    yield site.write("and or", f"`{old}` becomes `{new}` in {short(site.text)}", *changes)
    if len(pairs) > 1:
        for left, right in pairs:
            yield _between(site, "and or", left, right, new, 0.4)
    for at, dropped in enumerate(node.values):
        ends = [site.source.enclosed(value) for value in node.values]
        start, end = (ends[0][0], ends[1][0]) if at == 0 else (ends[at - 1][1], ends[at][1])
        yield site.write("condition dropped", f"{short(site.of(dropped))} is no longer asked", Change(start, end, ""))


def negation(site: Site) -> Iterator[Edit]:
    """`not` removed, or put before a condition that is not a comparison."""
    node, parent = site.node, site.parent
    if isinstance(node, ast.UnaryOp):
        if isinstance(node.op, ast.Not | ast.USub):
            yield site.swap("not" if isinstance(node.op, ast.Not) else "sign", site.operand(node.operand), atom=True)
        return
    if not isinstance(node, ast.Name | ast.Call | ast.BoolOp | ast.Attribute | ast.Subscript | ast.Compare):
        return
    tested = isinstance(parent, ast.If | ast.While | ast.IfExp) and parent.test is node
    tested = tested or isinstance(parent, ast.BoolOp) or (isinstance(parent, ast.comprehension) and node in parent.ifs)
    answered = isinstance(parent, ast.Return) and site.kind(node) in ("bool", "")
    if (tested or answered) and not isinstance(node, ast.Compare):
        yield site.swap("not", f"not {site.operand(node)}", likely=1.0 if tested else 0.3)


def sign(site: Site) -> Iterator[Edit]:
    """A minus before a number."""
    node, parent = site.node, site.parent
    if not isinstance(node, ast.Name | ast.Call | ast.Subscript) or not _loaded(node) or _callee(site):
        return
    kind = site.kind(node)
    elsewhere = not isinstance(parent, ast.UnaryOp | ast.Attribute | ast.Call | ast.Expr)
    if kind == "number" or (kind in NUMERIC and elsewhere):
        yield site.swap("sign", f"-{site.operand(node)}", likely=0.3)


def added(site: Site) -> Iterator[Edit]:
    """`+ 1`, `- 1`, `* 2` on a value; a name in scope added, taken away, multiplied."""
    node = site.node
    if not isinstance(node, ast.Name | ast.Call | ast.Subscript | ast.BinOp) or not _loaded(node) or _callee(site):
        return
    kind, parent = site.kind(node), site.parent
    if kind not in NUMERIC or isinstance(parent, ast.Attribute | ast.Expr | ast.Starred):
        return
    sure = kind == "number" or isinstance(parent, ast.Slice | ast.Subscript)
    for new in ("+ 1", "- 1"):
        yield site.swap("off by one", f"{site.operand(node)} {new}", likely=1.0 if sure else 0.3)
    if isinstance(parent, ast.Return | ast.Assign | ast.AugAssign) and sure:
        for name in _numbers(site):
            for op in ("+", "-", "*", "/", "//", "%"):
                yield site.swap("operand added", f"{site.operand(node)} {op} {name}", likely=0.3)
        for other in ("* 2", "// 2", "/ 2", "% 2", "** 2", "% 10"):
            yield site.swap("operand added", f"{site.operand(node)} {other}", likely=0.3)


def _numbers(site: Site) -> list[str]:
    names = site.scope.visible(site.node)
    return [name for name in names if site.scope.kinds.get(name) == "number" and name != site.text][:6]


def _loaded(node: ast.AST) -> bool:
    return isinstance(getattr(node, "ctx", ast.Load()), ast.Load)


def _callee(site: Site) -> bool:
    return isinstance(site.parent, ast.Call) and site.parent.func is site.node

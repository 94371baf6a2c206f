"""Conditions: one that is missing, too wide or too narrow; the branches behind them."""

import ast
from collections.abc import Iterator

from activities.repair.edits.site import Site, short
from activities.repair.source import Change, Edit

MOST = 60
RESULTS = ("None", "[]", "0", "''", "False", "True", "-1")


def asked(site: Site) -> list[tuple[str, float]]:
    """Conditions over what is in scope, with how likely each is: the shorter first."""
    names = [name for name in site.scope.visible(site.node) if name != "self"]
    kinds = site.scope.kinds
    numbers = [name for name in names if kinds.get(name) == "number"]
    unknown = [name for name in names if not kinds.get(name)]
    others = [name for name in names if kinds.get(name) in ("list", "string", "dict", "set", "tuple")]
    made: list[tuple[str, float]] = []
    for at, first in enumerate([*unknown, *numbers][:7]):
        for second in [*unknown, *numbers][at + 1 : 7]:
            if (kinds.get(first) == "number") == (kinds.get(second) == "number"):
                made += [(f"{first} {op} {second}", 0.7) for op in ("==", "!=", "<", ">", "<=", ">=")]
    for name in [*others, *unknown][:5]:
        made += [(name, 0.6), (f"not {name}", 0.6), (f"{name} is not None", 0.6), (f"len({name}) > 1", 0.3)]
    for name in numbers[:4]:
        made += [(f"{name} {op} 0", 0.6) for op in (">", "<", "==", "!=", ">=")]
        digits = [word for word in site.ticket.numbers if word.isdigit() and 2 <= int(word) <= 16][:4]
        made += [(f"{name} % {each} == 0", 0.3) for each in dict.fromkeys(["2", *digits])]
        made += [(f"{name} {op} {each}", 0.3) for each in digits for op in ("<", ">", "==")]
    return made[:MOST]


def joined(site: Site) -> Iterator[Edit]:
    """`if c` with one more condition; one operand of an and, or repeated with one name or comparison changed."""
    node, parent = site.node, site.parent
    tested = isinstance(parent, ast.If | ast.While | ast.IfExp) and parent.test is node
    tested = tested or (isinstance(parent, ast.comprehension) and node in parent.ifs)
    if tested and isinstance(node, ast.expr):
        for condition, likely in asked(site):
            if condition != site.text:
                text = site.operand(node) if isinstance(node, ast.BoolOp | ast.IfExp) else site.text
                yield site.swap("condition added", f"{text} and {condition}", likely=likely)
                yield site.swap("condition added", f"{text} or {condition}", likely=likely * 0.7)
    answered = tested or isinstance(parent, ast.Return)
    if answered and isinstance(node, ast.BoolOp | ast.Compare):
        op = " and " if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And) else " or "
        parts = node.values if isinstance(node, ast.BoolOp) else [node]
        for operator in (op,) if isinstance(node, ast.BoolOp) else (" or ", " and "):
            for text in dict.fromkeys(new for part in parts[:4] for new in _varied(site, part)):
                yield site.swap("condition added", f"{site.text}{operator}{text}", likely=0.5)


def _varied(site: Site, part: ast.expr) -> Iterator[str]:
    """A condition with two of its names exchanged, one replaced, or its operator turned."""
    names = [each for each in ast.walk(part) if isinstance(each, ast.Name) and each.id in site.scope.kinds]
    base = site.source.span(part)[0]
    text = site.of(part)

    def put(*pairs: tuple[ast.Name, str]) -> str:
        new = text
        for each, word in sorted(pairs, key=lambda pair: site.source.span(pair[0]), reverse=True):
            start, end = site.source.span(each)
            new = new[: start - base] + word + new[end - base :]
        return f"({new})" if site.source.enclosed(part) != site.source.span(part) else new

    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            if first.id != second.id:
                yield put((first, second.id), (second, first.id))
        for other in site.scope.visible(part):
            if other != first.id and site.scope.kinds.get(other) == site.scope.kinds.get(first.id):
                yield put((first, other))


def guarded(site: Site) -> Iterator[Edit]:
    """A simple statement under a condition that is missing."""
    node = site.node
    movable = ast.Assign | ast.AugAssign | ast.Expr | ast.Return | ast.Break | ast.Continue
    if not isinstance(node, movable) or not site.source.alone(node) or _documentation(node):
        return
    if node.lineno != node.end_lineno:
        return
    start, end = site.source.whole_lines(node, node)
    line, indent = site.source.text[start:end], site.source.indent(node)
    unit = "\t" if indent.startswith("\t") else "    "
    for condition, likely in asked(site):
        text = f"{indent}if {condition}:\n{unit}{line}"
        says = f"{short(site.text)} only if `{condition}`"
        yield site.write("guard added", says, Change(start, end, text), likely=likely)


def early(site: Site) -> Iterator[Edit]:
    """At the function: an early return for an empty, missing or zero argument."""
    function = site.scope.function
    if site.node is not function:
        return
    body = [each for each in function.body if not _documentation(each)]
    if not body or (not site.source.alone(body[0]) and body[0].lineno == function.lineno):
        return
    at = site.source.starts[body[0].lineno - 1]
    indent = site.source.indent(body[0])
    names = [each.arg for each in function.args.args if each.arg not in ("self", "cls")][:4]
    for name in names:
        for condition in (f"not {name}", f"{name} is None", f"len({name}) == 1", f"{name} < 0", f"{name} < 2"):
            for result in [*RESULTS, name]:
                text = f"{indent}if {condition}:\n{indent}    return {result}\n"
                says = f"return `{result}` early if `{condition}`"
                yield Edit("early return", body[0].lineno, says, (Change(at, at, text),), 0.5)


def branches(site: Site) -> Iterator[Edit]:
    """Both branches exchanged; `elif` for `if`; a branch's condition gone, where it only guards."""
    node = site.node
    if isinstance(node, ast.IfExp):
        body, orelse = (site.source.enclosed(each) for each in (node.body, node.orelse))
        text = site.source.text
        pair = (Change(*body, text[slice(*orelse)]), Change(*orelse, text[slice(*body)]))
        yield site.write("branches exchanged", f"the branches of {short(site.text)} change places", *pair)
        for kept in (node.body, node.orelse):
            yield site.swap("condition dropped", site.operand(kept), atom=True, likely=0.5)
    if not isinstance(node, ast.If):
        return
    start = site.source.span(node)[0]
    nested = site.source.text[start : start + 4] == "elif"
    if (
        node.orelse
        and not isinstance(node.orelse[0], ast.If)
        and site.source.alone(node.body[0])
        and site.source.alone(node.orelse[0])
    ):
        first, second = (site.source.whole_lines(each[0], each[-1]) for each in (node.body, node.orelse))
        text = site.source.text
        pair = (Change(*first, text[slice(*second)]), Change(*second, text[slice(*first)]))
        yield site.write("branches exchanged", f"the branches of `if {site.of(node.test)}` change places", *pair)
    if nested:
        yield site.write("elif", f"`elif {site.of(node.test)}` becomes `if`", Change(start, start + 2, ""))
    else:
        before = _before(site, node)
        if isinstance(before, ast.If) and not before.orelse:
            yield site.write("elif", f"`if {site.of(node.test)}` becomes `elif`", Change(start, start, "el"))


def _before(site: Site, node: ast.stmt) -> ast.stmt | None:
    for name in ("body", "orelse", "finalbody"):
        block = getattr(site.parent, name, None)
        if isinstance(block, list) and node in block and (at := block.index(node)):
            found: ast.stmt = block[at - 1]
            return found
    return None


def _documentation(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def missing(site: Site) -> Iterator[Edit]:
    """What may not be there: a key, an element, a value. `d[k]` as `d.get(k)`; `x.a` only where x is something."""
    node = site.node
    if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Load) and not isinstance(node.slice, ast.Slice):
        kind = site.kind(node.value)
        for default in ("", ", 0", ", []", ", ''") if kind in ("dict", "") else ():
            text = f"{site.of(node.value)}.get({site.of(node.slice)}{default})"
            yield site.swap("missing value", text, atom=True, likely=1.0 if kind else 0.3)
    divides = isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div | ast.FloorDiv | ast.Mod)
    if divides and isinstance(node, ast.BinOp) and not isinstance(node.right, ast.Constant):
        yield site.swap("missing value", f"({site.text} if {site.of(node.right)} else 0)", atom=True, likely=0.5)
    reads = isinstance(node, ast.Call | ast.Attribute | ast.Subscript)
    if reads and isinstance(site.parent, ast.Return | ast.Assign) and site.parent.value is node:
        names = (each.id for each in ast.walk(node) if isinstance(each, ast.Name) and each.id in site.scope.kinds)
        held = next(names, "")
        for default in ("None", "''", "0", "[]") if held else ():
            yield site.swap("missing value", f"{site.text} if {held} is not None else {default}", likely=0.4)

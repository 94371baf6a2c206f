"""Names, attributes and whole expressions: the wrong one of those in scope."""

import ast
from collections.abc import Iterator

from activities.repair.edits.site import Site, short
from activities.repair.source import Change, Edit

FAMILIES = (
    ("min", "max", "sum", "len"),
    ("any", "all"),
    ("sorted", "list", "set", "tuple", "reversed"),
    ("int", "float", "round", "abs", "str"),
    ("ord", "chr"),
    ("bin", "hex", "oct"),
)
METHODS = (
    ("lower", "upper", "swapcase", "title", "capitalize", "casefold"),
    ("islower", "isupper", "isdigit", "isalpha", "isalnum", "isspace", "istitle", "isdecimal", "isnumeric"),
    ("append", "extend", "insert", "remove"),
    ("startswith", "endswith"),
    ("index", "find", "rfind", "rindex", "count"),
    ("strip", "lstrip", "rstrip"),
    ("split", "rsplit", "splitlines"),
    ("add", "update", "discard", "remove"),
    ("keys", "values", "items"),
    ("union", "intersection", "difference", "symmetric_difference"),
    ("floor", "ceil", "trunc"),
    ("partition", "rpartition"),
    ("popleft", "pop"),
    ("appendleft", "append"),
)


def name(site: Site) -> Iterator[Edit]:
    """Another name in scope, of the same kind as far as it can be told."""
    node = site.node
    if not isinstance(node, ast.Name) or isinstance(node.ctx, ast.Del):
        return
    if isinstance(node.ctx, ast.Store) and not isinstance(site.parent, ast.AugAssign | ast.Assign | ast.Subscript):
        return
    if isinstance(site.parent, ast.Call) and site.parent.func is node and node.id not in site.scope.kinds:
        for other in _family(node.id, FAMILIES):
            yield site.swap("function", other, atom=True)
        return
    kind = site.scope.kinds.get(node.id, "")
    for other in site.scope.visible(node):
        theirs = site.scope.kinds.get(other, "")
        if other != node.id and other != "self" and (kind == theirs or not kind or not theirs):
            likely = 1.0 if kind == theirs else 0.6
            yield site.swap("name", other, atom=True, likely=likely * (0.4 if isinstance(node.ctx, ast.Store) else 1))
        elif other != node.id and other != "self":
            yield site.swap("name", other, atom=True, likely=0.15)


def attribute(site: Site) -> Iterator[Edit]:
    """Another attribute: of the same family of methods, or one that the class uses."""
    node = site.node
    if not isinstance(node, ast.Attribute):
        return
    end = site.source.span(node)[1]
    own = isinstance(node.value, ast.Name) and node.value.id in ("self", "cls")
    family = list(_family(node.attr, METHODS))
    seen = [each for each in site.scope.attributes if each not in family] if own or not family else []
    for other in [*family, *seen[:20]]:
        if other != node.attr:
            change = Change(end - len(node.attr), end, other)
            likely = 1.0 if other in family else 0.6
            yield site.write("attribute", f"`.{node.attr}` becomes `.{other}`", change, likely=likely)


def _family(word: str, families: tuple[tuple[str, ...], ...]) -> Iterator[str]:
    seen = dict.fromkeys(other for family in families if word in family for other in family)
    yield from (other for other in seen if other != word)


def expression(site: Site) -> Iterator[Edit]:
    """Another expression of the same function in the place of a name, a call, a subscript or a constant."""
    node = site.node
    if not isinstance(node, ast.Name | ast.Call | ast.Subscript | ast.Attribute) or not _value(site):
        return
    kind, old = site.kind(node), site.text
    visible = set(site.scope.visible(node))
    for other in site.scope.expressions:
        new = site.of(other)
        theirs = site.kind(other)
        used = {each.id for each in ast.walk(other) if isinstance(each, ast.Name)}
        hidden = {name for name in used if name in site.scope.kinds} - visible
        if new != old and not hidden and (kind == theirs or not kind or not theirs):
            likely = 1.0 if kind and kind == theirs else 0.4
            yield site.swap("expression", new, atom=True, likely=likely * (0.5 if old in new else 1.0))
    if not isinstance(node, ast.Name):
        for name in site.scope.visible(node):
            theirs = site.scope.kinds.get(name, "")
            if name not in ("self", old) and (kind == theirs or not kind or not theirs):
                yield site.swap("expression", name, atom=True, likely=0.5 if kind and kind == theirs else 0.3)


def _value(site: Site) -> bool:
    """Whether the node is read, and is not what gets called or looked into."""
    node, parent = site.node, site.parent
    loaded = isinstance(getattr(node, "ctx", ast.Load()), ast.Load)
    callee = isinstance(parent, ast.Call) and parent.func is node
    return loaded and not callee and not isinstance(parent, ast.Expr | ast.Attribute)


def targets(site: Site) -> Iterator[Edit]:
    """`a, b = …` as `b, a = …`, and any two names of one statement exchanged throughout it."""
    node = site.node
    if not isinstance(node, ast.stmt) or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return
    simple = not hasattr(node, "body")
    root: ast.AST = node if simple else getattr(node, "test", getattr(node, "iter", node))
    if root is node and not simple:
        return
    uses: dict[str, list[ast.Name]] = {}
    for each in ast.walk(root):
        if isinstance(each, ast.Name) and each.id in site.scope.kinds:
            uses.setdefault(each.id, []).append(each)
    listed = list(uses)[:6]
    for at, first in enumerate(listed):
        for second in listed[at + 1 :]:
            changes = [Change(*site.source.span(each), second) for each in uses[first]]
            changes += [Change(*site.source.span(each), first) for each in uses[second]]
            yield site.write(
                "names exchanged", f"`{first}` and `{second}` change places in {short(site.of(root))}", *changes
            )

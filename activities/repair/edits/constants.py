"""Constants: numbers, texts, flags; elements of literal collections."""

import ast
import difflib
from collections.abc import Iterator

from activities.repair.edits.operators import exchanged
from activities.repair.edits.site import Site, short
from activities.repair.source import Change, Edit

SMALL = (0, 1, 2, -1, 3, 10)
STARTS = ("0", "1", "[]", "''", "None", "{}", "set()", "float('inf')", "-float('inf')")
SEPARATORS = ("", " ", ",", ", ", "\n", "-", "_")


def number(site: Site) -> Iterator[Edit]:
    """One more or less, small ones, those of the function and of the ticket, a name in scope."""
    node = site.node
    if not isinstance(node, ast.Constant) or type(node.value) not in (int, float):
        return
    old = node.value
    assert isinstance(old, int | float)
    near = [
        old + 1,
        old - 1,
        *SMALL,
        -old,
        old * 2,
        *([old // 2] if isinstance(old, int) else [old / 2, old * 10, old / 10]),
    ]
    inside = [each.value for each in site.scope.constants if type(each.value) in (int, float)]
    weights = {repr(value): 1.0 if abs(value - old) == 1 else 0.5 for value in near}
    for value in inside:
        weights.setdefault(repr(value), 0.4)
    for word in site.ticket.numbers:
        weights.setdefault(word.lstrip("0") or "0", 0.3)
    weights.pop(repr(old), None)
    for text, likely in weights.items():
        yield site.swap("number", text, atom=not text.startswith("-"), likely=likely)
    for name in site.scope.visible(node):
        if site.scope.kinds.get(name) == "number":
            yield site.swap("number", name, atom=True, likely=0.2)


def text(site: Site) -> Iterator[Edit]:
    """Texts of the function and the ticket, a separator, one character less or more, a slip of the pen mended."""
    node = site.node
    if (
        not isinstance(node, ast.Constant)
        or not isinstance(node.value, str)
        or isinstance(site.parent, ast.Expr | ast.JoinedStr)
    ):
        return
    old = node.value
    weights: dict[str, float] = {}
    for each in site.scope.constants:
        if isinstance(each.value, str) and len(each.value) <= 40 and each.value != old:
            weights.setdefault(each.value, 1.0)
    for mended in difflib.get_close_matches(old, sorted(site.ticket.words), 3, 0.7) if len(old) > 3 else []:
        weights[mended] = 1.0
    for other in SEPARATORS if len(old) <= 2 else ("",):
        weights.setdefault(other, 0.6)
    for given in site.ticket.strings:
        weights.setdefault(given, 0.6)
    for mark in site.ticket.characters if len(old) == 1 else "":
        weights.setdefault(mark, 0.4)
    for other in (old.lower(), old.upper(), old.strip(), old[::-1]):
        weights.setdefault(other, 0.4)
    for at in range(len(old) if len(old) <= 16 else 0):
        weights.setdefault(old[:at] + old[at + 1 :], 0.5)
    weights.pop(old, None)
    for new, likely in weights.items():
        yield site.swap("text", quoted(new, site.text), atom=True, likely=likely)
    for name in site.scope.visible(node):
        if site.scope.kinds.get(name) == "string":
            yield site.swap("text", name, atom=True, likely=0.3)


def quoted(value: str, like: str) -> str:
    """A literal of `value` in the quotes that `like` uses."""
    literal = repr(value)
    if like.lstrip("rbuf")[:1] == '"' and literal[0] == "'" and '"' not in value and "\\" not in literal:
        return f'"{value}"'
    return literal


def flag(site: Site) -> Iterator[Edit]:
    """True and False; None and what else a value could start with."""
    node = site.node
    if not isinstance(node, ast.Constant):
        return
    if isinstance(node.value, bool):
        yield site.swap("flag", str(not node.value), atom=True)
    elif node.value is None and isinstance(site.parent, ast.Return | ast.Assign | ast.IfExp):
        for new in ("[]", "''", "0", "False", "-1", "{}"):
            yield site.swap("start value", new, atom=True)


def start(site: Site) -> Iterator[Edit]:
    """Another start value for an assignment of a constant or an empty collection; a parameter, or its first element."""
    node, parent = site.node, site.parent
    empty = isinstance(node, ast.List | ast.Dict) and not getattr(node, "elts", getattr(node, "keys", None))
    number = isinstance(node, ast.Constant) and type(node.value) in (int, float)
    if not isinstance(parent, ast.Assign) or parent.value is not node or not (empty or number):
        return
    for new in STARTS:
        if new != site.text:
            yield site.swap("start value", new, atom=True, likely=0.5)
    for name in [argument.arg for argument in site.scope.function.args.args if argument.arg != "self"][:4]:
        for new in (name, f"{name}[0]", f"len({name})"):
            yield site.swap("start value", new, atom=True, likely=0.4)


def elements(site: Site) -> Iterator[Edit]:
    """An element of a literal dropped, two neighbours exchanged, one of the ticket added."""
    node = site.node
    if not isinstance(node, ast.List | ast.Tuple | ast.Set) or not isinstance(
        getattr(node, "ctx", ast.Load()), ast.Load
    ):
        return
    ends = [site.source.enclosed(each) for each in node.elts]
    if len(node.elts) > 2 or (isinstance(node, ast.List) and len(node.elts) > 1):
        for at, dropped in enumerate(node.elts):
            start, end = (ends[0][0], ends[1][0]) if at == 0 else (ends[at - 1][1], ends[at][1])
            yield site.write("element dropped", f"{short(site.of(dropped))} is left out", Change(start, end, ""))
    for first, second in zip(node.elts, node.elts[1:], strict=False) if len(node.elts) <= 6 else ():
        yield exchanged(site, "elements exchanged", first, second)
    known = [each.value if isinstance(each, ast.Constant) else None for each in node.elts]
    whole = bool(known) and all(type(each) is int for each in known)
    for new in site.ticket.numbers if whole else ():
        if "." not in new and int(new) not in known:
            change = Change(ends[-1][1], ends[-1][1], f", {int(new)}")
            yield site.write("element added", f"`{int(new)}` is added", change, likely=0.4)


def every(site: Site) -> Iterator[Edit]:
    """At the function itself: all equal constants at once, and all of True and False turned round."""
    if site.node is not site.scope.function:
        return
    groups: dict[str, list[ast.Constant]] = {}
    flags = [each for each in site.scope.constants if isinstance(each.value, bool)]
    for each in site.scope.constants:
        if not isinstance(site.source.parents.get(each), ast.Expr | ast.JoinedStr | ast.FormattedValue):
            groups.setdefault(site.of(each), []).append(each)
    returned = [each for each in flags if isinstance(site.source.parents.get(each), ast.Return)]
    for several in (flags, returned) if len(returned) < len(flags) else (flags,):
        if len(several) > 1:
            yield _all(site, several, lambda each: str(not each.value))
    for several in groups.values():
        if len(several) > 1 and len({type(each.value) for each in several}) == 1:
            for new in _others(site, several[0]):
                yield _all(site, several, lambda each, new=new: new)


def _all(site: Site, several: list[ast.Constant], new: object) -> Edit:
    changes = tuple(site.source.put(each, new(each), atom=True) for each in several)  # type: ignore[operator]
    says = f"{short(site.of(several[0]))} becomes `{new(several[0])}`, {len(several)} times"  # type: ignore[operator]
    return Edit("constants together", several[0].lineno, says, changes)


def _others(site: Site, constant: ast.Constant) -> list[str]:
    value = constant.value
    if isinstance(value, str):
        known = [each.value for each in site.scope.constants if isinstance(each.value, str)]
        words = dict.fromkeys([*known, *SEPARATORS[:3], *site.ticket.strings])
        return [quoted(each, site.of(constant)) for each in words if each != value and len(each) <= 20]
    if type(value) is int:
        return [str(each) for each in dict.fromkeys((value + 1, value - 1, 0, 1, 2)) if each != value]
    return []

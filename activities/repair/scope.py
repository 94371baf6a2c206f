"""What a function has in scope, and what kind of value each name and expression probably is."""

import ast
from collections.abc import Iterator
from functools import cached_property

from activities.repair.source import Source

Kind = str  # number, string, list, dict, set, bool, tuple, function, or empty for unknown
NUMERIC = {"number", "bool", ""}
CALLS = {
    **dict.fromkeys(("len", "int", "float", "abs", "round", "ord", "sum", "pow", "count", "index", "find"), "number"),
    **dict.fromkeys(("str", "chr", "bin", "hex", "join", "lower", "upper", "strip", "replace", "swapcase"), "string"),
    **dict.fromkeys(("title", "capitalize", "lstrip", "rstrip", "repr", "input", "format"), "string"),
    **dict.fromkeys(("list", "sorted", "split", "splitlines", "range"), "list"),
    **dict.fromkeys(("set", "frozenset"), "set"),
    **dict.fromkeys(("dict", "Counter", "defaultdict"), "dict"),
    **dict.fromkeys(("bool", "any", "all", "isinstance", "startswith", "endswith", "isdigit", "isalpha"), "bool"),
    "tuple": "tuple",
}
ANNOTATIONS = {"int": "number", "float": "number", "str": "string", "bool": "bool", "List": "list", "list": "list"}
ANNOTATIONS |= {"Dict": "dict", "dict": "dict", "Set": "set", "set": "set", "Tuple": "tuple", "tuple": "tuple"}
LITERALS = {ast.List: "list", ast.ListComp: "list", ast.Dict: "dict", ast.DictComp: "dict", ast.Set: "set"}
LITERALS |= {
    ast.SetComp: "set",
    ast.Tuple: "tuple",
    ast.JoinedStr: "string",
    ast.Compare: "bool",
    ast.Lambda: "function",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


class Scope:
    """One function's names. Names of a comprehension or a lambda are only visible within it."""

    def __init__(self, source: Source, function: Function) -> None:
        self.source = source
        self.function = function
        self.kinds: dict[str, Kind] = {}
        self._within: dict[str, list[ast.AST]] = {}
        self._learn()

    def _learn(self) -> None:
        for function in [*_around(self.source, self.function), self.function]:
            self._learn_from(function)

    def _learn_from(self, function: Function) -> None:
        for argument in _arguments(function.args):
            self.kinds[argument.arg] = _annotated(argument.annotation)
        for node in own(function):
            if isinstance(node, ast.Lambda):
                self._inner(node, [argument.arg for argument in _arguments(node.args)])
            elif isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
                for part in node.generators:
                    self._inner(node, [each.id for each in ast.walk(part.target) if isinstance(each, ast.Name)])
            elif isinstance(node, ast.FunctionDef):
                self.kinds[node.name] = "function"
        for _ in range(2):  # the second time with what the first one learnt
            for name, kind in self._assigned(function):
                self.kinds[name] = self.kinds.get(name, "") or kind

    def _inner(self, owner: ast.AST, names: list[str]) -> None:
        for name in names:
            self._within.setdefault(name, []).append(owner)

    def _assigned(self, function: Function) -> Iterator[tuple[str, Kind]]:
        for node in own(function):
            if isinstance(node, ast.Assign):
                for target in node.targets:
                    yield from self._bound(target, node.value)
            elif isinstance(node, ast.AnnAssign | ast.AugAssign | ast.NamedExpr) and isinstance(node.target, ast.Name):
                yield node.target.id, self.kind(node.value) if node.value else ""
            elif isinstance(node, ast.For | ast.comprehension):
                yield from self._looped(node.target, node.iter)
            elif isinstance(node, ast.withitem | ast.ExceptHandler):
                yield from _named(node)

    def _bound(self, target: ast.expr, value: ast.expr) -> Iterator[tuple[str, Kind]]:
        if isinstance(target, ast.Name):
            yield target.id, self.kind(value)
        elif isinstance(target, ast.Tuple | ast.List):
            parts = value.elts if isinstance(value, ast.Tuple) and len(value.elts) == len(target.elts) else [None] * 99
            for each, part in zip(target.elts, parts, strict=False):
                if isinstance(each, ast.Name):
                    yield each.id, self.kind(part) if part is not None else ""

    def _looped(self, target: ast.expr, over: ast.expr) -> Iterator[tuple[str, Kind]]:
        called = over.func.id if isinstance(over, ast.Call) and isinstance(over.func, ast.Name) else ""
        numbers = called == "range"
        element = "string" if self.kind(over) == "string" else "number" if numbers else ""
        if isinstance(target, ast.Name):
            yield target.id, element
        elif isinstance(target, ast.Tuple):
            for at, each in enumerate(target.elts):
                if isinstance(each, ast.Name):
                    yield each.id, "number" if called == "enumerate" and at == 0 else ""

    def kind(self, node: ast.expr) -> Kind:
        """The probable kind of an expression's value; empty when nothing tells."""
        if isinstance(node, ast.Constant):
            value = node.value
            names = {bool: "bool", int: "number", float: "number", str: "string"}
            return names.get(type(value), "")
        if isinstance(node, ast.Name):
            return self.kinds.get(node.id, "")
        if isinstance(node, ast.Call):
            name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            return CALLS.get(name, "")
        if isinstance(node, ast.BinOp):
            if isinstance(node.op, ast.Mod | ast.Add | ast.Mult):
                return self.kind(node.left) or self.kind(node.right)
            return "number"
        if isinstance(node, ast.UnaryOp):
            return "bool" if isinstance(node.op, ast.Not) else "number"
        if isinstance(node, ast.IfExp):
            return self.kind(node.body) or self.kind(node.orelse)
        if isinstance(node, ast.Subscript):
            whole = self.kind(node.value)
            return whole if whole == "string" or isinstance(node.slice, ast.Slice) else ""
        return LITERALS.get(type(node), "")

    def visible(self, node: ast.AST) -> list[str]:
        """Names usable where `node` stands, in order of their first appearance."""
        around: set[ast.AST] = set()
        parents, at = self.source.parents, node
        while at in parents and at is not self.function:
            at = parents[at]
            around.add(at)
        inner = [name for name, owners in self._within.items() if any(owner in around for owner in owners)]
        return [*(name for name in self.kinds if name not in self._within or name in self._outer), *inner]

    @cached_property
    def _outer(self) -> set[str]:
        """Names that are bound outside of any comprehension too."""
        functions = [*_around(self.source, self.function), self.function]
        names = {argument.arg for function in functions for argument in _arguments(function.args)}
        inside = {id(part) for owners in self._within.values() for owner in owners for part in ast.walk(owner)}
        for node in [node for function in functions for node in own(function)]:
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in inside:
                names.add(node.id)
        return names | {name for name, kind in self.kinds.items() if kind == "function"}

    @cached_property
    def attributes(self) -> list[str]:
        """Attributes used in the function and, for `self`, in its class, in order."""
        whole: ast.AST = self.source.parents.get(self.function, self.function)
        seen = [node.attr for node in ast.walk(whole) if isinstance(node, ast.Attribute)]
        return list(dict.fromkeys(seen))

    @cached_property
    def helpers(self) -> list[str]:
        """Functions of the module that take one argument, and those within this one."""
        nodes = [*self.source.tree.body, *self.function.body]
        return [node.name for node in nodes if isinstance(node, ast.FunctionDef) and len(node.args.args) == 1]

    @cached_property
    def constants(self) -> list[ast.Constant]:
        return [node for node in ast.walk(self.function) if isinstance(node, ast.Constant)]

    @cached_property
    def expressions(self) -> list[ast.expr]:
        """Calls, subscripts and attributes of the function, each text once."""
        kinds = (ast.Call, ast.Subscript, ast.Attribute)
        seen = {self.source.of(node): node for node in ast.walk(self.function) if isinstance(node, kinds)}
        return [node for text, node in seen.items() if len(text) <= 40]


def own(function: Function) -> Iterator[ast.AST]:
    """The nodes of a function without those of functions and classes within it, which are given themselves."""
    waiting: list[ast.AST] = [function.args, *function.body]
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            waiting[0:0] = ast.iter_child_nodes(node)


def _around(source: Source, function: Function) -> list[Function]:
    """The functions that `function` stands in, outermost first."""
    found: list[Function] = []
    at: ast.AST = function
    while at in source.parents:
        at = source.parents[at]
        if isinstance(at, ast.FunctionDef | ast.AsyncFunctionDef):
            found.insert(0, at)
    return found


def _arguments(arguments: ast.arguments) -> list[ast.arg]:
    more = [each for each in (arguments.vararg, arguments.kwarg) if each]
    return [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, *more]


def _annotated(annotation: ast.expr | None) -> Kind:
    if isinstance(annotation, ast.Subscript):
        annotation = annotation.value
    return ANNOTATIONS.get(annotation.id, "") if isinstance(annotation, ast.Name) else ""


def _named(node: ast.withitem | ast.ExceptHandler) -> Iterator[tuple[str, Kind]]:
    if isinstance(node, ast.ExceptHandler):
        if node.name:
            yield node.name, ""
    elif isinstance(node.optional_vars, ast.Name):
        yield node.optional_vars.id, ""

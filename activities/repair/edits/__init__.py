"""All small edits of a function, by families of one kind each.

A generator looks at one node and yields what may have been meant there. It knows nothing of tests, of other edits,
or of how likely its kind is (`activities.repair.prior`). Equal results are sorted out later.
"""

import ast
from collections.abc import Iterator

from activities.repair.edits import calls, conditions, constants, names, operators, slices, statements
from activities.repair.edits.site import Generator, Site
from activities.repair.ingredients import Ingredients
from activities.repair.scope import Function, Scope
from activities.repair.source import Edit, Source

GENERATORS: tuple[Generator, ...] = (
    operators.comparison,
    operators.arithmetic,
    operators.augmented,
    operators.boolean,
    operators.negation,
    operators.sign,
    operators.added,
    constants.number,
    constants.text,
    constants.flag,
    constants.start,
    constants.elements,
    constants.every,
    names.name,
    names.attribute,
    names.expression,
    names.targets,
    calls.dropped,
    calls.added,
    calls.both,
    calls.arguments,
    calls.reduced,
    slices.bounds,
    slices.added,
    slices.dropped,
    conditions.joined,
    conditions.guarded,
    conditions.early,
    conditions.branches,
    conditions.missing,
    statements.dropped,
    statements.moved,
    statements.inserted,
    statements.returned,
    statements.at_the_end,
)


def edits(source: Source, function: Function, ticket: Ingredients) -> Iterator[Edit]:
    """All edits of `function`, in the order of its text and of the families. Annotations and decorators stay."""
    scope = Scope(source, function)
    for node in _nodes(function):
        site = Site(source, scope, ticket, node)
        for generate in GENERATORS:
            yield from generate(site)


def _nodes(function: Function) -> Iterator[ast.AST]:
    """Within a formatted string, Python 3.11 does not know where things stand; functions within have their turn."""
    yield function
    waiting: list[ast.AST] = [*function.body, *function.args.defaults]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.JoinedStr):
            continue
        yield node
        waiting[0:0] = ast.iter_child_nodes(node)

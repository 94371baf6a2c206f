"""Puts edited code into functions that are loaded already, or into modules before they are."""

import gc
import importlib.machinery
import os
from types import CodeType, FunctionType

FUNCTION = 0x1  # CO_OPTIMIZED: a function's code, not a module's or a class's

Functions = dict[tuple[str, int], list[FunctionType]]  # by name and first line


class Cold(Exception):
    """The edit is of something that runs at import: it needs a process that has not imported it yet."""


def live(root: str) -> dict[str, Functions]:
    """Functions of files below `root` in memory: {path: {(name, first line): [function]}}."""
    found: dict[str, Functions] = {}
    for each in gc.get_objects():
        if type(each) is FunctionType:
            code = each.__code__
            path = os.path.realpath(code.co_filename)
            if path.startswith(root + os.sep):
                found.setdefault(path, {}).setdefault((code.co_name, code.co_firstlineno), []).append(each)
    return found


def changed(old: CodeType, new: CodeType, found: list[tuple[CodeType, CodeType]]) -> None:
    """Collects (old code, new code) of functions that differ. Raises Cold where a module's or class's body does."""
    inner_old = [each for each in old.co_consts if isinstance(each, CodeType)]
    inner_new = [each for each in new.co_consts if isinstance(each, CodeType)]
    if [each.co_name for each in inner_old] != [each.co_name for each in inner_new] or shell(old) != shell(new):
        raise Cold
    for before, after in zip(inner_old, inner_new, strict=True):
        if not before.co_flags & FUNCTION:
            changed(before, after, found)
        elif whole(before) != whole(after):
            found.append((before, after))


def shell(code: CodeType) -> tuple[object, ...]:
    constants = [repr(each) for each in code.co_consts if not isinstance(each, CodeType)]
    return code.co_code, constants, code.co_names, code.co_varnames


def whole(code: CodeType) -> tuple[object, ...]:
    """A code object without positions, with all that is in it."""
    return shell(code), [whole(each) for each in code.co_consts if isinstance(each, CodeType)]


def swap(path: str, old_text: str, new_text: str, functions: Functions) -> None:
    """Give the loaded functions of `path` their edited code. Raises Cold where that can't be."""
    pairs: list[tuple[CodeType, CodeType]] = []
    old = compile(old_text, path, "exec", dont_inherit=True)
    changed(old, compile(new_text, path, "exec", dont_inherit=True), pairs)
    done = 0
    for before, after in pairs:
        for function in functions.get((before.co_name, before.co_firstlineno), ()):
            if function.__code__.co_freevars != after.co_freevars:
                raise Cold
            function.__code__ = after
            done += 1
    if not done:
        raise Cold


def load_instead(texts: dict[str, str]) -> None:
    """Modules whose file is in `texts` (by real path) are made of that text when they get imported."""
    original = importlib.machinery.SourceFileLoader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, name: str) -> CodeType | None:
        path = os.path.realpath(self.get_filename(name))
        return compile(texts[path], path, "exec", dont_inherit=True) if path in texts else original(self, name)

    importlib.machinery.SourceFileLoader.get_code = get_code  # type: ignore[assignment, method-assign]

"""Whether two edits mean the same to Python: the function's bytecode, without positions."""

from types import CodeType

from activities.repair.source import Change


def window(text: str, start: int, end: int, changes: tuple[Change, ...]) -> str:
    """The characters `start` to `end` after `changes` within them."""
    for change in sorted(changes, reverse=True):
        text = text[: change.start] + change.text + text[change.end :]
        end += len(change.text) - (change.end - change.start)
    return text[start:end]


def compiled(function: str) -> CodeType | None:
    """Code of whole lines that hold one function, however deep it stands. None where they no longer compile."""
    text = f"if 1:\n{function}" if function[:1] in " \t" else function
    try:
        return compile(text, "<function>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def fingerprint(code: CodeType) -> int:
    """Equal for equal bytecode, names and constants; names of code objects and lines don't count."""
    return hash(_parts(code))


def _parts(code: CodeType) -> tuple[object, ...]:
    constants = tuple(_parts(each) if isinstance(each, CodeType) else repr(each) for each in code.co_consts)
    names = (code.co_names, code.co_varnames, code.co_freevars, code.co_cellvars)
    return (code.co_code, constants, names, code.co_argcount, code.co_flags)

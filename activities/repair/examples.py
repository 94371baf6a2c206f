"""Examples of calls in a ticket, in the ways people write them: `>>> f(1)` and `2` below; `f(1) ➞ 2`; `f(1) == 2`."""

import ast
import re
from collections.abc import Iterator

ARROW = r"(?:==>|=>|->|➞|→|==|=|(?:should )?returns?|should (?:be|equal)|is)"
LONGEST = 2000
MOST = 20


def examples(ticket: str, function: str) -> list[tuple[str, str]]:
    """(call, expected) as Python expressions; only literals in both, so that nothing else is evaluated."""
    found = [*_sessions(ticket, function), *_told(ticket, function)]
    return list(dict.fromkeys(pair for pair in found if _literal(*pair)))[:MOST]


def _sessions(ticket: str, function: str) -> Iterator[tuple[str, str]]:
    lines = [line.strip() for line in ticket.splitlines()]
    for at, line in enumerate(lines[:-1]):
        if line.startswith(">>>") and f"{function}(" in line and lines[at + 1]:
            yield line[3:].strip(), lines[at + 1]


def _told(ticket: str, function: str) -> Iterator[tuple[str, str]]:
    for line in ticket.splitlines():
        for match in re.finditer(rf"\b{re.escape(function)}\s*\(", line[:LONGEST]):
            call, rest = _call(line[match.start() :])
            if call and (told := re.match(rf"\s*{ARROW}\s*[:`'\"]?\s*", rest)):
                for expected in (rest[told.end() - 1 :], rest[told.end() :]):
                    yield call, _value(expected.strip())


def _call(text: str) -> tuple[str, str]:
    """The call up to its closing parenthesis, and what follows."""
    depth, quote = 0, ""
    for at, mark in enumerate(text):
        if quote:
            quote = "" if mark == quote else quote
        elif mark in "'\"":
            quote = mark
        elif mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
            if depth == 0:
                return text[: at + 1], text[at + 1 :]
    return "", ""


def _value(text: str) -> str:
    """The longest start of `text` that is a literal."""
    for end in range(min(len(text), 200), 0, -1):
        try:
            ast.literal_eval(text[:end])
        except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
            continue
        return text[:end]
    return ""


def _literal(call: str, expected: str) -> bool:
    try:
        node = ast.parse(call, mode="eval").body
        ast.literal_eval(expected)
        if not isinstance(node, ast.Call) or node.keywords:
            return False
        return all(ast.literal_eval(argument) is not ... for argument in node.args)
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return False

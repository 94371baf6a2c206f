"""Whether a line says only what its commits say: names, numbers and addresses may not be invented.

Pure. Ordinary words are free; whatever looks like a fact must occur in the texts of the cited commits.
"""

import re
from collections.abc import Iterable, Iterator

from contracts.changelog import Change

_URL = re.compile(r"\b[a-z][a-z0-9+.-]{1,15}://[^\s<>`)\]]+|\bwww\.[^\s<>`)\]]+", re.IGNORECASE)
_DOMAIN = re.compile(r"(?<![\w@.])(?:[\w-]+\.)+(?:com|org|net|io|dev|ai|app|co|info|xyz|sh)\b(?:/\S*)?", re.IGNORECASE)
_HANDLE = re.compile(r"(?<![\w@])@[\w-]+(?:/[\w.-]+)?|[\w.+-]+@[\w-]+\.[\w.-]+")
_REFERENCE = re.compile(r"(?<![\w&])#\d+|\b(?:GH|[A-Z][A-Z0-9]+)-\d[\w-]*")
_DIGITS = re.compile(r"\w*\d(?:[\w]|[.,:-](?=\w))*")
_QUOTED = re.compile(r"`([^`]+)`")
_SNAKE = re.compile(r"\b\w+_\w+\b|\b_\w+\b")
_HUMPS = re.compile(r"\b[A-Za-z]+[a-z][A-Z]\w*|\b[A-Z]+[a-z]+[A-Z]\w*")
_DOTTED = re.compile(r"\b[A-Za-z]\w+(?:\.[A-Za-z]\w+)+\b")
_CALL = re.compile(r"\b[A-Za-z_]\w*(?=\(\))")
_FLAG = re.compile(r"(?<![\w-])--?[a-z][\w-]+")
_WORDS = re.compile(r"[\w.+#@/-]*\w")

_V = re.compile(r"\bv(?=\d)")

_FACTS = (_URL, _DOMAIN, _HANDLE, _REFERENCE, _DIGITS, _SNAKE, _HUMPS, _DOTTED, _CALL, _FLAG)


def facts(text: str) -> Iterator[str]:
    """Everything in a text that looks like a fact: addresses, names, numbers, code."""
    for pattern in _FACTS:
        yield from (found.rstrip(".,:;") for found in pattern.findall(text))
    for quoted in _QUOTED.findall(text):
        yield from _WORDS.findall(quoted)


def evidence(changes: Iterable[Change]) -> str:
    """Everything that the commits say and touch, in lower case."""
    return of_texts(part for change in changes for part in _texts(change))


def of_texts(texts: Iterable[str]) -> str:
    """The same of any texts."""
    return _bare("\n".join(texts))


def _bare(text: str) -> str:
    """Lower case, and versions without their v: v2.0 and 2.0 are the same fact."""
    return _V.sub("", text.casefold())


def _texts(change: Change) -> Iterator[str]:
    yield from (change.subject, change.body, change.author, *change.merged_authors)
    for subject, body in change.merged:
        yield from (subject, body)
    yield from (file.path for file in change.files)


def invented(text: str, known: str, references: Iterable[str] = ()) -> list[str]:
    """The facts of a text that `known` (see `evidence`) does not have. A word cut by an ellipsis may go on."""
    cut = text.rstrip().endswith("…")
    allowed = {reference.casefold() for reference in references}
    missing = dict.fromkeys(
        fact for fact in facts(text) if fact.casefold() not in allowed and not _occurs(fact, known, cut)
    )
    return list(missing)


def _occurs(fact: str, known: str, cut: bool) -> bool:
    wanted = _bare(fact)
    at = known.find(wanted)
    while at >= 0:
        after = known[at + len(wanted) : at + len(wanted) + 1]
        before = known[at - 1 : at] if at else ""
        whole = not (_joins(before) and _joins(wanted[0])) and not (_joins(after) and _joins(wanted[-1]))
        if whole or cut:
            return True
        at = known.find(wanted, at + 1)
    return False


def _joins(character: str) -> bool:
    return character.isalnum() or character == "_"

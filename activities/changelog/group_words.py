"""A reviewer's plain requests, as far as a program without a model understands them.

"drop #123", "leave out 1a2b3c4 and #9", "please include #45", "move #12 to Fixed", "call #12 \"New text\"".
Anything else is given back untouched, so that the reviewer can be told that nobody acted on it.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from activities.changelog.group_text import all_numbers
from contracts.changelog import SECTIONS, Change, Section

Verb = Literal["drop", "add", "move", "call"]

_TARGET = r"(?:#\d{1,9}|\b(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b)"
_TARGETS = re.compile(_TARGET, re.I)
_QUOTED = re.compile(r"\"([^\"\n]{1,200})\"|“([^”\n]{1,200})”|'([^'\n]{3,200})'(?!\w)|`([^`\n]{1,200})`")
_SECTION = re.compile(rf"\b(?:to|into|in|under|as|is|be)\s+(?:the\s+)?({'|'.join(SECTIONS)})\b", re.I)
_STARTS = r"drop|leave|remove|skip|omit|exclude|add|include|keep|move|call|rename|put"
_PIECES = re.compile(rf"[;\n]+|(?<=[.!])\s+|,?\s+(?:and|then|but|also)\s+(?=(?:please\s+)?(?:{_STARTS})\b)", re.I)
_OUT = (
    r"\b(?:drop|leave\s+(?:\S+\s+){0,6}?out|remove|skip|omit|exclude|without|delete"
    r"|(?:don't|do\s+not)\s+(?:include|list|mention|want)|not\s+include)\b"
)
_VERBS: tuple[tuple[Verb, re.Pattern[str]], ...] = (
    ("call", re.compile(r"\b(?:call|rename|reword|rephrase|title|say|word)\b", re.I)),
    ("drop", re.compile(_OUT, re.I)),
    ("move", re.compile(r"\b(?:move|put|belongs?|goes|file|list|should be|is)\b", re.I)),
    ("add", re.compile(r"\b(?:add|include|keep|bring\s+(?:back|in)|mention|list|missing|want)\b", re.I)),
)


@dataclass(frozen=True, slots=True)
class Directive:
    """One request that is understood. `target` is "#12" or the beginning of a SHA, in lower case."""

    verb: Verb
    target: str
    section: Section | None = None
    text: str = ""


def understood(words: Sequence[str]) -> tuple[list[Directive], list[str]]:
    """Split a reviewer's words into what can be done and what can not. Later requests come later."""
    done: list[Directive] = []
    rest: list[str] = []
    for request in words:
        for piece in _pieces(request):
            found = _read(piece)
            done.extend(found)
            if not found:
                rest.append(piece)
    return done, rest


def _pieces(request: str) -> list[str]:
    held: list[str] = []

    def hold(match: re.Match[str]) -> str:
        held.append(match[0])
        return f"\x00{len(held) - 1}\x00"

    masked = _QUOTED.sub(hold, request[:4_000].replace("\x00", ""))
    pieces = [re.sub(r"\x00(\d+)\x00", lambda m: held[int(m[1])], piece) for piece in _PIECES.split(masked)]
    return [piece.strip() for piece in pieces if piece.strip()]


def _read(piece: str) -> list[Directive]:
    bare = _QUOTED.sub(" ", piece)
    targets = list(dict.fromkeys(t.lower() for t in _TARGETS.findall(bare)))
    verb = next((verb for verb, rule in _VERBS if rule.search(bare) and _complete(verb, piece, bare)), None)
    if not targets or verb is None:
        return []
    section = _section(bare) if verb in ("move", "add") else None
    text = _quoted(piece) if verb == "call" else ""
    return [Directive(verb, target, section, text) for target in targets]


def _complete(verb: Verb, piece: str, bare: str) -> bool:
    if verb == "call":
        return bool(_quoted(piece))
    return verb != "move" or _section(bare) is not None


def _section(text: str) -> Section | None:
    found = _SECTION.search(text)
    return next((s for s in SECTIONS if s.lower() == found[1].lower()), None) if found else None


def _quoted(text: str) -> str:
    found = _QUOTED.search(text)
    return " ".join((next(g for g in found.groups() if g)).split()) if found else ""


def changes_meant(target: str, changes: Iterable[Change]) -> list[str]:
    """The SHAs that a target names: those whose SHA begins with it, or that carry its number."""
    if target.startswith("#"):
        return [c.sha for c in changes if target[1:] in all_numbers(c)]
    return [
        c.sha
        for c in changes
        if c.sha.lower().startswith(target) or any(m.lower().startswith(target) for m in c.merged_shas)
    ]

"""What in a report points at code: paths, stack frames, identifiers, rare words. Pure."""

import re
from dataclasses import dataclass

from activities.bug_triage import texts
from contracts.bugs import Issue

MOST_PATHS, MOST_NAMES = 20, 24
LONGEST = 100

_PY = re.compile(r"File \"([^\"\n]{1,300})\", line (\d{1,7})(?:, in ([\w<>]{1,120}))?")
_PLACE = re.compile(r"(?<![\w/.-])((?:[\w.@-]{1,80}/){0,12}[\w-]{1,80}\.[A-Za-z]{1,5}):(\d{1,7})\b")
_JAVA = re.compile(r"\bat ([\w$.]{1,200})\.[\w$<>]{1,100}\(([\w$]{1,80}\.(?:java|kt|scala)):(\d{1,7})\)")
_PATH = re.compile(
    r"(?<![\w/:.-])((?:[\w.@-]{1,80}/){1,12}[\w.-]{1,80}\.[A-Za-z0-9]{1,6}|[\w-]{2,80}\.(?:py|js|jsx|ts|tsx|go|rs|java|"
    r"kt|scala|rb|php|c|cc|cpp|h|hpp|cs|swift|ex|erl|clj|vue|svelte|yml|yaml|toml|json|cfg|ini|sql|sh))(?![\w/])"
)
_TICKED = re.compile(r"`([^`\n]{2,100})`")
_CALL = re.compile(r"\b([A-Za-z_]\w{2,60})\(")
_COMMON = {
    "print",
    "len",
    "str",
    "int",
    "list",
    "dict",
    "set",
    "open",
    "range",
    "main",
    "test",
    "self",
    "none",
    "true",
    "false",
    "null",
    "return",
    "import",
    "from",
    "class",
    "def",
    "the",
    "and",
    "for",
    "http",
    "https",
    "www",
    "localhost",
    "readme",
    "error",
    "exception",
    "typeerror",
    "valueerror",
    "keyerror",
    "assert",
    "repr",
}
_PROSE = re.compile(r"[A-Za-z][A-Za-z-]{4,30}")


@dataclass(frozen=True)
class Frame:
    """A place in code: a path or a file's name, and a line (0: unknown). The last ones of a Python traceback and the
    first ones of all others are nearest to what went wrong; `near` is 0 for the nearest."""

    path: str
    line: int
    near: int
    function: str = ""


@dataclass(frozen=True)
class Clues:
    """All that a report gives to search a repository by."""

    frames: tuple[Frame, ...]
    paths: tuple[str, ...]
    names: tuple[str, ...]
    words: tuple[str, ...]


def clues(issue: Issue) -> Clues:
    """The clues of a report, bounded, strongest first."""
    whole = f"{issue.title}\n{texts.bounded(issue.body)}"
    text = texts.read(issue)
    dotted = [part for name in text.identifiers for part in re.split(r"\.|::|#|->", name)]
    ticked = [part for each in _TICKED.findall(whole) for part in re.findall(r"[A-Za-z_]\w+", each)]
    names = [*ticked, *text.identifiers, *dotted, *_CALL.findall(text.code), *text.exceptions]
    plain = re.sub(r"https?://\S+", " ", whole)
    title = [word.lower() for word in _PROSE.findall(text.title)]
    return Clues(
        frames=_frames(whole),
        paths=tuple(dict.fromkeys(path.lstrip("./") for path in _PATH.findall(plain)))[:MOST_PATHS],
        names=tuple(dict.fromkeys(each for each in names if _telling(each)))[:MOST_NAMES],
        words=tuple(dict.fromkeys(word for word in title if word not in _COMMON))[:12],
    )


def _frames(whole: str) -> tuple[Frame, ...]:
    python = [(path, line, function) for path, line, function in _PY.findall(whole)][::-1]
    java = [(f"{'/'.join(cls.split('.')[:-1])}/{file}", line, "") for cls, file, line in _JAVA.findall(whole)]
    others = [] if python or java else [(path, line, "") for path, line in _PLACE.findall(whole)]
    found = dict.fromkeys((*python, *java, *others))
    return tuple(
        Frame(path.lstrip("./"), int(line), near, function)
        for near, (path, line, function) in enumerate(list(found)[:MOST_PATHS])
    )


def _telling(name: str) -> bool:
    return (
        3 <= len(name) <= LONGEST and name.lower() not in _COMMON and re.fullmatch(r"[A-Za-z_][\w.]*", name) is not None
    )

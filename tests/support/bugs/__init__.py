"""Small repositories that each have one real bug, written for the tests of ticket to pull request.

A repository is one text file, so that it is read as a whole: a line `-- path --` begins a file, as in Go's txtar. Files
below `fix/` are what a scripted model writes, and no part of it.
"""

import re
from pathlib import Path

HERE = Path(__file__).parent
HEAD = re.compile(r"^-- (\S+) --\n", re.MULTILINE)
FIX = "fix/"


def files(name: str) -> dict[str, bytes]:
    """The files of the repository in `name`.txt, by their paths."""
    return {path: text.encode() for path, text in _all(name).items() if not path.startswith(FIX)}


def fix(name: str) -> dict[str, str]:
    """Whole files of its fix."""
    return {path.removeprefix(FIX): text for path, text in _all(name).items() if path.startswith(FIX)}


def _all(name: str) -> dict[str, str]:
    """What stands before the first file is for readers."""
    _, *parts = HEAD.split((HERE / f"{name}.txt").read_text(encoding="utf-8"))
    return dict(zip(parts[::2], parts[1::2], strict=True))

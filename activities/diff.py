"""A unified diff of one file, as `git apply` takes it. Pure."""

import difflib
import re
from collections.abc import Iterator, Sequence

CONTEXT = 3

_HUNK = re.compile(r"@@ -(\d+)(,\d+)? \+(\d+)(,\d+)? @@")


def unified(path: str, old: str | None, new: str | None, *, mode: str = "") -> str:
    """The diff. `old` None: the file is new; `new` None: it is removed. Only what differs is compared, so a long file
    costs little. A `mode` that is set has a line of its own, so that it is never changed unseen."""
    before, after = _lines(old or ""), _lines(new or "")
    start, end = _common(before, after)
    start = max(0, start - CONTEXT)
    end = max(0, end - CONTEXT)
    middle = difflib.unified_diff(
        before[start : len(before) - end], after[start : len(after) - end], n=CONTEXT, lineterm="\n"
    )
    header = [
        f"new mode {mode}\n" if mode else "",
        f"--- a/{path}\n" if old is not None else "--- /dev/null\n",
        f"+++ b/{path}\n" if new is not None else "+++ /dev/null\n",
    ]
    return "".join([*header, *_moved(list(middle)[2:], start)])


def _lines(text: str) -> list[str]:
    return re.findall(r"[^\n]*\n|[^\n]+", text)


def _common(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """How many lines are the same at the start and, of the rest, at the end."""
    most = min(len(before), len(after))
    start = next((i for i in range(most) if before[i] != after[i]), most)
    rest = most - start
    end = next((i for i in range(rest) if before[-1 - i] != after[-1 - i]), rest)
    return start, end


def _moved(lines: Sequence[str], offset: int) -> Iterator[str]:
    """Hunks with their line numbers counted from the top of the file, and ends without a newline marked."""
    for line in lines:
        found = _HUNK.match(line)
        if found:
            old, new = int(found.group(1)) + offset, int(found.group(3)) + offset
            yield f"@@ -{old}{found.group(2) or ''} +{new}{found.group(4) or ''} @@\n"
        else:
            yield line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"

"""Places in what a failing test printed: Python's tracebacks, and pytest's in all its styles."""

import re
from dataclasses import dataclass

PYTHON = re.compile(r'File "([^"\n]{1,300})", line (\d{1,7})(?:, in ([\w.<>]{1,200}))?')
NAMES = r"(\w{1,100}(?:Error|Exception|Warning)?)"
PYTEST = re.compile(rf"^([\w./\\-]{{1,300}}\.py):(\d{{1,7}}): ?(?:in ([\w.<>]{{1,200}})|{NAMES})?", re.M)
RAISED = r"[A-Za-z_][\w.]{0,200}(?:Error|Exception|Exit|Interrupt|StopIteration)"
ERROR = re.compile(rf"^(?:E\s+)?({RAISED})\b:? ?(.{{0,300}})", re.M)


@dataclass(frozen=True)
class Frame:
    """A line that was being executed when it failed. `depth`: 0 for the innermost of its traceback."""

    file: str
    line: int
    function: str
    depth: int


def frames(output: str) -> list[Frame]:
    """All frames in the order they are printed; within each traceback the innermost has depth 0."""
    found: list[list[tuple[str, int, str]]] = [[]]
    for words in output[: 1 << 20].splitlines():
        if match := PYTHON.search(words) or PYTEST.match(words):
            found[-1].append((match[1].replace("\\", "/"), int(match[2]), match[3] or ""))
        elif found[-1] and (words.startswith(("____", "====")) or (words[:2] != "E " and ERROR.match(words))):
            found.append([])
    return [Frame(*place, len(trace) - at - 1) for trace in found for at, place in enumerate(trace)]


def errors(output: str) -> list[tuple[str, str]]:
    """Exception and message of each failure, as printed, without repetition."""
    return list(dict.fromkeys((match[1], match[2].strip()) for match in ERROR.finditer(output[: 1 << 20])))

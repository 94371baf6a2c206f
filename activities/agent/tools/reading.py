"""Reading a file, or some of its lines."""

from pydantic import Field

from activities.agent.desk import Desk
from activities.agent.tools.tool import Arguments, ToolProblem

LARGEST = 8 << 20
LONGEST_LINE = 1000


class ReadArguments(Arguments):
    path: str
    first: int = Field(default=1, ge=1, description="number of the first line to read")
    last: int = Field(default=0, ge=0, description="number of the last line to read; 0: as many as fit")


class Read:
    """A file with its line numbers."""

    name = "read"
    description = "Read a text file, or some of its lines, each with its number (which is not part of the file)."
    arguments: type[Arguments] = ReadArguments
    changes = False

    async def use(self, desk: Desk, given: ReadArguments) -> str:
        text = text_in(await desk.sandbox.read(desk.path(given.path), limit=LARGEST), given.path)
        lines = text.splitlines()
        if given.first > max(len(lines), 1):
            raise ToolProblem(f"{given.path} has {len(lines):,} lines: there is no line {given.first:,}.")
        asked = lines[given.first - 1 : given.last or None]
        shown = self._that_fit(asked, given.first, desk.limit)
        left = len(asked) - len(shown)
        end = given.first + len(shown)
        more = [f"[{left:,} more lines: read on with first={end}]"] if left else []
        return "\n".join([*shown, *more]) or "The file is empty."

    def _that_fit(self, lines: list[str], first: int, limit: int) -> list[str]:
        shown, used = list[str](), 0
        for number, line in enumerate(lines, first):
            row = f"{number:>5}\t{line[:LONGEST_LINE]}" + ("[…]" if len(line) > LONGEST_LINE else "")
            used += len(row) + 1
            if used > limit and shown:
                break
            shown.append(row)
        return shown

    def says(self, given: ReadArguments) -> str:
        lines = f":{given.first}-{given.last or ''}" if given.first > 1 or given.last else ""
        return f"read {given.path}{lines}"


def text_in(data: bytes, path: str) -> str:
    """A file's text. ToolProblem for what is none."""
    if b"\0" in data[:8192]:
        raise ToolProblem(f"{path} is a binary file.")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ToolProblem(
            f"{path} is not UTF-8 (byte {error.start:,}): use `run` with a program that reads it."
        ) from error

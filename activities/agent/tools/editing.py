"""Changing files: exact replacement, a whole file, a patch."""

import difflib

from pydantic import Field

from activities.agent.desk import Desk
from activities.agent.tools.reading import LARGEST, text_in
from activities.agent.tools.tool import Arguments, ToolProblem

MOST_PLACES = 10


class EditArguments(Arguments):
    path: str
    old: str = Field(min_length=1, description="the text to replace, exactly as it is in the file, without numbers")
    new: str = Field(description="what takes its place")
    all: bool = Field(default=False, description="replace each occurrence, and not only the one there has to be")


class Edit:
    """Exact replacement, so that nothing changes but what was read."""

    name = "edit"
    description = "Replace a text in a file that occurs exactly once (or each time, with `all`)."
    arguments: type[Arguments] = EditArguments
    changes = True

    async def use(self, desk: Desk, given: EditArguments) -> str:
        path = desk.path(given.path)
        text = text_in(await desk.sandbox.read(path, limit=LARGEST), given.path)
        count = text.count(given.old)
        if given.old == given.new:
            raise ToolProblem("`old` and `new` are the same, so nothing would change.")
        if count == 0:
            raise ToolProblem(f"{given.path} does not hold that text. {nearest(text, given.old)}")
        if count > 1 and not given.all:
            places = ", ".join(map(str, lines_of(text, given.old)))
            raise ToolProblem(f"{given.path} holds that text {count} times (lines {places}): give more around it.")
        mode = await _mode(desk, given.path)
        await desk.sandbox.write(path, text.replace(given.old, given.new).encode(), mode=mode)
        return f"{given.path}: replaced {count} time{'' if count == 1 else 's'}."

    def says(self, given: EditArguments) -> str:
        return f"edit {given.path}"


def lines_of(text: str, part: str) -> list[int]:
    """The numbers of the lines in which a text begins."""
    found, start = list[int](), 0
    while (start := text.find(part, start)) >= 0 and len(found) < MOST_PLACES:
        found.append(text.count("\n", 0, start) + 1)
        start += 1
    return found


def nearest(text: str, part: str) -> str:
    """The lines most like the first line of what was looked for, in words for a model."""
    if "\r\n" in text and "\n" in part and "\r\n" not in part:
        return "Its lines end in \\r\\n: edit line by line."
    wanted = next((line for line in part.splitlines() if line.strip()), "")
    lines = text.splitlines()
    near = difflib.get_close_matches(wanted, list(dict.fromkeys(lines))[:5000], n=2, cutoff=0.7)
    if not near:
        return "Read it first: nothing in it is like the first line of `old`."
    places = "; ".join(f"line {lines.index(line) + 1}: {line!r}" for line in near)
    return f"The nearest to its first line: {places}."


async def _mode(desk: Desk, path: str) -> int:
    """An executable file stays one."""
    asked = await desk.exec("test", "-x", path)
    return 0o755 if asked.exit_code == 0 else 0o644


class WriteArguments(Arguments):
    path: str
    text: str = Field(description="all of the file")


class Write:
    """A whole file, for new ones."""

    name = "write"
    description = "Create a file, or replace all of it. For a small change of an existing file, use `edit`."
    arguments: type[Arguments] = WriteArguments
    changes = True

    async def use(self, desk: Desk, given: WriteArguments) -> str:
        await desk.sandbox.write(desk.path(given.path), given.text.encode(), mode=await _mode(desk, given.path))
        return f"{given.path}: {len(given.text.splitlines()):,} lines written."

    def says(self, given: WriteArguments) -> str:
        return f"write {given.path}"


class PatchArguments(Arguments):
    patch: str = Field(description="a unified diff with a/ and b/ before the paths, as `git diff` prints it")


class Patch:
    """A unified diff, all of it or none."""

    name = "patch"
    description = "Apply a unified diff to the work tree: all of it, or nothing where one hunk does not fit."
    arguments: type[Arguments] = PatchArguments
    changes = True

    async def use(self, desk: Desk, given: PatchArguments) -> str:
        text = given.patch if given.patch.endswith("\n") else given.patch + "\n"
        result = await desk.exec("git", "apply", "--recount", "--whitespace=nowarn", "-", stdin=text.encode())
        if result.exit_code != 0:
            said = result.stderr.decode(errors="replace").strip()
            raise ToolProblem(f"The patch does not apply, so nothing was changed: {desk.clip(said)}")
        return "The patch was applied."

    def says(self, given: PatchArguments) -> str:
        files = [line[6:] for line in given.patch.splitlines() if line.startswith("+++ b/")]
        return f"patch {', '.join(files[:3])}" + (" …" if len(files) > 3 else "")

"""Finding things: files by name, lines by what they say, names in a folder."""

from pydantic import Field

from activities.agent.desk import Desk
from activities.agent.tools.tool import Arguments, ToolProblem

MOST_FILES, MOST_LINES = 500, 200


class FindArguments(Arguments):
    pattern: str = Field(description="a glob over whole paths, such as `**/test_*.py` or `src/**/parser*`")


class Find:
    """Files that git knows of or would, so nothing that .gitignore names."""

    name = "find"
    description = "Find files by a glob over their paths. Files that git ignores are left out."
    arguments: type[Arguments] = FindArguments
    changes = False

    async def use(self, desk: Desk, given: FindArguments) -> str:
        listed = ("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate", "--")
        result = await desk.exec(*listed, f":(glob){given.pattern}")
        if result.exit_code != 0:
            raise ToolProblem(f"The pattern can't be used: {result.stderr.decode(errors='replace').strip()}")
        names = sorted(filter(None, result.stdout.decode(errors="replace").split("\0")))
        if not names:
            return f"No file matches {given.pattern!r}. `**` stands for any folders: try `**/{given.pattern}`."
        more = f"\n[{len(names) - MOST_FILES:,} more: narrow the pattern]" if len(names) > MOST_FILES else ""
        return "\n".join(names[:MOST_FILES]) + more

    def says(self, given: FindArguments) -> str:
        return f"find {given.pattern}"


class GrepArguments(Arguments):
    pattern: str = Field(description="a regular expression, or the text itself with `literal`")
    path: str = Field(default=".", description="a file or folder to search below")
    glob: str = Field(default="", description="only files whose name matches, such as `*.py`")
    literal: bool = False


class Grep:
    """Lines, as ripgrep finds them."""

    name = "grep"
    description = "Search the files below a path for a regular expression, as ripgrep does. Gives path:line: text."
    arguments: type[Arguments] = GrepArguments
    changes = False

    async def use(self, desk: Desk, given: GrepArguments) -> str:
        found = await desk.sandbox.search(
            given.pattern, path=desk.path(given.path), glob=given.glob, literal=given.literal, limit=MOST_LINES
        )
        if not found.matches:
            where = f" in {given.glob} files" if given.glob else ""
            return f"Nothing below {given.path!r}{where} matches {given.pattern!r}."
        lines = [f"{desk.named(one.path)}:{one.line}: {one.text}" for one in found.matches]
        return "\n".join([*lines, *(["[there is more: narrow the search]"] if found.truncated else [])])

    def says(self, given: GrepArguments) -> str:
        return f"grep {given.pattern!r}" + (f" in {given.path}" if given.path != "." else "")


class ListArguments(Arguments):
    path: str = Field(default=".", description="a folder")


class ListFolder:
    """Names in one folder."""

    name = "list"
    description = "List the names in one folder. Folders end with a slash."
    arguments: type[Arguments] = ListArguments
    changes = False

    async def use(self, desk: Desk, given: ListArguments) -> str:
        names = [name for name in await desk.sandbox.list(desk.path(given.path)) if name != ".git/"]
        return "\n".join(names) or "The folder is empty."

    def says(self, given: ListArguments) -> str:
        return f"list {given.path}"

"""What git knows of the past."""

from pydantic import Field

from activities.agent.desk import Desk
from activities.agent.tools.tool import Arguments, ToolProblem

SAFE = ("-c", "core.fsmonitor=false", "-c", "core.pager=cat")


async def _git(desk: Desk, *words: str) -> str:
    result = await desk.exec("git", *SAFE, *words)
    if result.exit_code != 0:
        raise ToolProblem(f"git says: {result.stderr.decode(errors='replace').strip()[:500]}")
    return desk.clip(result.stdout.decode(errors="replace").rstrip() or "git has nothing to say.")


class LogArguments(Arguments):
    path: str = Field(default="", description="only commits that touched it")
    words: str = Field(default="", description="only commits whose diff adds or removes this text")
    count: int = Field(default=20, ge=1, le=200)


class Log:
    """Commits, newest first."""

    name = "git_log"
    description = "List commits, newest first: short SHA, date, author, subject."
    arguments: type[Arguments] = LogArguments
    changes = False

    async def use(self, desk: Desk, given: LogArguments) -> str:
        picked = (f"-S{given.words}",) if given.words else ()
        below = (f":(literal){given.path}",) if given.path else ()
        form = "--format=%h %as %an: %s"
        return await _git(desk, "log", f"--max-count={given.count}", form, *picked, "--", *below)

    def says(self, given: LogArguments) -> str:
        return " ".join(filter(None, ("git log", given.path, given.words and f"of {given.words!r}")))


class BlameArguments(Arguments):
    path: str
    first: int = Field(default=1, ge=1)
    last: int = Field(default=0, ge=0, description="0: to the end")


class Blame:
    """Who last changed each line, and in which commit."""

    name = "git_blame"
    description = "Say for lines of a file which commit changed each of them last."
    arguments: type[Arguments] = BlameArguments
    changes = False

    async def use(self, desk: Desk, given: BlameArguments) -> str:
        lines = f"-L{given.first},{given.last or ''}"
        return await _git(desk, "blame", "--date=short", lines, "--", given.path)

    def says(self, given: BlameArguments) -> str:
        return f"git blame {given.path}"


class ShowArguments(Arguments):
    commit: str = Field(pattern=r"^[A-Za-z0-9][\w./~^-]*$", description="a SHA, tag or branch")
    path: str = Field(default="", description="only what it changed there")


class Show:
    """One commit with its diff."""

    name = "git_show"
    description = "Show one commit: message and diff."
    arguments: type[Arguments] = ShowArguments
    changes = False

    async def use(self, desk: Desk, given: ShowArguments) -> str:
        below = (f":(literal){given.path}",) if given.path else ()
        return await _git(
            desk, "show", "--no-ext-diff", "--no-textconv", "--stat", "--patch", given.commit, "--", *below
        )

    def says(self, given: ShowArguments) -> str:
        return f"git show {given.commit}"

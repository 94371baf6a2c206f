"""Running programs, the project's tests first of all."""

import shlex

from pydantic import Field

from activities.agent.desk import Desk
from activities.agent.tools.tool import Arguments, ToolProblem
from sandboxes.protocol import Result


class RunArguments(Arguments):
    command: str = Field(min_length=1, description="a command line for `sh -c`, run at the top of the repository")
    seconds: float = Field(default=120, gt=0, le=3600, description="it is killed after this")


class Run:
    """A shell command: the model asks for one, so it may have pipes."""

    name = "run"
    description = "Run a shell command at the top of the repository. No network. Gives its exit code and output."
    arguments: type[Arguments] = RunArguments
    changes = True

    async def use(self, desk: Desk, given: RunArguments) -> str:
        return told(desk, await desk.exec_in_project("sh", "-c", given.command, seconds=given.seconds))

    def says(self, given: RunArguments) -> str:
        return f"run {' '.join(given.command.split())}"


class TestArguments(Arguments):
    arguments: tuple[str, ...] = Field(default=(), description="added to the command: files, test ids, options")
    seconds: float = Field(default=600, gt=0, le=3600)


class Test:
    """The project's own test command, found out before the agent started."""

    __test__ = False
    name = "test"
    description = "Run the project's tests by its own command, all of them or those that the arguments name."
    arguments: type[Arguments] = TestArguments
    changes = True

    async def use(self, desk: Desk, given: TestArguments) -> str:
        if not desk.test:
            raise ToolProblem("How this project runs its tests is not known: find out, and use `run`.")
        return told(desk, await desk.exec_in_project(*desk.test, *given.arguments, seconds=given.seconds))

    def says(self, given: TestArguments) -> str:
        return f"test {shlex.join(given.arguments)}".strip()


def told(desk: Desk, result: Result) -> str:
    """How a command ended, then what it said: errors last, where a model looks."""
    if result.timed_out:
        head = f"It was killed after {result.seconds:.0f} s: its time was up."
    else:
        head = f"exit code {result.exit_code}, {result.seconds:.1f} s"
    out, err = (stream.decode(errors="replace").strip() for stream in (result.stdout, result.stderr))
    parts = [head, out, f"[stderr]\n{err}" if err else "", "[its output was cut]" if result.truncated else ""]
    return desk.clip("\n".join(filter(None, parts)))

"""Where an agent works: a sandbox, the folder of its work tree, and how the project's tests are run."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from sandboxes.protocol import Result, Sandbox


@dataclass(frozen=True)
class Desk:
    """`folder` is the work tree below /work. `test` is the command that runs the project's tests, empty: unknown;
    `environment` what it needs to be set, which commands of the model's own have, too.

    `limit` is how many characters one tool may say; `seconds` how long one command may take.
    """

    sandbox: Sandbox
    folder: str = "repository"
    test: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    limit: int = 20_000
    seconds: float = 300

    def path(self, path: str) -> str:
        """A path as the model gives it, below /work. What leads out of it is refused by the kernel."""
        given = PurePosixPath(path.strip() or ".")
        if given.is_absolute():
            given = given.relative_to("/work") if given.is_relative_to("/work") else given
            return str(given)
        return str(PurePosixPath(self.folder, given))

    def named(self, path: str) -> str:
        """The other way round: a path below /work as the model knows it."""
        return path.removeprefix(f"{self.folder}/")

    async def exec(self, *argv: str, stdin: bytes | None = None, seconds: float | None = None) -> Result:
        """Run a program in the work tree."""
        limit = min(seconds, self.seconds) if seconds else self.seconds
        return await self.sandbox.exec(argv, cwd=f"/work/{self.folder}", stdin=stdin, timeout=limit)

    async def exec_in_project(self, *argv: str, seconds: float) -> Result:
        """Run a program as the project's tests are run: what they find, it finds."""
        limit = min(seconds, self.seconds)
        return await self.sandbox.exec(argv, cwd=f"/work/{self.folder}", env=self.environment, timeout=limit)

    def clip(self, text: str) -> str:
        """No longer than `limit`: the beginning, the end, and how much lies between."""
        return clipped(text, self.limit)


def clipped(text: str, limit: int) -> str:
    """No longer than `limit`: the beginning, the end, and how much lies between."""
    if len(text) <= limit:
        return text
    head, tail = limit // 3, limit - limit // 3
    left = len(text) - head - tail
    return f"{text[:head]}\n[… {left:,} characters left out; ask for a smaller part …]\n{text[-tail:]}"

"""A report's own snippet or commands, tried in a machine that nothing else is done in: no network, little time. What it
prints is untrusted, and nothing is run outside."""

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from activities.bug_triage.comparing import compared
from activities.bug_triage.snippets import LANGUAGES, runnable
from activities.ticket_to_pr.calls import looked_at
from contracts.bug_triage import Reproduction
from contracts.bugs import Issue
from contracts.errors import BadInput, NotFound
from sandboxes.protocol import Result, Sandbox

MOST_OUTPUT = 1_500
SECONDS = 20.0  # of each command
# Go's compiler keeps what it has made in the machine, and asks nobody for anything.
GO = {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local", "GOCACHE": "/tmp/go-cache"}  # noqa: S108
# Where Go's own archive puts it, which is on no path of ours.
WHERE = 'command -v -- "$1" || command -v -- "/usr/local/go/bin/$1"'
_PACKAGE = re.compile(r"(?:@[\w.-]{1,100}/)?[\w][\w.-]{0,100}")


@dataclass(frozen=True)
class Trial:
    """One machine with the repository in `folder`."""

    sandbox: Sandbox
    folder: str
    environment: Mapping[str, str]

    async def run(self, argv: Sequence[str], seconds: float) -> Result:
        return await self.sandbox.exec(argv, cwd=f"/work/{self.folder}", env=self.environment, timeout=seconds)

    async def where(self, program: str) -> str:
        """The program's path in the machine; empty: there is none."""
        looked = await self.run(["sh", "-c", WHERE, "sh", program], 10)
        return looked.stdout.decode(errors="replace").strip()


async def tried(sandbox: Sandbox, folder: str, issue: Issue) -> Reproduction:
    """Run what the report has, and compare what comes of it with what it tells."""
    found = runnable(issue)
    if found is None:
        return Reproduction(key=issue.key, says=f"{issue.key} has nothing that can be run")
    trial, commands = Trial(sandbox, folder, await _environment(sandbox, folder)), []
    for argv in map(_by_interpreter, found.argvs):
        path = await trial.where(argv[0])
        if not path:
            says = f"{issue.key}: {found.says[:100]}; there is no {argv[0]} in the sandbox image"
            return Reproduction(key=issue.key, command=found.says[:300], says=says[:300])
        commands.append([path, *argv[1:]])
    if path := found.file(folder):
        await sandbox.write(path, found.text.encode("utf-8", "replace"))
    if found.kind == "javascript":
        await _known_by_its_name(trial)
    seconds = LANGUAGES[found.kind].seconds if found.kind in LANGUAGES else SECONDS
    result, said = await _run(trial, commands, seconds)
    state, why = compared(issue, found, result, seconds)
    return Reproduction(
        key=issue.key,
        state=state,
        command=found.says[:300],
        output=said[-MOST_OUTPUT:],
        seconds=round(result.seconds, 2),
        says=f"{issue.key}: {why}"[:300],
    )


async def _run(trial: Trial, commands: Sequence[Sequence[str]], seconds: float) -> tuple[Result, str]:
    """One after the other until one fails: how the last one ended, and the ends of what all printed."""
    said = ""
    for argv in commands:
        result = await trial.run(argv, seconds)
        said += _end(result)
        if result.exit_code or result.timed_out:
            break
    return result, said


def _by_interpreter(words: list[str]) -> list[str]:
    """Python and pytest by the interpreter that is there."""
    if words[0] in ("python", "python3"):
        return ["python3", *words[1:]]
    return ["python3", "-m", *words] if words[0] == "pytest" else words


async def _known_by_its_name(trial: Trial) -> None:
    """Let Node find the project as its users do, by the name that it has in package.json."""
    with suppress(NotFound, ValueError, AttributeError, BadInput):
        said = json.loads(await trial.sandbox.read(f"{trial.folder}/package.json", limit=1 << 20))
        name = said.get("name")
        if isinstance(name, str) and _PACKAGE.fullmatch(name):
            link = f"/work/{trial.folder}/node_modules/{name}"
            make = 'mkdir -p -- "$(dirname -- "$1")" && { [ -e "$1" ] || ln -s -- "$2" "$1"; }'
            await trial.run(["sh", "-c", make, "sh", link, f"/work/{trial.folder}"], 10)


async def _environment(sandbox: Sandbox, folder: str) -> dict[str, str]:
    project = await looked_at(sandbox, folder)
    paths = [project.environment.get("PYTHONPATH", ""), f"/work/{folder}", f"/work/{folder}/src"]
    mine = {"PYTHONPATH": ":".join(filter(None, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    return {**project.environment, **mine, **GO, "RUBYLIB": f"/work/{folder}/lib"}


def _end(result: Result) -> str:
    return (result.stdout[-MOST_OUTPUT:] + result.stderr[-MOST_OUTPUT:]).decode(errors="replace")

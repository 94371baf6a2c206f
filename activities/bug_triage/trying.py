"""A report's own snippet or command, tried in a machine that nothing else is done in: no network, little time. What it
prints is untrusted, and nothing is run outside."""

import re
import shlex

from activities.bug_triage import texts
from activities.bug_triage.clues import Runnable, runnable
from activities.ticket_to_pr.calls import looked_at
from contracts.bug_triage import Reproduction
from contracts.bugs import Issue
from sandboxes.protocol import Result, Sandbox

SECONDS = 20.0
SNIPPET = "report/snippet.py"
MOST_OUTPUT = 1_500
_LAST = re.compile(r"^(?:[\w.]+\.)?(\w+(?:Error|Exception|Warning|Exit|Interrupt))\b(?::.*)?$", re.M)
_HANGS = re.compile(
    r"\b(?:hangs?|hung|freez\w+|infinite loop|never (?:ends|returns|finishes)|deadlock\w*|stuck)\b", re.I
)


async def tried(sandbox: Sandbox, folder: str, issue: Issue) -> Reproduction:
    """Run what the report has, and compare what comes of it with what it tells."""
    found = runnable(issue)
    if found is None:
        return Reproduction(key=issue.key, says=f"{issue.key} has nothing that can be run")
    argv = await _prepared(sandbox, found)
    project = await looked_at(sandbox, folder)
    paths = [project.environment.get("PYTHONPATH", ""), f"/work/{folder}", f"/work/{folder}/src"]
    env = {**project.environment, "PYTHONPATH": ":".join(filter(None, paths)), "PYTHONDONTWRITEBYTECODE": "1"}
    result = await sandbox.exec(argv, cwd=f"/work/{folder}", env=env, timeout=SECONDS)
    state, why = compared(issue, result)
    return Reproduction(
        key=issue.key,
        state=state,
        command=found.text if found.kind == "command" else "the report's snippet",
        output=_end(result),
        seconds=round(result.seconds, 2),
        says=f"{issue.key}: {why}"[:300],
    )


async def _prepared(sandbox: Sandbox, found: Runnable) -> list[str]:
    if found.kind == "command":
        words = shlex.split(found.text)
        return ["python3", *words[1:]] if words[0].startswith("python") else ["python3", "-m", *words]
    await sandbox.write(SNIPPET, found.text.encode("utf-8", "replace"))
    return ["python3", f"/work/{SNIPPET}"]


def compared(issue: Issue, result: Result) -> tuple[str, str]:
    """What it shows, and why. `reproduced` takes the exception that the report names, or that it hangs as reported."""
    told = reported(issue)
    if result.timed_out:
        if _HANGS.search(f"{issue.title}\n{issue.body[:5000]}"):
            return "reproduced", f"it did not end in {SECONDS:.0f} s, as reported"
        return "could not", f"it did not end in {SECONDS:.0f} s"
    seen = raised(result)
    if seen and seen in told:
        return "reproduced", f"the same {seen}"
    if seen in ("ModuleNotFoundError", "ImportError", "SyntaxError", "IndentationError"):
        return "could not", f"it needs something that is not here, or can't be read ({seen})"
    if seen or result.exit_code:
        what = seen or f"exit code {result.exit_code}"
        return "other", f"{what}, and the report tells of {', '.join(told[:2]) or 'no exception'}"
    if told:
        return "did not", f"it ended without {told[0]}"
    return "could not", "it ran to its end, and the report names no exception to compare with"


def reported(issue: Issue) -> list[str]:
    """The exceptions that a report tells of: the ones that ended a traceback first."""
    body = texts.bounded(issue.body).replace("\r\n", "\n")
    ended = _LAST.findall(body)
    return list(dict.fromkeys((*reversed(ended), *texts.read(issue).exceptions)))


def raised(result: Result) -> str:
    """The exception that ended the program."""
    if not result.exit_code:
        return ""
    found = _LAST.findall(result.stderr.decode(errors="replace")[-20_000:])
    return str(found[-1]) if found else ""


def _end(result: Result) -> str:
    both = (result.stdout[-MOST_OUTPUT:] + result.stderr[-MOST_OUTPUT:]).decode(errors="replace")
    return both[-MOST_OUTPUT:]

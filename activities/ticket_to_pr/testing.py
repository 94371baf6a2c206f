"""Running a project's tests in a sandbox, and what became of each of them."""

import json
from collections.abc import Iterable, Sequence
from typing import get_args

from activities.machine.toolchain import PLUGIN, REPORT
from contracts.errors import CommandNotFound, NotFound
from contracts.ticket import Project, Proof, TestRun, TestState
from sandboxes.protocol import Sandbox

RESULTS = ".countersign-report.jsonl"  # beside the repository, and not in it
MOST_TESTS = 50_000
MOST_BYTES = 32 << 20
OUTPUT = 20_000  # characters of the end that are kept
STATES = get_args(TestState)
WORSE: dict[TestState, int] = {"skipped": 0, "passed": 1, "failed": 2, "error": 3}


async def run_tests(
    sandbox: Sandbox, folder: str, project: Project, seconds: float, *, only: Sequence[str] = ()
) -> TestRun:
    """One run. What the tests write about themselves is their own word, so it is read as data and bounded.

    Where nothing says how the project is tested, nothing is run, and that is no pass. Raises CommandNotFound, naming
    what the project needs and the machine does not have.
    """
    if not project.test:
        return TestRun(command=(), exit_code=0, seconds=0, says="nothing says how this project is tested")
    command = (*project.test, *(("-p", PLUGIN, "-p", "no:cacheprovider") if project.is_pytest else ()), *only)
    await sandbox.write(RESULTS, b"")
    try:
        result = await sandbox.exec(
            command,
            cwd=f"/work/{folder}",
            env={**project.environment, REPORT: f"/work/{RESULTS}"},
            timeout=seconds,
        )
    except CommandNotFound as error:
        raise CommandNotFound(
            f"The project's tests need {command[0]!r}, which this machine does not have.",
            subject=command[0],
            way_out="Name another test command, or an image that has it.",
        ) from error
    said = "\n".join(part.decode(errors="replace").strip() for part in (result.stdout, result.stderr)).strip()
    tests = await _told(sandbox) if project.is_pytest else {}
    run = TestRun(
        command=command,
        exit_code=result.exit_code,
        seconds=round(result.seconds, 2),
        tests=tests,
        output=said[-OUTPUT:],
    )
    return run.model_copy(update={"says": summary(run, timed_out=result.timed_out)})


async def _told(sandbox: Sandbox) -> dict[str, TestState]:
    try:
        data = await sandbox.read(RESULTS, limit=MOST_BYTES)
    except NotFound:
        return {}
    return states(data.decode(errors="replace").splitlines())


def states(lines: Iterable[str]) -> dict[str, TestState]:
    """The worst that each test came to. Lines that are none of ours are passed over."""
    found: dict[str, TestState] = {}
    for line in lines:
        try:
            row = json.loads(line)
            name, state = str(row["test"])[:500], row["state"]
        except (ValueError, KeyError, TypeError):
            continue
        if state in STATES and (name in found or len(found) < MOST_TESTS):
            found[name] = max(found.get(name, "skipped"), state, key=lambda each: WORSE[each])
    return found


def summary(run: TestRun, *, timed_out: bool = False) -> str:
    """A run in a few words."""
    if timed_out:
        return f"the tests were killed after {run.seconds:.0f} s"
    if not run.tests:
        return f"the tests {'pass' if run.passed else f'fail (exit code {run.exit_code})'}, {run.seconds:.1f} s"
    failing = len(run.failing)
    passing = sum(state == "passed" for state in run.tests.values())
    return f"{passing:,} pass, {failing:,} fail, {run.seconds:.1f} s"


def as_a_whole(proof: Proof) -> str:
    """What speaks for a fix where no single test does, in a few words; empty where nothing does."""
    if not proof.command_fixed:
        return ""
    return "the tests as a whole, on the old code" if proof.old_fails else "the tests as a whole"

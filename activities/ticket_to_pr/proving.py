"""The proof: the tests before and after, new tests on the old code, lint, and what the change touches."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from activities.ticket_to_pr.changes import Change, changed
from activities.ticket_to_pr.flags import flags, is_test
from activities.ticket_to_pr.testing import run_tests
from contracts.errors import CommandNotFound
from contracts.repair import RepairResult
from contracts.ticket import Project, Proof, Prove, TestRun, TestState
from ledger import ArtifactStore
from sandboxes.protocol import Sandbox

OLD = ".countersign-old"
MOST_LINT = 4_000
SUSPECTS = 8


async def prove(
    sandbox: Sandbox, folder: str, base: str, request: Prove, artifacts: ArtifactStore, seconds: float
) -> Proof:
    """Everything is measured here, on the work tree as it is. What an agent said of it plays no part."""
    before = await asyncio.to_thread(artifacts.get_model, TestRun, request.before)
    change = await changed(sandbox, folder, base, artifacts)
    after = await run_tests(sandbox, folder, request.project, seconds)
    proof = compared(before, after).model_copy(update={"files": change.files})
    old = _OldCode(sandbox, folder, base, request.project, _tests_of(change), seconds)
    if proof.added:
        proof = proof.model_copy(update={"added_fail_before": await old.fails_at(proof.added)})
    elif not after.tests and before.passed and after.passed:
        proof = proof.model_copy(update={"old_fails": await old.fails()})
    proof = proof.model_copy(update=await _linted(sandbox, folder, request.project, change))
    proof = proof.model_copy(update={"suspects": await _suspects(request, artifacts)})
    return proof.model_copy(update={"flags": flags(proof, change.left_out)})


def compared(before: TestRun, after: TestRun) -> Proof:
    """Test by test. One that is not named on a side was not there."""
    bad = ("failed", "error")
    old, new = before.tests, after.tests
    both = [name for name in old if name in new]
    return Proof(
        before=before,
        after=after,
        fixed=tuple(name for name in both if old[name] in bad and new[name] == "passed"),
        broken=tuple(name for name in both if old[name] == "passed" and new[name] in bad),
        still=tuple(name for name in both if old[name] in bad and new[name] in bad),
        # A file that could not be collected is named by itself before, and by its tests after.
        gone=tuple(
            name
            for name in old
            if name not in new and not any(each.startswith(f"{name}::") for each in new) and old[name] != "skipped"
        ),
        added=tuple(
            name for name in new if name not in old and new[name] == "passed" and not _was_uncollected(name, old)
        ),
    )


def _was_uncollected(name: str, old: Mapping[str, TestState]) -> bool:
    return name.split("::", 1)[0] in old


# npm's packages lie in the work tree, and are no part of a commit.
MAKE_OLD = (
    'rm -rf -- "$OLD" && mkdir -- "$OLD" && git -C "$REPO" archive --format=tar "$1" | tar -x -C "$OLD" && '
    'if [ -d "$REPO/node_modules" ] && [ ! -e "$OLD/node_modules" ]; then '
    'ln -s -- "$REPO/node_modules" "$OLD/node_modules"; fi'
)
ADD_TESTS = (
    'for path in "$@"; do mkdir -p -- "$(dirname -- "$OLD/$path")" && cp -- "$REPO/$path" "$OLD/$path" || exit 1; done'
)


def _tests_of(change: Change) -> tuple[str, ...]:
    return tuple(file.path for file in change.files if file.ref and is_test(file.path))


@dataclass(frozen=True)
class _OldCode:
    """The code as it was in a folder of its own, to which the changed files of tests are added."""

    sandbox: Sandbox
    folder: str
    base: str
    project: Project
    tests: tuple[str, ...]
    seconds: float

    async def fails_at(self, added: Sequence[str]) -> tuple[str, ...]:
        """Which new tests fail where only the tests are new: those that would have shown the bug."""
        if not await self._sh(MAKE_OLD, self.base) or not await self._sh(ADD_TESTS, *self.tests):
            return ()
        files = sorted({name.split("::", 1)[0] for name in added})
        ran = await self._run(files)
        await self._remove()
        missed = {name for name, state in ran.tests.items() if state in ("failed", "error")}
        return tuple(name for name in added if name in missed or name.split("::", 1)[0] in missed)

    async def fails(self) -> bool:
        """Of a command that names no tests: whether the old code passes here by itself, and not with the tests as they
        are now. Without the first, anything that only the work tree has would look like a failing test."""
        if not self.tests or not await self._sh(MAKE_OLD, self.base):
            return False
        fails = (await self._run()).passed and await self._sh(ADD_TESTS, *self.tests) and not (await self._run()).passed
        await self._remove()
        return fails

    async def _run(self, only: Sequence[str] = ()) -> TestRun:
        return await run_tests(self.sandbox, OLD, self.project, self.seconds, only=only)

    async def _sh(self, script: str, *arguments: str) -> bool:
        places = {"OLD": f"/work/{OLD}", "REPO": f"/work/{self.folder}"}
        return (await self.sandbox.exec(["sh", "-c", script, "sh", *arguments], env=places)).exit_code == 0

    async def _remove(self) -> None:
        await self.sandbox.exec(["rm", "-rf", "--", f"/work/{OLD}"])


async def _linted(sandbox: Sandbox, folder: str, project: Project, change: Change) -> dict[str, object]:
    """The project's own lint, on the changed files only: what was there before is nobody's news."""
    files = [file.path for file in change.files if file.ref and file.path.endswith(".py")]
    if not project.lint or not files:
        return {"lint": "", "lint_ok": True}
    try:
        result = await sandbox.exec((*project.lint[:-1], *files), cwd=f"/work/{folder}", timeout=120)
    except CommandNotFound:
        return {"lint": f"{project.lint[0]} is not on the machine", "lint_ok": True}
    said = (result.stdout + result.stderr).decode(errors="replace").strip()
    return {"lint": said[-MOST_LINT:], "lint_ok": result.exit_code == 0}


async def _suspects(request: Prove, artifacts: ArtifactStore) -> tuple[str, ...]:
    if not request.repair:
        return ()
    found = await asyncio.to_thread(artifacts.get_model, RepairResult, request.repair)
    return tuple(
        f"{each.file}:{each.line}{f' {each.function}()' if each.function else ''}: {', '.join(each.reasons)}"
        for each in found.suspects[:SUSPECTS]
    )


def why_not(proof: Proof) -> str:
    """What the tests say against it, for whoever tries again; empty where it holds."""
    if proof.holds:
        return ""
    if not proof.files:
        return "Nothing was changed."
    found = []
    if proof.broken:
        found.append(f"These tests passed before and fail now: {', '.join(proof.broken[:10])}.")
    if proof.command_broken and not proof.broken:
        found.append("The tests as a whole passed before and fail now.")
    if proof.gone:
        found.append(f"These tests are gone: {', '.join(proof.gone[:10])}.")
    if proof.still:
        found.append(f"These tests still fail: {', '.join(proof.still[:10])}.")
    if not found:
        found.append("No test that failed before passes now, and no new test fails on the old code.")
    return " ".join([*found, f"The end of their output:\n{proof.after.output[-4000:]}"])

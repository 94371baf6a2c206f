"""What a reviewer has to see before the diff: the ways in which a change can look like a fix and be none. Pure."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath

from contracts.ticket import FileDiff, Flag, Proof

TEST_FILE = re.compile(
    r"(^|/)(tests?|specs?|__tests__)/|(^|/)(test_[^/]*|[^/]*_test|[^/]*\.(test|spec))\.\w+$|conftest\.py$"
)
SKIPS = re.compile(r"pytest\.(mark\.)?(skip|xfail|importorskip)|unittest\.skip|\b(it|test|describe)\.skip\(|#\[ignore")
ASSERTS = re.compile(r"\bassert|\.assert[A-Z]\w*\(|\bexpect\(|pytest\.raises|\bt\.(Error|Fatal)")
SILENCED = re.compile(
    r"except( Exception| BaseException)?\s*:\s*(pass)?\s*$|# ?(noqa|type: ignore|nosec)|eslint-disable"
)
DEPENDENCIES = {
    *("pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "poetry.lock", "uv.lock", "pdm.lock", "Pipfile"),
    *("Pipfile.lock", "package.json", "package-lock.json", "yarn.lock", "pnpm-lock.yaml", "Cargo.toml", "Cargo.lock"),
    *("go.mod", "go.sum", "Gemfile", "Gemfile.lock", "pom.xml", "build.gradle"),
}
MACHINERY = re.compile(
    r"^(\.github|\.gitlab|\.circleci|\.ci)/|^\.gitlab-ci\.yml$|^Jenkinsfile$|(^|/)Makefile$|(^|/)tox\.ini$"
)


def is_test(path: str) -> bool:
    return TEST_FILE.search(path) is not None


def flags(proof: Proof, left_out: Sequence[str]) -> tuple[Flag, ...]:
    """All that applies, the worst first."""
    return (*_proof(proof), *_tests(proof), *_files(proof), *(Flag(says=f"Not part of it, {why}") for why in left_out))


def _proof(proof: Proof) -> list[Flag]:
    found = []
    if not proof.was_red:
        found.append(
            Flag(says="No test failed before this change and passes after it: nothing proves that it is a fix.")
        )
    if proof.broken:
        says = _count(proof.broken, "passed before and fails now", "passed before and fail now")
        found.append(Flag(says=f"{says}: {_some(proof.broken)}"))
    elif proof.command_broken:
        found.append(Flag(says="The tests as a whole passed before and fail now."))
    if proof.still:
        says = _count(proof.still, "failed before and still fails", "failed before and still fail")
        found.append(Flag(says=f"{says}: {_some(proof.still)}", red=False))
    return found


def _tests(proof: Proof) -> list[Flag]:
    found = []
    if proof.gone:
        says = _count(proof.gone, "ran before and is gone", "ran before and are gone")
        found.append(Flag(says=f"{says}: {_some(proof.gone)}"))
    tests = [file for file in proof.files if is_test(file.path)]
    for file in tests:
        lost = _lines(file, "-", ASSERTS) - _lines(file, "+", ASSERTS)
        if lost > 0:
            found.append(Flag(says=f"{file.path} checks less than before: {lost} assertion{'s' * (lost > 1)} fewer"))
        if _lines(file, "+", SKIPS) > _lines(file, "-", SKIPS):
            found.append(Flag(says=f"{file.path} skips tests that ran before, or expects them to fail"))
    if tests and len(tests) == len(proof.files):
        found.append(Flag(says="Only tests were changed."))
    new = set(proof.added) - set(proof.added_fail_before)
    if proof.added and new:
        says = _count(sorted(new), "is new and passes on the old code, too", "are new and pass on the old code, too")
        found.append(Flag(says=f"{says}: {_some(sorted(new))}", red=False))
    return found


def _files(proof: Proof) -> list[Flag]:
    found = []
    for file in proof.files:
        name = PurePosixPath(file.path).name
        if name in DEPENDENCIES or re.fullmatch(r"requirements[\w.-]*\.txt", name):
            found.append(Flag(says=f"Dependencies or their settings are changed: {file.path}"))
        if MACHINERY.search(file.path):
            found.append(Flag(says=f"The machinery that builds and tests is changed: {file.path}"))
        if _lines(file, "+", SILENCED) > _lines(file, "-", SILENCED):
            found.append(Flag(says=f"{file.path} silences an error or a check that spoke before"))
    if not proof.lint_ok:
        found.append(Flag(says="Lint finds something in the changed files", red=False))
    return found


def _lines(file: FileDiff, sign: str, pattern: re.Pattern[str]) -> int:
    heads = ("+++ ", "--- ")
    return sum(
        line.startswith(sign) and not line.startswith(heads) and pattern.search(line[1:]) is not None
        for line in file.diff.splitlines()
    )


def _count(tests: Sequence[str], one: str, many: str) -> str:
    return f"1 test {one}" if len(tests) == 1 else f"{len(tests):,} tests {many}"


def _some(names: Sequence[str], most: int = 3) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more

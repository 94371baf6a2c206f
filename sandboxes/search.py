"""Searching and comparing, done by ripgrep and git inside the sandbox: what they read may be hostile."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from contracts.errors import BadInput, CommandNotFound, NotARepository, NotFound, TookTooLong, UnknownRange
from sandboxes.beneath import relative
from sandboxes.protocol import Diff, Found, Match, Result, Sandbox

LONGEST_LINE = 2000
# ripgrep tells of a binary file in between, on a line of its own.
BINARY = re.compile(rb"\A(?:[^\n]*: binary file matches \([^\n]*\)\n)+")
RIPGREP = (
    *("rg", "--no-config", "--color=never", "--no-heading", "--with-filename", "--line-number", "--null"),
    *("--hidden", "--glob=!.git", f"--max-columns={LONGEST_LINE}", "--max-columns-preview"),
)
# Where there is no ripgrep. Perl's expressions are the nearest to its own; ignore files are not looked at.
GREP = (
    "grep",
    "--recursive",
    "--color=never",
    "-I",
    "--with-filename",
    "--line-number",
    "--null",
    "--exclude-dir=.git",
)
# The repository is not touched: its index is copied, and new objects go to a temporary folder.
DIFF = """
objects=$(git rev-parse --path-format=absolute --git-path objects) || exit 128
git rev-parse --quiet --verify --end-of-options "$1^{tree}" >/dev/null || exit 129
index=$(git rev-parse --path-format=absolute --git-path index)
cd "$(git rev-parse --show-toplevel)" || exit 128
aside=$(mktemp -d) || exit 128
trap 'rm -rf -- "$aside"' EXIT
[ ! -f "$index" ] || cp -- "$index" "$aside/index"
mkdir "$aside/objects"
export GIT_INDEX_FILE="$aside/index" GIT_OBJECT_DIRECTORY="$aside/objects"
export GIT_ALTERNATE_OBJECT_DIRECTORIES="$objects"
git add --all && git diff --cached --no-color --no-ext-diff --no-textconv --end-of-options "$1"
"""
NOT_A_REPOSITORY, NO_SUCH_BASE = 128, 129


class _Enough(Exception):
    """The search has found as many as were asked for."""


@dataclass
class _Matches:
    """Takes `path NUL line : text NEWLINE` as it comes. A path may hold a newline; a text can't."""

    limit: int
    found: list[Match] = field(default_factory=list)
    rest: bytes = b""

    def take(self, chunk: bytes) -> None:
        data, start = self.rest + chunk, 0
        while (zero := data.find(b"\0", start)) >= 0 and (end := data.find(b"\n", zero)) >= 0:
            if len(self.found) == self.limit:
                raise _Enough
            self._add(BINARY.sub(b"", data[start:zero]), data[zero + 1 : end])
            start = end + 1
        self.rest = data[start:]

    def _add(self, path: bytes, record: bytes) -> None:
        number, _, text = record.partition(b":")
        name = path.decode("utf-8", "surrogateescape").removeprefix("./")
        self.found.append(Match(name, int(number), text[:LONGEST_LINE].decode(errors="replace")))


async def search(sandbox: Sandbox, pattern: str, *, path: str, glob: str, literal: bool, limit: int) -> Found:
    """See `sandboxes.protocol.Sandbox.search`."""
    where = "." if relative(path) == "." else f"./{relative(path)}"
    if "\n" in pattern:
        raise BadInput("A search looks within lines, so the pattern can't hold a newline.", subject=repr(pattern))
    try:
        words = (*RIPGREP, *(("--fixed-strings",) if literal else ()), *((f"--glob={glob}",) if glob else ()))
        return await _run(sandbox, (*words, "--regexp", pattern, "--", where), limit)
    except CommandNotFound:
        words = (*GREP, "--fixed-strings" if literal else "--perl-regexp", *((f"--include={glob}",) if glob else ()))
        return await _run(sandbox, (*words, "--regexp", pattern, "--", where), limit)


async def _run(sandbox: Sandbox, argv: Sequence[str], limit: int) -> Found:
    matches = _Matches(limit)
    try:
        result = await sandbox.exec(argv, on_stdout=matches.take)
    except _Enough:
        return Found(tuple(sorted(matches.found)), truncated=True)
    _check(result, argv)
    return Found(tuple(sorted(matches.found)), truncated=result.truncated)


def _check(result: Result, argv: Sequence[str]) -> None:
    """Exit code 1 is "nothing found"; 2 is an error, but also a single file that couldn't be read."""
    words = result.stderr.decode(errors="replace").strip()
    if result.timed_out:
        raise TookTooLong("The search did not finish in time.", subject=argv[-1], way_out="Search a smaller folder.")
    if "regex parse error" in words or "error parsing glob" in words or re.match(r"grep: (?!\./)", words):
        raise BadInput(f"The search pattern can't be used: {words}.", subject=argv[-3])
    if result.exit_code == 2 and "No such file" in words and argv[-1] in words.splitlines()[0]:
        raise NotFound(f"There is no {argv[-1]!r} in the sandbox.", subject=argv[-1])


async def diff(sandbox: Sandbox, folder: str, base: str) -> Diff:
    """See `sandboxes.protocol.Sandbox.diff`."""
    where = f"/work/{relative(folder)}"
    result = await sandbox.exec(["sh", "-c", DIFF, "sh", base], cwd=where, env={"GIT_OPTIONAL_LOCKS": "0"})
    words = result.stderr.decode(errors="replace").strip()
    if result.timed_out:
        raise TookTooLong("Comparing did not finish in time.", subject=folder)
    if result.exit_code == NO_SUCH_BASE:
        raise UnknownRange(f"The repository has no {base!r}.", subject=base)
    if result.exit_code != 0:
        raise NotARepository(f"{folder!r} is not a repository that git can compare: {words}.", subject=folder)
    return Diff(result.stdout, result.truncated)

"""git-cliff and conventional-changelog on the same rows, in repositories rebuilt from the subjects and bodies.

Each repository of the data becomes one line of empty commits (`git fast-import`), so the tools see what the bench's
rows say and no more. Both run with their defaults; conventional-changelog needs a preset, and gets Angular's.
Where npm can't bring them, the figure is null and `why` says what happened.
"""

import json
import re
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from tests.bench.changelog_rows import Judged, tally, total

PACKAGES = ("git-cliff", "conventional-changelog", "conventional-changelog-angular")
SECONDS = 180.0

Select = Callable[[Path, Path], Iterable[str]]


def git_cliff(data: dict[str, list[Judged]]) -> dict[str, Any]:
    """f1 of what git-cliff puts into a changelog by default."""
    return _compare(data, _cliff)


def conventional_changelog(data: dict[str, list[Judged]]) -> dict[str, Any]:
    """f1 of what conventional-changelog puts into a changelog with the Angular preset."""
    return _compare(data, _conventional)


def _compare(data: dict[str, list[Judged]], select: Select) -> dict[str, Any]:
    try:
        programs = _programs()
        return total(_tally(releases, programs, select) for releases in data.values()).figures()
    except (OSError, subprocess.SubprocessError, ValueError) as problem:
        return {"f1": None, "why": f"{type(problem).__name__}: {str(problem)[:200]}"}


@lru_cache(maxsize=1)
def _programs() -> Path:
    """The folder of the installed programs. OSError or SubprocessError where npm can't bring them."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-bench-"))
    _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(folder), *PACKAGES], folder)
    return folder / "node_modules" / ".bin"


def _tally(releases: Sequence[Judged], programs: Path, select: Select) -> Any:
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as name:
        original = _rebuild(releases, Path(name))
        found = [original[sha] for sha in _full(select(programs, Path(name)), original)]
    chosen: dict[str, set[str]] = {}
    for version, sha in found:
        chosen.setdefault(version, set()).add(sha)
    return tally(releases, {version: frozenset(shas) for version, shas in chosen.items()})


def _full(shas: Iterable[str], original: dict[str, tuple[str, str]]) -> list[str]:
    by_prefix = {sha[:7]: sha for sha in original}
    return sorted({by_prefix[sha[:7]] for sha in shas if sha[:7] in by_prefix})


def _rebuild(releases: Sequence[Judged], folder: Path) -> dict[str, tuple[str, str]]:
    """A repository with one commit a change; the new SHA to the version and SHA of the row."""
    rows = [(j.release.version, change) for j in releases for change in j.release.changes]
    stream = bytearray()
    for mark, (_, change) in enumerate(rows, start=1):
        message = f"{change.subject}\n\n{change.body}".strip().encode() + b"\n"
        who = f"Bench <bench@example.invalid> {1_500_000_000 + 60 * mark} +0000"
        stream += f"commit refs/heads/main\nmark :{mark}\nauthor {who}\ncommitter {who}\n".encode()
        stream += f"data {len(message)}\n".encode() + message + b"\n"
    _run(["git", "init", "-q", "-b", "main", "."], folder)
    _run(["git", "fast-import", "--quiet", "--export-marks=.git/marks"], folder, bytes(stream))
    (folder / "package.json").write_text('{"name": "bench", "version": "1.0.0"}', encoding="utf-8")
    marks = (line.split() for line in (folder / ".git" / "marks").read_text().splitlines())
    return {sha: (rows[int(mark[1:]) - 1][0], rows[int(mark[1:]) - 1][1].sha) for mark, sha in marks}


def _cliff(programs: Path, folder: Path) -> Iterable[str]:
    releases = json.loads(_run([str(programs / "git-cliff"), "--context"], folder))
    return [commit["id"] for release in releases for commit in release["commits"]]


def _conventional(programs: Path, folder: Path) -> Iterable[str]:
    command = [str(programs / "conventional-changelog"), "-p", "angular", "-r", "0", "--stdout"]
    return re.findall(r"\b[0-9a-f]{7}\b", _run(command, folder))


def _run(command: Sequence[str], folder: Path, sent: bytes = b"") -> str:
    done = subprocess.run(command, cwd=folder, input=sent, capture_output=True, timeout=SECONDS, check=True)
    return done.stdout.decode("utf-8", "replace")

"""How our reading and drafting of a long history compares with `git log` itself and with git-cliff.

    python -m tests.bench.changelog_scale [--commits 100000]

A synthetic repository is built through `git fast-import`; its subjects are conventional ones, since git-cliff skips any
other by default. Each contender reads the whole history in a process of its
own. `seconds` are of the wall: ours are of gathering and composing in a worker that is up, and `process_seconds` counts
its start, too. `peak_mb` is the largest resident set of any process it started. `git log` prints what we read (messages
and changed files); git-cliff writes a changelog with its own defaults, and is null where npm can't install it. The last
line is one JSON object.
"""

import argparse
import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.support.repositories import QUIET, build, git, many

ME = "tests.bench.changelog_scale"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--commits", type=int, default=100_000)
    parser.add_argument("--ours", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.ours:
        asyncio.run(ours(options.ours))
        return
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(compare(Path(folder), options.commits)))


def compare(folder: Path, commits: int) -> dict[str, object]:
    """Run the three, one after the other."""
    print(f"building a repository of {commits:,} commits", file=sys.stderr)
    repository = build(folder / "repository", many(commits, conventional=True))
    git(repository, "repack", "-adq")
    found: dict[str, object] = {"commits": commits}
    inside = [sys.executable, "-m", ME, "--ours", str(repository)]
    whole = measured(inside, Path.cwd(), os.environ, keep=folder / "ours.json")
    found |= {"process_seconds": whole["seconds"], "peak_mb": whole["peak_mb"]}
    found |= json.loads((folder / "ours.json").read_text())
    found |= _named("git_log_", measured(LOG, repository, QUIET))
    cliff = git_cliff(folder / "npm")
    found |= _named("git_cliff_", measured([cliff], repository, QUIET) if cliff else None)
    return found | ratios(found)


LOG = ("git", "log", "--first-parent", "--numstat", "--no-renames", "-z")


def _named(prefix: str, figures: Mapping[str, float] | None) -> dict[str, object]:
    names = ("seconds", "peak_mb")
    return {prefix + name: figures[name] if figures else None for name in names}


def ratios(found: Mapping[str, object]) -> dict[str, object]:
    """Ours to theirs: below one is better."""
    told: dict[str, object] = {}
    for other in ("git_log", "git_cliff"):
        for name in ("seconds", "peak_mb"):
            mine, theirs = found[name], found[f"{other}_{name}"]
            known = isinstance(mine, float) and isinstance(theirs, float)
            told[f"{name}_to_{other}"] = round(mine / theirs, 2) if known else None  # type: ignore[operator]
    return told


def measured(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], keep: Path | None = None
) -> dict[str, float]:
    """Wall seconds, and the peak resident set in MB, of a command and what it waited for."""
    began = time.perf_counter()
    with (keep or Path(os.devnull)).open("wb") as out:
        process = subprocess.Popen(command, cwd=folder, env=dict(environment), stdout=out)
        _, status, used = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return {"seconds": round(seconds, 2), "peak_mb": round(used.ru_maxrss / 1024, 1)}


def git_cliff(folder: Path) -> str | None:
    """The path of git-cliff's binary, installed into a folder of its own; None where that fails."""
    npm = shutil.which("npm")
    if npm is None:
        print("npm is not here, so git-cliff is not compared with", file=sys.stderr)
        return None
    folder.mkdir()
    command = [npm, "install", "--silent", "--no-fund", "--no-audit", "--prefix", str(folder), "git-cliff"]
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, timeout=300)
    binaries = sorted(folder.glob("node_modules/git-cliff-*/bin/git-cliff"))
    if not binaries:
        print("git-cliff could not be installed, so it is not compared with", file=sys.stderr)
        return None
    return str(binaries[0])


async def ours(repository: Path) -> None:
    """Gather and compose as the worker does; print how long each took."""
    from activities.changelog.compose import ChangelogComposing
    from activities.changelog.gather import ChangelogGathering
    from activities.toolbox import Identity, Toolbox
    from contracts.changelog import ComposeRequest, GatherRequest
    from ledger import FolderArtifacts, Ledger
    from sandboxes.bubblewrap import Bubblewrap

    with tempfile.TemporaryDirectory() as folder:
        state = Path(folder)
        artifacts = FolderArtifacts(state / "artifacts")
        ledger = Ledger.open(f"sqlite:///{state / 'ledger.db'}", artifacts)
        toolbox = Toolbox(ledger, artifacts, Bubblewrap(state / "sandboxes"), None, Identity(), state)
        began = time.perf_counter()
        found = await ChangelogGathering(toolbox).gather(GatherRequest(repository=str(repository), since="1970-01-02"))
        read = time.perf_counter()
        draft = await ChangelogComposing(toolbox).compose(ComposeRequest(history=found.history, heading="Unreleased"))
        done = time.perf_counter()
        ledger.close()
    figures = {"seconds": done - began, "gather_seconds": read - began, "compose_seconds": done - read}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()} | {"lines": draft.lines}))


if __name__ == "__main__":
    main()

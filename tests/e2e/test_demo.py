"""`countersign demo` with nobody at the keyboard, on a repository that is not this one."""

import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository, state_of
from workers.devserver import Binary

ROOT = Path(__file__).parents[2]


def test_the_whole_story_ends_by_itself(temporal_binary: Binary, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    before = state_of(repository)
    done = subprocess.run(
        [sys.executable, "-m", "workers", "demo", "--repo", str(repository)],
        cwd=tmp_path,
        env={
            "PATH": f"{temporal_binary.path.parent}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "HOME": str(tmp_path),
            "CI": "true",
            "COLUMNS": "160",
            "NO_COLOR": "1",
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    said = done.stdout
    assert done.returncode == 0, said + done.stderr
    for sentence in (
        "Inbox:",
        "Temporal UI:",
        "Nobody is at the keyboard",
        "kill -9",
        "It was started again",
        "Effects recorded: 1",
        "Nothing is left running",
        "none was changed or removed",
        "Countersign-Digest",
    ):
        assert sentence in said, f"{sentence!r} is missing:\n{said}"
    [branch] = branches(repository)
    assert git(repository, "rev-list", "--count", f"HEAD..{branch}") == "1"
    assert state_of(repository) == before
    left = [each for each in psutil.process_iter(["cmdline"]) if str(tmp_path) in " ".join(each.info["cmdline"] or [])]
    assert left == []

"""`countersign demo-bugs` with nobody at the keyboard: a whole night on generated reports."""

import os
import subprocess
import sys
from pathlib import Path

from workers.devserver import Binary

ROOT = Path(__file__).parents[2]
SENTENCES = (
    "Generated for this demo: no person, report or package in them is real.",
    "Nobody is at the keyboard",
    "1 blocks the release",
    "the same ValueError",
    "a page of choices",
    "Nothing is left running",
    "none was changed or removed",
    "No model was asked.",
)


def test_a_night_ends_with_what_was_signed_beside_the_reports(temporal_binary: Binary, tmp_path: Path) -> None:
    path = f"{temporal_binary.path.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "workers", "demo-bugs"],
        cwd=tmp_path,
        env={"PATH": path, "PYTHONPATH": str(ROOT), "CI": "true", "NO_COLOR": "1", "HOME": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    said = " ".join(done.stdout.split())
    assert [each for each in SENTENCES if each not in said] == []
    assert "admin" not in (tmp_path / ".demo" / "generated-reports" / "reports.jsonl.updates.jsonl").read_text()

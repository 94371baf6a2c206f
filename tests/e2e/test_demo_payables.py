"""`countersign demo-payables` with nobody at the keyboard: a whole morning on generated books."""

import os
import subprocess
import sys
from pathlib import Path

from workers.devserver import Binary

ROOT = Path(__file__).parents[2]
SENTENCES = (
    "Generated for this demo: no company, account or amount in them is real.",
    "Nobody is at the keyboard",
    "It seems to repeat",
    "A changed account: one signature is not enough",
    "1 of 2 by approver or reviewer. It still waits.",
    "Nothing is left running",
    "none was changed or removed",
)


def test_a_morning_ends_with_files_in_the_outbox(temporal_binary: Binary, tmp_path: Path) -> None:
    path = f"{temporal_binary.path.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "workers", "demo-payables"],
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
    assert len(list((tmp_path / ".demo" / "outbox").glob("*.xml"))) >= 2

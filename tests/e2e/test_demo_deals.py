"""`countersign demo-deals` with nobody at the keyboard: a whole morning of a generated company."""

import json
import os
import subprocess
import sys
from pathlib import Path

from workers.devserver import Binary

ROOT = Path(__file__).parents[2]
SENTENCES = (
    "no company, deal or person is real.",
    "Nobody is at the keyboard",
    "ranked by a model of this company's deals",
    "The run ended: done.",
    "Nothing is left running",
    "none was changed or removed",
)


def test_a_morning_ends_with_tasks_in_the_outbox(temporal_binary: Binary, tmp_path: Path) -> None:
    path = f"{temporal_binary.path.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "workers", "demo-deals"],
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
    files = list((tmp_path / ".demo" / "generated-deals" / "outbox").glob("*.json"))
    assert f"{len(files)} in all." in said
    assert {json.loads(each.read_text())["owner"] for each in files} == {"Ana", "Ben", "Chi"}

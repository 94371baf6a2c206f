"""A demo as it ends by itself with nobody at the keyboard."""

import os
import subprocess
import sys
from pathlib import Path

from workers.devserver import Binary

ROOT = Path(__file__).parents[2]


def unattended(command: str, temporal: Binary, folder: Path) -> str:
    """What `countersign COMMAND` said, run in that folder to its good end, its white space made single blanks."""
    path = f"{temporal.path.parent}:{os.environ['PATH']}"
    done = subprocess.run(
        [sys.executable, "-m", "workers", command],
        cwd=folder,
        env={"PATH": path, "PYTHONPATH": str(ROOT), "CI": "true", "NO_COLOR": "1", "HOME": str(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return " ".join(done.stdout.split())

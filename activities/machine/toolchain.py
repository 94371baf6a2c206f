"""What every machine finds at /opt/countersign: pytest, for projects whose own environment is not there, and a plugin
by which it says what became of each test. Copied from this worker's environment; read-only inside.
"""

import fcntl
import hashlib
import os
import shutil
from importlib import metadata
from pathlib import Path

from sandboxes.protocol import Mount

TARGET = "/opt/countersign"
PYTHON = f"{TARGET}/python"
PIP = f"{TARGET}/pip"  # beside it: tests shall not find it
PARTS = ("pytest", "pluggy", "iniconfig", "packaging", "pygments")  # pure Python, for any interpreter inside
PLUGIN = "countersign_report"
REPORT = "COUNTERSIGN_REPORT"

REPORTING = f'''"""One JSON line a test phase, into the file that {REPORT} names."""
import json
import os


def pytest_runtest_logreport(report):
    worst = report.outcome if report.when == "call" or report.outcome != "passed" else ""
    if worst == "failed" and report.when != "call":
        worst = "error"
    if worst:
        _write({{"test": report.nodeid, "state": worst}})


def pytest_collectreport(report):
    if report.failed:
        _write({{"test": report.nodeid or "collection", "state": "error"}})


def _write(row):
    path = os.environ.get("{REPORT}")
    if path:
        with open(path, "a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\\n")
'''


def mount(state: Path) -> Mount:
    """The folder, made once for each version of what is in it."""
    versions = [f"{name} {metadata.version(name)}" for name in (*PARTS, "pip")]
    name = hashlib.sha256("\n".join([*versions, REPORTING]).encode()).hexdigest()[:16]
    folder = state / "toolchains" / name
    if not folder.is_dir():
        _make(folder)
    return Mount(folder, TARGET)


def _make(folder: Path) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if folder.is_dir():
            return
        new = folder.with_name(f".{folder.name}.{os.getpid()}")
        shutil.rmtree(new, ignore_errors=True)
        for part in PARTS:
            _copy(part, new / "python")
        _copy("pip", new / "pip")
        (new / "python" / f"{PLUGIN}.py").write_text(REPORTING)
        new.replace(folder)


def _copy(distribution: str, target: Path) -> None:
    """The Python files of a distribution, and what tells its version."""
    for file in metadata.files(distribution) or []:
        source = Path(str(file.locate()))
        if ".." in file.parts or "__pycache__" in file.parts or not source.is_file():
            continue
        place = target / file
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, place)

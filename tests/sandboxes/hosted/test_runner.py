"""What runs a command on the far side, by itself: no bubblewrap around it that would clean up after it."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandboxes.hosted.far import script
from sandboxes.hosted.frames import Frames

# Forks twice, leaves its session and ignores what can be ignored; its pid is in the file `left`.
STAYS = "(setsid sh -c 'trap \"\" TERM INT HUP; echo $$ > left; while :; do sleep 0.05; done' &) ; "
WAIT = "while [ ! -s left ]; do sleep 0.01; done; "


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
        os.kill(int((tmp_path / "left").read_text()), signal.SIGKILL)


def started(folder: Path, command: str, seconds: float = 20) -> subprocess.Popen[str]:
    head = {
        "argv": ["sh", "-c", command],
        "cwd": str(folder),
        "env": {"PATH": os.environ["PATH"]},
        "input": False,
        "seconds": seconds,
        "output": 10_000,
    }
    (folder / "request").write_bytes(json.dumps(head).encode() + b"\n")
    argv = ["sh", "-c", f"exec {script('run')} {folder / 'request'}"]
    return subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)


def ended(running: subprocess.Popen[str]) -> tuple[bytes, Frames]:
    frames = Frames()
    said, _ = running.communicate(timeout=120)
    return b"".join(piece for _, piece in frames.take(said)), frames


def lives(folder: Path) -> bool:
    pid = int((folder / "left").read_text())
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    return False


def test_who_forked_twice_ends_with_the_command(folder: Path) -> None:
    output, frames = ended(started(folder, STAYS + WAIT + "echo over"))
    assert output == b"over\n"
    assert frames.end == {"code": 0, "truncated": False, "left": 0}
    assert not lives(folder)
    assert not (folder / "request").exists()


def test_who_forked_twice_ends_with_the_time(folder: Path) -> None:
    _, frames = ended(started(folder, STAYS + WAIT + "sleep 60", seconds=3))
    assert frames.end is not None
    assert frames.end["timed_out"] is True
    assert not lives(folder)


def test_who_forked_twice_ends_with_the_session(folder: Path) -> None:
    running = started(folder, STAYS + WAIT + "sleep 60")
    end = time.monotonic() + 120
    while not (folder / "left").exists() or not (folder / "left").read_text():
        assert time.monotonic() < end
        time.sleep(0.02)
    running.terminate()
    _, frames = ended(running)
    assert running.returncode == 143
    assert frames.end is None
    assert not lives(folder)


def test_no_new_privileges(folder: Path) -> None:
    output, _ = ended(started(folder, "grep NoNewPrivs /proc/self/status"))
    assert output.split() == [b"NoNewPrivs:", b"1"]

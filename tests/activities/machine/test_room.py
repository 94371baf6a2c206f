"""Memory for machines is counted over all processes of a host, and the dead hold none of it."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from activities.machine.room import Room
from contracts.errors import NoRoom, SandboxUnavailable

HOLDER = """
import sys, time
from pathlib import Path
from activities.machine.room import Room
Room(Path(sys.argv[1]), 100).take(60)
print("taken", flush=True)
time.sleep(60)
"""


def test_room_is_shared_with_other_processes_until_they_die(tmp_path: Path) -> None:
    root = Path(__file__).parents[3]
    argv = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(argv, cwd=root, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"taken\n"
        room = Room(tmp_path, 100)
        assert room.free() == 40
        with pytest.raises(NoRoom, match="it takes"):
            room.take(41)
        place = room.take(40)
        assert room.free() == 0
        other.send_signal(signal.SIGKILL)
    assert room.free() == 60
    room.give(place)
    assert room.free() == 100
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_never_fits_is_refused_for_good(tmp_path: Path) -> None:
    with pytest.raises(SandboxUnavailable) as refused:
        Room(tmp_path, 100).take(101)
    assert not refused.value.retryable
    assert "COUNTERSIGN_MACHINES_MEMORY_BYTES" in refused.value.way_out

"""Sandbox folders and their owners: what a killed worker left behind is found and removed.

A live sandbox holds a lock on its folder. The kernel drops that lock when the process dies, however it dies,
so a folder that can be locked has no owner. `owner.json` says whose it was.
"""

import contextlib
import errno
import fcntl
import json
import os
import secrets
import shutil
import signal
import stat
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sandboxes import cgroups, disks
from sandboxes.process import User

BOXES = "boxes"
DISK = "disk"


def start_time(pid: int) -> int:
    """When a process started, in clock ticks since boot; with the pid it names a process for good."""
    text = Path(f"/proc/{pid}/stat").read_text()
    return int(text.rpartition(")")[2].split()[19])


@contextmanager
def _creating(folder: Path, *, alone: bool) -> Iterator[None]:
    """Makers share it; the reaper has it alone, so it never sees a folder that is not locked yet."""
    descriptor = os.open(folder / ".lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if alone else fcntl.LOCK_SH)
        yield
    finally:
        os.close(descriptor)


def outside(box: Path) -> Path:
    """Where a sandbox of another user lives: our own folders are closed to that user."""
    return Path(tempfile.gettempdir(), f"countersign-{box.name}")


def make_outside(box: Path, user: User) -> Path:
    """A folder that the user can reach. Raises OSError."""
    folder = outside(box)
    folder.mkdir(mode=0o700)
    os.chown(folder, user.uid, user.gid)
    return folder


def make_work(home: Path, name: str, user: User | None, disk: disks.Disks | None, size: int) -> Path:
    """The folder that is seen as /work: on a disk of its own where that can be. Raises OSError.

    The sandbox's name is in its path, by which `processes_inside` knows it.
    """
    folder = home / "work"
    if disk:
        disk.mount(size, home / DISK)
        folder = home / DISK / name / "work"
        folder.parent.mkdir(mode=0o755)
    folder.mkdir(mode=0o755)
    if user:
        os.chown(folder, user.uid, user.gid)
    return folder


def make(folder: Path, owner: str) -> tuple[Path, int]:
    """A new box and the descriptor whose lock says that it is alive. Raises OSError, and leaves nothing then."""
    with _creating(folder, alone=False):
        box = folder / BOXES / secrets.token_hex(6)
        box.mkdir(mode=0o700)
        lock = os.open(box, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        write_owner(box, owner)
    except OSError:
        os.close(lock)
        remove(box, None)
        raise
    return box, lock


def write_owner(box: Path, owner: str) -> None:
    """Whose it is, and since when. Raises OSError."""
    facts = {"owner": owner, "pid": os.getpid(), "started": start_time(os.getpid()), "at": time.time()}
    (box / "owner.json").write_text(json.dumps(facts))


def note_cgroup(box: Path, group: cgroups.Cgroup) -> None:
    """Say where it is: another process, in another cgroup itself, would look elsewhere."""
    (box / "cgroup").write_text("\n".join(map(str, group.folders)))


def _noted_cgroup(box: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return [Path(line) for line in (box / "cgroup").read_text().splitlines()]
    return []


def alive(folder: Path) -> list[dict[str, Any]]:
    """What is there: id, owner, pid, age in seconds, memory and disk in bytes of each box whose owner lives.

    `memory` is None where no cgroup counts it.
    """
    found = []
    for box in _boxes(folder):
        with contextlib.suppress(OSError, ValueError):
            if not _is_orphan(box):
                facts = json.loads((box / "owner.json").read_text())
                used = {"memory": cgroups.memory(_noted_cgroup(box)), "disk": _disk_used(box)}
                found.append({"id": box.name, **facts, "age": time.time() - facts["at"], **used})
    return found


def _disk_used(box: Path) -> int:
    for home in (outside(box), box):
        if os.path.ismount(home / DISK):
            told = os.statvfs(home / DISK)
            return (told.f_blocks - told.f_bfree) * told.f_frsize
    works = (home / "work" for home in (outside(box), box))
    return sum(path.lstat().st_blocks * 512 for work in works for path in work.rglob("*"))


def reap(folder: Path, hierarchies: cgroups.Hierarchies | None) -> list[str]:
    """Remove each box that has no owner, with its processes and cgroup. Returns the ids of those that are gone.

    A process that the kernel takes its time to end keeps its cgroup busy: that box is left for the next time.
    """
    if not (folder / BOXES).is_dir():
        return []
    with _creating(folder, alone=True):
        orphans = [box for box in _boxes(folder) if _is_orphan(box)]
    gone = []
    for box in orphans:
        kill_inside(box / "work")
        try:
            remove(box, hierarchies)
        except OSError as error:
            if error.errno != errno.EBUSY:
                raise
            continue
        gone.append(box.name)
    return gone


def _boxes(folder: Path) -> list[Path]:
    with contextlib.suppress(FileNotFoundError):
        return sorted((folder / BOXES).iterdir())
    return []


def _is_orphan(box: Path) -> bool:
    try:
        descriptor = os.open(box, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    else:
        return True
    finally:
        os.close(descriptor)


def has_owner(box: Path) -> bool:
    """Whether it is there, and a living worker holds it."""
    return box.is_dir() and not _is_orphan(box)


def runs(pid: int, started: int) -> bool:
    """Whether this very process is still there."""
    with contextlib.suppress(OSError):
        return start_time(pid) == started
    return False


def processes_inside(work: Path) -> list[int]:
    """Processes that have this very folder mounted at /work."""
    name = work.parent.name
    marks = (f"{name}/work /work ", f"{name}/work//deleted /work ")
    return [pid for pid in _pids() if _is_inside(_mounts(pid), marks, f"/{name}/upper")]


def _is_inside(mounts: str, marks: Sequence[str], upper: str) -> bool:
    """By the line of /work: it names the folder, or for an overlay the one that takes what is written."""
    return any(
        any(mark in line for mark in marks) or (" /work " in line and f"{upper}," in line)
        for line in mounts.splitlines()
    )


def _pids() -> list[int]:
    return [int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()]


def _mounts(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/mountinfo").read_text(errors="replace")
    except OSError:
        return ""


def kill_inside(work: Path, patience: float = 5.0) -> None:
    """Kill until none is left. Death of the namespace's first process takes the others along."""
    deadline = time.monotonic() + patience
    while (pids := processes_inside(work)) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.01)


def remove(box: Path, hierarchies: cgroups.Hierarchies | None) -> None:
    """Remove the cgroup, then the folder, so that a half-done removal is found again. Idempotent."""
    if hierarchies:
        hierarchies.at(box.name).remove()
    cgroups.remove(_noted_cgroup(box))
    for folder in (outside(box), box):
        if folder.exists():
            disks.detach(folder / DISK)
            _remove_tree(folder)


def _remove_tree(folder: Path) -> None:
    """Also folders that were made unreadable inside. Links are removed, never followed."""

    def unlock(function: Callable[..., object], path: str, _: object) -> None:
        parent = Path(path).parent
        for locked in (parent, Path(path)):
            with contextlib.suppress(OSError):
                if stat.S_ISDIR(locked.lstat().st_mode):
                    locked.chmod(0o700)
        with contextlib.suppress(FileNotFoundError):
            if function in (os.unlink, os.rmdir):
                function(path)
            else:
                shutil.rmtree(path)

    shutil.rmtree(folder, onerror=unlock)
    if folder.exists():
        shutil.rmtree(folder, ignore_errors=True)

"""A cgroup for each sandbox, version 2 or 1, where this process may make one.

Where it may not, `Cgroup.find` gives None and rlimits hold what they can (limits.py).
"""

import contextlib
import os
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from contracts.policy import SandboxPolicy

PREFIX = "countersign-"
PERIOD_US = 100_000
NEEDED = frozenset({"memory", "pids"})


@dataclass(frozen=True)
class Hierarchies:
    """Where cgroups can be made. Version 2: one folder for all. Version 1: a folder for each controller."""

    version: int
    parents: dict[str, Path]

    @property
    def controllers(self) -> frozenset[str]:
        return frozenset(self.parents)

    def at(self, name: str) -> "Cgroup":
        return Cgroup(self, PREFIX + name)


def find(proc: Path = Path("/proc/self"), root: Path = Path("/sys/fs/cgroup")) -> Hierarchies | None:
    """Version 2 if it has memory and pids for us, else version 1, else None."""
    memberships = dict(_memberships((proc / "cgroup").read_text()))
    if "" in memberships and (found := _version2(root, memberships[""])):
        return found
    names: tuple[str, ...] = ("memory", "pids", "cpu")
    parents = {
        name: folder
        for name in names
        if name in memberships
        for folder in [root / name / memberships[name].lstrip("/")]
        if folder.is_dir() and os.access(folder, os.W_OK)
    }
    return Hierarchies(1, parents) if parents.keys() >= NEEDED else None


def _memberships(text: str) -> Iterator[tuple[str, str]]:
    """Lines `4:memory:/path` of /proc/self/cgroup as (controller, path); version 2's controller is ''."""
    for line in text.splitlines():
        _, controllers, path = line.split(":", 2)
        for controller in controllers.split(","):
            yield controller, path


def _version2(root: Path, own: str) -> Hierarchies | None:
    """The nearest ancestor that hands its controllers on: a cgroup with processes of its own can't."""
    folder = root / own.lstrip("/")
    while folder.is_relative_to(root):
        with contextlib.suppress(OSError):
            handed_on = set((folder / "cgroup.subtree_control").read_text().split())
            if handed_on >= NEEDED and os.access(folder, os.W_OK):
                return Hierarchies(2, dict.fromkeys(sorted(handed_on & (NEEDED | {"cpu"})), folder))
        folder = folder.parent
    return None


@dataclass(frozen=True)
class Cgroup:
    """The cgroup of one sandbox, in one or more hierarchies."""

    hierarchies: Hierarchies
    name: str

    @property
    def folders(self) -> list[Path]:
        return sorted({parent / self.name for parent in self.hierarchies.parents.values()})

    def make(self, policy: SandboxPolicy) -> None:
        """Create it with the policy's limits. Raises OSError."""
        for folder in self.folders:
            folder.mkdir(exist_ok=True)
        for controller, parent in self.hierarchies.parents.items():
            for file, value in _limits(self.hierarchies.version, controller, policy):
                _set(parent / self.name / file, value)

    def join(self, pid: int) -> None:
        """Move a process in; what it starts from now on is in it too."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    def processes(self) -> set[int]:
        found: set[int] = set()
        for folder in self.folders:
            with contextlib.suppress(OSError):
                found |= {int(pid) for pid in (folder / "cgroup.procs").read_text().split()}
        return found

    def remove(self) -> None:
        """Remove it; processes in it have been killed, and are waited for."""
        remove(self.folders)


def remove(folders: Iterable[Path], patience: float = 2.0) -> None:
    """Remove these folders of one cgroup; fine when they are gone. Raises OSError when processes stay."""
    deadline = time.monotonic() + patience
    for folder in folders:
        while folder.exists():
            try:
                folder.rmdir()
            except FileNotFoundError:
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.002)


def memory(folders: Iterable[Path]) -> int | None:
    """Bytes in use, page cache included. None where no cgroup counts them."""
    for folder in folders:
        for file in (folder / "memory.current", folder / "memory.usage_in_bytes"):
            with contextlib.suppress(OSError):
                return int(file.read_text())
    return None


def _limits(version: int, controller: str, policy: SandboxPolicy) -> list[tuple[str, str]]:
    """(file, value) pairs. One process more than the policy's: the sandbox's own first process."""
    cpu = str(int(policy.cpus * PERIOD_US))
    memory, processes = str(policy.memory_bytes), str(policy.processes + 1)
    if version == 2:
        return {
            "memory": [("memory.max", memory), ("memory.swap.max", "0"), ("memory.oom.group", "1")],
            "pids": [("pids.max", processes)],
            "cpu": [("cpu.max", f"{cpu} {PERIOD_US}")],
        }[controller]
    return {
        "memory": [("memory.limit_in_bytes", memory), ("memory.memsw.limit_in_bytes", memory)],
        "pids": [("pids.max", processes)],
        "cpu": [("cpu.cfs_period_us", str(PERIOD_US)), ("cpu.cfs_quota_us", cpu)],
    }[controller]


def _set(file: Path, value: str) -> None:
    """Swap accounting and group kills are missing on some kernels; the limit itself is not optional."""
    if file.name in ("memory.swap.max", "memory.memsw.limit_in_bytes", "memory.oom.group") and not file.exists():
        return
    file.write_text(value)

"""Containers and their owners, by label: which are alive, and which a killed worker left."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandboxes import cgroups, reaper
from sandboxes.docker.engine import Engine

PREFIX = "countersign."


def labels(folder: Path, box: Path, owner: str) -> dict[str, str]:
    """Whose a container is. The pid and when that process started name the worker for good."""
    facts = {
        "folder": str(folder),
        "box": box.name,
        "owner": owner,
        "pid": str(os.getpid()),
        "started": str(reaper.start_time(os.getpid())),
    }
    return {PREFIX + name: value for name, value in facts.items()}


def _containers(engine: Engine, folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = engine.api.containers(all=True, filters={"label": f"{PREFIX}folder={folder}"})
    return found


def remove(engine: Engine, folder: Path) -> list[str]:
    """Remove each container of this folder whose worker is gone, or whose sandbox is. Returns the boxes' names."""
    gone = set()
    for one in _containers(engine, folder):
        told = one["Labels"]
        box = folder / reaper.BOXES / told[PREFIX + "box"]
        if not (reaper.runs(int(told[PREFIX + "pid"]), int(told[PREFIX + "started"])) and reaper.has_owner(box)):
            engine.remove(one["Id"])
            gone.add(box.name)
    return sorted(gone)


def memory(engine: Engine, folder: Path) -> dict[str, int]:
    """Bytes in use by each box's containers, where a cgroup counts them."""
    used: dict[str, int] = {}
    for one in _containers(engine, folder):
        name = one["Labels"][PREFIX + "box"]
        with contextlib.suppress(OSError):
            pid = engine.api.inspect_container(one["Id"])["State"]["Pid"]
            if count := cgroups.memory(_memory_cgroups(pid)) if pid else None:
                used[name] = used.get(name, 0) + count
    return used


def _memory_cgroups(pid: int, root: Path = Path("/sys/fs/cgroup")) -> Iterator[Path]:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            yield root / "memory" / path.lstrip("/")
        elif not controllers:
            yield root / path.lstrip("/")

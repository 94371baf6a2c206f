"""Attempts through what the worker does itself: reading and writing files, starting, ending, running git.

Each is tried with its protection and without it, like those of the table.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from contracts.errors import CountersignError
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, reaper
from sandboxes.bubblewrap import BubblewrapSandbox
from tests.sandboxes.escapes.protections import REMOVALS
from tests.sandboxes.escapes.race import swapping

SECRET = b"the host's own"
Operation = Callable[[BubblewrapSandbox, Path], Awaitable[bool]]


async def read_by_link(box: BubblewrapSandbox, outside: Path) -> bool:
    await box.exec(["ln", "-s", str(outside / "secret"), "link"])
    return SECRET in await box.read("link")


async def read_by_dots(box: BubblewrapSandbox, outside: Path) -> bool:
    return SECRET in await box.read(os.path.relpath(outside / "secret", box.place))


async def read_by_absolute_path(box: BubblewrapSandbox, outside: Path) -> bool:
    return SECRET in await box.read(str(outside / "secret"))


async def read_by_magic_link(box: BubblewrapSandbox, outside: Path) -> bool:
    await box.exec(["ln", "-s", f"/proc/self/root{outside}/secret", "magic"])
    return SECRET in await box.read("magic")


async def write_by_link(box: BubblewrapSandbox, outside: Path) -> bool:
    await box.exec(["ln", "-s", str(outside), "out"])
    await box.write("out/planted", b"x")
    return (outside / "planted").exists()


async def write_by_dots(box: BubblewrapSandbox, outside: Path) -> bool:
    await box.write(os.path.relpath(outside / "planted", box.place), b"x")
    return (outside / "planted").exists()


async def list_by_link(box: BubblewrapSandbox, outside: Path) -> bool:
    await box.exec(["ln", "-s", str(outside), "out"])
    return "secret" in await box.list("out")


async def list_by_dots(box: BubblewrapSandbox, outside: Path) -> bool:
    return "secret" in await box.list(os.path.relpath(outside, box.place))


async def win_a_race(box: BubblewrapSandbox, outside: Path) -> bool:
    """A folder becomes a link to the host and back while it is read through. 1.5 seconds' worth."""
    counts = await swapping(box, outside, seconds=1.5)
    assert counts["inside"] > 0
    return counts["outside"] > 0


async def leave_a_process(box: BubblewrapSandbox, outside: Path) -> bool:
    await box.exec(["sh", "-c", "trap '' TERM HUP; setsid sleep 300 </dev/null >/dev/null 2>&1 & exit 0"])
    left = reaper.processes_inside(box.place)
    reaper.kill_inside(box.place)
    return bool(left)


async def load_into_bubblewrap(box: BubblewrapSandbox, outside: Path) -> bool:
    """A variable that makes the host's loader act before there is a sandbox, as LD_PRELOAD would."""
    await box.exec(["true"], env={"LD_DEBUG": "libs", "LD_DEBUG_OUTPUT": str(outside / "loader"), "LD_PRELOAD": "x"})
    return any(outside.glob("loader*"))


async def plant_git_config(box: BubblewrapSandbox, outside: Path) -> bool:
    """A repository whose configuration runs a command whenever git looks at it."""
    await box.exec(["sh", "-c", "git init -q . && git -c user.name=a -c user.email=a@b commit -qm x --allow-empty"])
    await box.exec(["git", "config", "core.fsmonitor", f"touch {outside}/ran; touch /tmp/ran; false"])
    await box.write("new", b"x")
    await box.diff()
    return (outside / "ran").exists()


async def flood(box: BubblewrapSandbox, outside: Path) -> bool:
    return len((await box.exec(["head", "-c", "3000000", "/dev/zero"])).stdout) > box.policy.output_bytes


OPERATIONS: list[tuple[Operation, str]] = [
    (read_by_link, "openat2"),
    (read_by_dots, "openat2"),
    (read_by_absolute_path, "openat2"),
    (read_by_magic_link, "openat2"),
    (write_by_link, "openat2"),
    (write_by_dots, "openat2"),
    (list_by_link, "openat2"),
    (list_by_dots, "openat2"),
    (win_a_race, "openat2"),
    (leave_a_process, "pid namespace"),
    (load_into_bubblewrap, "empty environment"),
    (plant_git_config, "git runs inside"),
    (flood, "output limit"),
]


async def escaped(provider: Bubblewrap, operation: Operation, outside: Path) -> bool:
    (outside / "secret").write_bytes(SECRET)
    async with await provider.create(SandboxPolicy(output_bytes=1_000_000)) as box:
        try:
            return await operation(box, outside)
        except CountersignError:
            return False


each = pytest.mark.parametrize(
    ("operation", "stopped_by"), OPERATIONS, ids=lambda value: getattr(value, "__name__", "by").replace("_", "-")
)


@each
async def test_it_is_stopped(provider: Bubblewrap, operation: Operation, stopped_by: str, tmp_path: Path) -> None:
    assert not await escaped(provider, operation, tmp_path)


@each
async def test_without_its_protection_it_succeeds(
    provider: Bubblewrap, operation: Operation, stopped_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lesser = Bubblewrap(provider.folder)
    lesser._host = REMOVALS[stopped_by](monkeypatch, provider.check())
    assert await escaped(lesser, operation, tmp_path)

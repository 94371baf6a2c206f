"""From create to destroy, and after the death of a worker: whose a sandbox is, and that nothing of it is left."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from contracts.errors import SandboxFailed
from contracts.policy import SandboxPolicy
from sandboxes import cgroups, reaper
from tests.sandboxes.conformance.conftest import MAKERS, Provider

ROOT = Path(__file__).parents[3]


def left(provider: Provider, name: str) -> list[str]:
    """What there is of a sandbox on this host: folders, mounts, processes, cgroups, containers."""
    found = [str(path) for path in (provider.folder / "boxes").glob(name)]
    found += [line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line]
    found += map(str, reaper.processes_inside(provider.folder / "boxes" / name / "work"))
    if hierarchies := cgroups.find():
        found += [str(path) for path in hierarchies.at(name).folders if path.exists()]
    if provider.name != "bubblewrap":
        labels = f"label=countersign.box={name}"
        told = subprocess.run(["docker", "ps", "-aq", "--filter", labels], capture_output=True, text=True, check=True)
        found += told.stdout.split()
    return found


async def test_destroy_leaves_nothing_and_may_be_repeated(provider: Provider) -> None:
    box = await provider.create(SandboxPolicy(), owner="run-1")
    await box.exec(["sh", "-c", "mkdir -p locked/deep; ln -s / out; chmod 000 locked/deep locked"])
    running = asyncio.create_task(box.exec(["sh", "-c", "echo > started; sleep 300"]))
    while "started" not in await box.list():
        await asyncio.sleep(0.01)
    assert [one["owner"] for one in provider.alive() if one["id"] == box.id] == ["run-1"]
    await asyncio.gather(box.destroy(), box.destroy())
    await box.destroy()
    with pytest.raises(SandboxFailed, match=r"destroyed|ended"):
        await running
    assert left(provider, box.id) == []
    with pytest.raises(SandboxFailed, match="destroyed"):
        await box.exec(["true"])


@pytest.mark.parametrize("after", [0.0, 0.05, 0.3])
async def test_cancelling_a_create_leaves_nothing(provider: Provider, after: float) -> None:
    before = {one["id"] for one in provider.alive()}
    task = asyncio.create_task(provider.create(SandboxPolicy(), owner="cancelled"))
    await asyncio.sleep(after)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await (await task).destroy()
    assert {one["id"] for one in provider.alive()} == before


@pytest.mark.chaos
async def test_what_a_killed_worker_left_is_removed(provider: Provider, tmp_path: Path) -> None:
    """The worker dies by kill -9 with a command running; the next provider finds nothing of it."""
    maker = MAKERS[provider.name]
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from contracts.policy import SandboxPolicy
        from sandboxes import {maker.__name__}

        async def main():
            box = await {maker.__name__}(Path({str(tmp_path)!r})).create(SandboxPolicy(), owner="killed")
            running = asyncio.create_task(box.exec(["sh", "-c", "setsid sleep 300 & echo > started; sleep 300"]))
            while "started" not in await box.list():
                await asyncio.sleep(0.01)
            print(box.id, flush=True)
            await running

        asyncio.run(main())
    """)
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout
    name = (await asyncio.to_thread(worker.stdout.readline)).decode().strip()
    next_one = maker(tmp_path)
    assert next_one.reap() == [], "a live one must be left alone"
    assert [one["owner"] for one in next_one.alive()] == ["killed"]
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert left(next_one, name) != []
    assert next_one.reap() == [name]
    assert left(next_one, name) == []
    assert next_one.alive() == []

"""Sandboxes made ahead: given away once, to one owner, and gone when nobody wants them."""

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import Docker, Mount
from sandboxes.docker.gaps import Gap

ROOT = Path(__file__).parents[2]
WARM = SandboxPolicy(warm=2, memory_bytes=128 << 20, disk_bytes=8 << 20)


@pytest.fixture
async def docker(docker_engine: None, tmp_path: Path) -> AsyncIterator[Docker]:
    provider = Docker(tmp_path)
    yield provider
    await provider.close()
    assert provider.alive() == []


async def test_one_made_ahead_is_given_away_once(docker: Docker) -> None:
    first = await docker.create(WARM, owner="first")
    await docker.pool.settled()
    ahead = {one["id"] for one in docker.alive()} - {first.id}
    assert (len(ahead), docker.pool.size) == (2, 2)
    await first.write("secret", b"x")
    await first.destroy()
    second = await docker.create(WARM, owner="second")
    assert second.id in ahead
    assert [one["owner"] for one in docker.alive() if one["id"] == second.id] == ["second"]
    assert await second.list() == []
    assert (await second.exec(["echo", "fine"])).stdout == b"fine\n"
    await second.destroy()
    await docker.pool.settled()
    assert docker.pool.size == 2, "what was taken is made anew"
    assert {one["id"] for one in docker.alive()}.isdisjoint({first.id, second.id})


async def test_another_policy_or_a_mount_gets_none_of_them(docker: Docker, tmp_path: Path) -> None:
    await (await docker.create(WARM)).destroy()
    await docker.pool.settled()
    ahead = {one["id"] for one in docker.alive()}
    for policy, mounts in (
        (WARM.model_copy(update={"processes": 5}), []),
        (WARM, [Mount(tmp_path, "/given")]),
        (WARM.model_copy(update={"warm": 0}), []),
    ):
        box = await docker.create(policy, mounts=mounts)
        assert box.id not in ahead
        await box.destroy()


async def test_one_that_died_waiting_is_not_given_away(docker: Docker) -> None:
    await (await docker.create(WARM)).destroy()
    await docker.pool.settled()
    for container in docker.engine.api.containers(filters={"label": f"countersign.folder={docker.folder}"}):
        docker.engine.api.kill(container["Id"])
    await asyncio.sleep(0.3)
    async with await docker.create(WARM) as box:
        assert (await box.exec(["echo", "fine"])).stdout == b"fine\n"


async def test_what_cannot_be_made_is_told_to_who_asks(docker: Docker) -> None:
    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match="no-such-image"):
            await docker.create(WARM.model_copy(update={"image": "no-such-image:1"}))
    await docker.pool.settled()
    assert docker.pool.size == 0


async def test_what_is_refused_is_not_made_ahead(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker, "gaps", (Gap("syscalls", "for this test", ()),))
    for _ in range(2):
        with pytest.raises(SandboxUnavailable, match="syscalls"):
            await docker.create(WARM.model_copy(update={"needs": ("syscalls",)}))
        await docker.pool.settled()
    assert docker.pool.size == 0


@pytest.mark.chaos
async def test_a_killed_workers_pool_is_reaped(docker: Docker, tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from contracts.policy import SandboxPolicy
        from sandboxes import Docker

        async def main():
            docker = Docker(Path({str(tmp_path)!r}))
            await docker.create(SandboxPolicy(warm=2, memory_bytes=128 << 20, disk_bytes=8 << 20))
            await docker.pool.settled()
            print("ready", flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """)
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout
    await asyncio.to_thread(worker.stdout.readline)
    names = sorted(one["id"] for one in docker.alive())
    assert len(names) == 3
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert docker.reap() == names
    assert docker.alive() == []
    assert docker.engine.api.containers(all=True, filters={"label": f"countersign.folder={tmp_path}"}) == []

"""What only container providers do: images, an engine that may not be there, work trees cloned inside."""

import asyncio
import json
import os
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.errors import BadInput, SandboxFailed, SandboxUnavailable, UnknownRange
from contracts.policy import SandboxPolicy
from sandboxes import Docker, Mount, Tree

SMALL = SandboxPolicy(memory_bytes=128 << 20, processes=32, disk_bytes=16 << 20)


@pytest.fixture
async def docker(docker_engine: None, tmp_path: Path) -> AsyncIterator[Docker]:
    provider = Docker(tmp_path / "sandboxes")
    yield provider
    assert provider.alive() == []


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    """A bare repository with two commits, and the name of the first."""
    work, bare = tmp_path / "source", tmp_path / "source.git"
    git = ("git", "-C", str(work), "-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", "init", "-q", str(work)], check=True)
    for number in ("one", "two"):
        (work / "file").write_text(f"{number}\n")
        subprocess.run([*git, "add", "--all"], check=True)
        subprocess.run([*git, "commit", "-qm", number], check=True)
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD~1"], check=True, capture_output=True, text=True)
    return bare, told.stdout.strip()


async def test_no_engine_is_told_with_the_way_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    with pytest.raises(SandboxUnavailable, match="does not answer") as caught:
        await Docker(tmp_path).create(SandboxPolicy())
    assert "systemctl start docker" in caught.value.way_out
    assert Docker(tmp_path).reap() == []
    assert list(tmp_path.iterdir()) == []


async def test_an_engine_elsewhere_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens there, and nobody is asked."""
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    with pytest.raises(SandboxUnavailable, match="not on this host|does not answer"):  # noqa: RUF043
        await Docker(tmp_path).create(SandboxPolicy())


async def test_a_list_without_a_broker_is_refused(docker: Docker) -> None:
    with pytest.raises(SandboxUnavailable, match="broker"):
        await docker.create(SandboxPolicy(network="allow"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root owns folders as root")
async def test_a_folder_of_roots_cannot_be_written(docker: Docker, tmp_path: Path) -> None:
    (tmp_path / "given").mkdir()
    with pytest.raises(SandboxUnavailable, match="belongs to root"):
        await docker.create(SMALL, mounts=[Mount(tmp_path / "given", "/given", writable=True)])
    os.chown(tmp_path / "given", 1234, 1234)
    async with await docker.create(SMALL, mounts=[Mount(tmp_path / "given", "/given", writable=True)]) as box:
        assert (await box.exec(["sh", "-c", "echo a > /given/a; echo b > b; id -u"])).stdout == b"1234\n"
        assert await box.read("b") == b"b\n"
    assert (tmp_path / "given" / "a").stat().st_uid == 1234


async def test_nothing_secret_is_in_the_engines_records(docker: Docker, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is a command or its output."""
    monkeypatch.setenv("GIVEN_BY_NAME", "value-7741")
    policy = SMALL.model_copy(update={"environment_names": ("GIVEN_BY_NAME",)})
    async with await docker.create(policy, owner="somebody") as box:
        running = await box.exec(["sh", "-c", "echo told-$GIVEN_BY_NAME"])
        await box.ready()
        (container,) = docker.engine.api.containers(all=True, filters={"label": f"countersign.box={box.id}"})
        record = docker.engine.api.inspect_container(container["Id"])
    assert running.stdout == b"told-value-7741\n"
    assert "value-7741" not in json.dumps(record)
    assert record["Config"]["Labels"]["countersign.owner"] == "somebody"
    assert record["HostConfig"]["LogConfig"]["Type"] == "none"


async def test_a_work_tree_arrives_and_is_the_base(docker: Docker, repository: tuple[Path, str]) -> None:
    bare, commit = repository
    before = sorted((str(path), path.lstat().st_mtime_ns) for path in bare.rglob("*"))
    async with await docker.create(SMALL, tree=Tree(bare, commit)) as box:
        assert await box.read("repository/file") == b"one\n"
        await box.write("repository/file", b"mine\n")
        script = (
            "git -c user.name=a -c user.email=a@b commit -qam mine && git log --format=%s && rm -rf /repository.git/*"
        )
        done = await box.exec(["sh", "-c", script], cwd="repository")
        assert done.stdout == b"mine\none\n", done.stderr
        assert b"Read-only" in done.stderr
        assert b"+mine" in (await box.diff(folder="repository", base=commit)).text
    assert sorted((str(path), path.lstat().st_mtime_ns) for path in bare.rglob("*")) == before


async def test_a_work_tree_that_cannot_be_is_told(docker: Docker, repository: tuple[Path, str]) -> None:
    bare, commit = repository
    with pytest.raises(UnknownRange):
        await docker.create(SMALL, tree=Tree(bare, "0" * 40))
    for folder in ("..", ".", "../x"):
        with pytest.raises(BadInput):
            await docker.create(SMALL, tree=Tree(bare, commit, folder))


async def test_a_container_that_was_killed_from_outside(docker: Docker) -> None:
    """The command's end is told; the next command gets another container."""
    async with await docker.create(SMALL) as box:
        (waiting,) = docker.engine.api.containers(filters={"label": f"countersign.box={box.id}"})
        docker.engine.remove(waiting["Id"])
        assert (await box.exec(["echo", "fine"])).stdout == b"fine\n"


async def test_a_command_whose_container_goes_away(docker: Docker) -> None:
    async with await docker.create(SMALL) as box:
        running = asyncio.create_task(box.exec(["sh", "-c", "echo > started; sleep 60"]))
        while "started" not in await box.list():
            await asyncio.sleep(0.02)
        for container in docker.engine.api.containers(filters={"label": f"countersign.box={box.id}"}):
            docker.engine.remove(container["Id"])
        (ended,) = await asyncio.gather(running, return_exceptions=True)
        assert isinstance(ended, SandboxFailed) or ended.exit_code == 137

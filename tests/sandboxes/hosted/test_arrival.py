"""A commit arrives at a hosted sandbox: all of its history, nothing else, and its work travels."""

import subprocess
from pathlib import Path

import pytest

from contracts.errors import BadInput, NotARepository, SandboxUnavailable
from ledger import FolderArtifacts
from sandboxes import Tree
from sandboxes.hosted import Daytona, Options
from tests.sandboxes.hosted.conftest import POLICY
from tests.support.hosted import StandIn

MAKE = """
git init -q --bare -b main bare.git && git clone -q bare.git work 2>/dev/null && cd work
git config user.email a@b && git config user.name a
for i in 1 2 3; do echo $i > file; git add .; git commit -qm "c$i"; done
git tag wanted && echo secret > file && git commit -qam later && git push -q origin HEAD:main --tags
"""


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, str]:
    subprocess.run(["sh", "-ec", MAKE], cwd=tmp_path, check=True)
    said = subprocess.run(["git", "rev-parse", "wanted"], cwd=tmp_path / "work", capture_output=True, check=True)
    return tmp_path / "bare.git", said.stdout.decode().strip()


async def test_a_commit_and_its_history_arrive(hosted: Daytona, repository: tuple[Path, str]) -> None:
    git_dir, commit = repository
    async with await hosted.create(POLICY, tree=Tree(git_dir, commit)) as box:
        script = "cd repository; git log --format=%s; git status --porcelain; git rev-parse HEAD; git for-each-ref"
        told = (await box.exec(["sh", "-c", script])).stdout.decode().split()
        assert told == ["c3", "c2", "c1", commit]
        assert await box.read("repository/file") == b"3\n"
        assert b"secret" not in (await box.exec(["sh", "-c", "cd repository; git log -p --all"])).stdout
        assert await box.list() == ["repository/"]
        assert (await box.exec(["ls", "/home/agent/.countersign"])).stdout == b""


async def test_its_work_goes_on_in_another(
    hosted: Daytona, repository: tuple[Path, str], store: FolderArtifacts
) -> None:
    tree = Tree(*repository)
    async with await hosted.create(POLICY, tree=tree) as first, await hosted.create(POLICY, tree=tree) as second:
        script = "cd repository; echo new > new; git add new; git -c user.name=a -c user.email=a@b commit -qm four"
        assert (await first.exec(["sh", "-c", script])).exit_code == 0
        await second.restore(store, await first.checkpoint(store))
        told = await second.exec(["sh", "-c", "cd repository; git log --format=%s; git status --porcelain; cat new"])
        assert told.stdout.split() == [b"four", b"c3", b"c2", b"c1", b"new"]


async def test_what_cannot_arrive(
    hosted: Daytona, options: Options, standin: StandIn, repository: tuple[Path, str], tmp_path: Path
) -> None:
    git_dir, commit = repository
    with pytest.raises(NotARepository, match="no commit"):
        await hosted.create(POLICY, tree=Tree(git_dir, "0" * 40))
    with pytest.raises(NotARepository):
        await hosted.create(POLICY, tree=Tree(git_dir, "--all"))
    with pytest.raises(BadInput):
        await hosted.create(POLICY, tree=Tree(git_dir, commit, "../x"))
    alone = Daytona(options, installation="tests")
    with pytest.raises(SandboxUnavailable, match="local one"):
        await alone.create(POLICY, tree=Tree(git_dir, commit))
    await alone.close()
    assert standin.machines == {}

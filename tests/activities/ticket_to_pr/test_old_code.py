"""New tests on the old code, where the project's command names no tests: in a real sandbox, with sh alone."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from activities.ticket_to_pr.proving import prove
from activities.ticket_to_pr.testing import run_tests
from contracts.policy import SandboxPolicy
from contracts.ticket import Project, Proof, Prove
from ledger import FolderArtifacts
from sandboxes import Mount, choose
from sandboxes.protocol import Sandbox
from tests.support.repositories import Commit, build

FILES = {
    "twice.sh": b"echo $(($1 + $1 + 1))\n",
    "check.sh": b'for each in tests/*.sh; do sh "$each" || { echo "$each fails"; exit 1; }; done\n',
    "tests/runs.sh": b"sh twice.sh 1\n",
    ".gitignore": b"/made.sh\n/node_modules/\n",
}
FIXED, NEW = b"echo $(($1 + $1))\n", b'test "$(sh twice.sh 2)" = 4\n'
PROJECT = Project(test=("sh", "check.sh"), why="a test says so")


@dataclass(frozen=True)
class Tree:
    """A work tree in a sandbox, whose tests were run before any change."""

    box: Sandbox
    artifacts: FolderArtifacts

    async def write(self, files: Mapping[str, bytes]) -> None:
        for path, data in files.items():
            await self.box.write(f"repository/{path}", data)

    async def proved(self, change: Mapping[str, bytes]) -> Proof:
        before = await run_tests(self.box, "repository", PROJECT, 30)
        asked = Prove(lease="l", ticket="t", project=PROJECT, before=self.artifacts.put_model(before))
        await self.write(change)
        return await prove(self.box, "repository", "HEAD", asked, self.artifacts, 30)


@pytest.fixture
async def tree(tmp_path: Path) -> AsyncIterator[Tree]:
    source = build(tmp_path / "repo", [Commit("First", FILES)])
    policy = SandboxPolicy(memory_bytes=256 << 20, wall_seconds=60, disk_bytes=64 << 20)
    box = await choose(tmp_path / "sandboxes").create(policy, mounts=[Mount(source / ".git", "/source")])
    async with box:
        done = await box.exec(["git", "-c", "safe.directory=*", "clone", "-q", "/source", "/work/repository"])
        assert done.exit_code == 0, done.stderr
        yield Tree(box, FolderArtifacts(tmp_path / "artifacts"))


async def test_a_new_test_fails_on_the_old_code(tree: Tree) -> None:
    proof = await tree.proved({"twice.sh": FIXED, "tests/doubles.sh": NEW})
    assert (proof.before.passed, proof.after.passed, proof.old_fails) == (True, True, True)
    assert proof.holds
    names = await tree.box.list(".")
    assert ("repository/" in names, ".countersign-old/" in names) == (True, False), "nothing is left beside it"


async def test_one_that_passes_there_is_no_proof(tree: Tree) -> None:
    proof = await tree.proved({"twice.sh": FIXED, "tests/again.sh": b"sh twice.sh 2\n"})
    assert (proof.old_fails, proof.holds, proof.presentable) == (False, False, True)


async def test_a_change_without_a_test_is_no_proof(tree: Tree) -> None:
    proof = await tree.proved({"twice.sh": FIXED})
    assert (proof.old_fails, proof.holds) == (False, False)


async def test_what_only_the_work_tree_has_makes_no_proof(tree: Tree) -> None:
    """The old code can't be tested in a folder of its own then, and fails there for another reason."""
    await tree.write({"made.sh": b"true\n", "tests/runs.sh": b"sh made.sh\n"})
    await tree.box.exec(
        ["git", "-c", "user.name=a", "-c", "user.email=a", "commit", "-qam", "x"], cwd="/work/repository"
    )
    proof = await tree.proved({"twice.sh": FIXED, "tests/again.sh": b"sh twice.sh 2\n"})
    assert (proof.before.passed, proof.after.passed, proof.old_fails) == (True, True, False)


async def test_packages_of_npm_are_there_too(tree: Tree) -> None:
    await tree.write({"node_modules/it.sh": b"true\n"})
    uses = b'sh node_modules/it.sh && test "$(sh twice.sh 2)" = 4\n'
    await tree.write({"tests/runs.sh": b"sh node_modules/it.sh\n"})
    await tree.box.exec(
        ["git", "-c", "user.name=a", "-c", "user.email=a", "commit", "-qam", "x"], cwd="/work/repository"
    )
    assert (await tree.proved({"twice.sh": FIXED, "tests/doubles.sh": uses})).old_fails
    assert await tree.box.read("repository/node_modules/it.sh") == b"true\n"

"""A repository of 5,000 files: how it arrives, is searched, kept and brought back."""

import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from contracts.policy import SandboxPolicy
from ledger import FolderArtifacts
from sandboxes import Sandbox, SandboxProvider, Tree
from tests.bench.sandboxing.measuring import Figures, Work, bare, measured, timed

FILES, CHANGED = 5000, 100
PATTERN = r"function_\d*77\b"
POLICY = SandboxPolicy()
TESTS = """import unittest, {module}
class Test(unittest.TestCase):
    def test_value(self):
        for _ in range(20):
            self.assertEqual({module}.function_{number}(), {number})
            self.assertEqual(sorted(str(n) for n in range(300))[0], "0")
"""


def make(folder: Path) -> Tree:
    """5,000 files of 2 kB in 100 folders, some of them tests, in one commit."""
    for number in range(FILES):
        path = folder / f"package{number % 100}" / f"module{number}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"def function_{number}():\n    return {number}\n" + "# filler of a line\n" * 100)
    for number in range(0, FILES, 100):
        test = folder / "package0" / f"test_module{number}.py"
        test.write_text(TESTS.format(module=f"module{number}", number=number))
    git = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@localhost"]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "all"], ["gc", "-q"]):
        subprocess.run([*git, *words], check=True)
    told = subprocess.run([*git, "rev-parse", "HEAD"], check=True, capture_output=True, text=True)
    return Tree(folder / ".git", told.stdout.strip())


@asynccontextmanager
async def arrived(provider: SandboxProvider, tree: Tree) -> AsyncIterator[Sandbox]:
    async with await provider.create(POLICY, tree=tree) as box:
        yield box


class Kept:
    """One sandbox of a provider, which is searched and whose changes are kept."""

    def __init__(self, provider: SandboxProvider, tree: Tree, box: Sandbox, artifacts: FolderArtifacts) -> None:
        self.provider, self.tree, self.box, self.artifacts = provider, tree, box, artifacts
        self.turn = 0

    async def search(self) -> float:
        return await timed(self.box.search(PATTERN, path=self.tree.folder))

    async def clone(self) -> float:
        return await arrival(self.provider, self.tree)

    async def first_status(self) -> float:
        async with arrived(self.provider, self.tree) as box:
            return await timed(box.exec(["git", "status"], cwd=self.tree.folder))

    async def checkpoint(self) -> float:
        self.turn += 1
        for number in range(CHANGED):
            path = f"{self.tree.folder}/package{number}/module{number}.py"
            await self.box.write(path, b"# changed %d %d\n" % (self.turn, number))
        return await timed(self.box.checkpoint(self.artifacts))

    async def restore(self) -> float:
        ref = await self.box.checkpoint(self.artifacts)
        async with arrived(self.provider, self.tree) as other:
            return await timed(other.restore(self.artifacts, ref))

    def works(self) -> dict[str, Work]:
        return {
            "search_ms": self.search,
            "clone_ms": self.clone,
            "first_status_ms": self.first_status,
            "checkpoint_ms": self.checkpoint,
            "restore_ms": self.restore,
        }


async def arrival(provider: SandboxProvider, tree: Tree) -> float:
    """Until the sandbox is there with its work tree. Its end isn't counted."""
    box: list[Sandbox] = []

    async def arrive() -> None:
        box.append(await provider.create(POLICY, tree=tree))

    taken = await timed(arrive())
    await box[0].destroy()
    return taken


async def trees(
    providers: dict[str, SandboxProvider], ways: dict[str, SandboxProvider], tree: Tree, place: Path, repetitions: int
) -> Figures:
    """`provider/figure`, `bare/ripgrep_ms` and `bubblewrap/ways/…` for each further way that a tree can arrive."""
    artifacts = FolderArtifacts(place / "artifacts")
    works: dict[str, Work] = {
        "bare/ripgrep_ms": lambda: timed(bare("rg", "--json", PATTERN, str(tree.git_dir.parent))),
    }
    boxes = []
    for name, provider in providers.items():
        boxes.append(await provider.create(POLICY, tree=tree))
        works |= {f"{name}/{key}": work for key, work in Kept(provider, tree, boxes[-1], artifacts).works().items()}
    for way, provider in ways.items():
        works[f"bubblewrap/clone_ms by {way}"] = lambda provider=provider: arrival(provider, tree)  # type: ignore[misc]
    try:
        return await measured(works, repetitions)
    finally:
        for box in boxes:
            await box.destroy()

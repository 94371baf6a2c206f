"""`countersign sandboxes`, as it is typed."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, Tree, cgroups, choose
from tests.support.repositories import Commit, build, git

ROOT = Path(__file__).parents[2]


def countersign(state: Path, *words: str) -> str:
    environment = os.environ | {"COUNTERSIGN_STATE": str(state), "COLUMNS": "160", "PYTHONPATH": str(ROOT)}
    program = "from workers.cli import main; main()"
    done = subprocess.run([sys.executable, "-c", program, *words], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


async def test_what_is_alive_is_listed_with_its_use(tmp_path: Path) -> None:
    provider = choose(tmp_path / "sandboxes")
    async with await provider.create(SandboxPolicy(), owner="changelog-[red]7") as box:
        await box.write("file", b"x" * 3_000_000)
        running = asyncio.create_task(box.exec(["sleep", "60"]))
        said = await asyncio.to_thread(countersign, tmp_path, "sandboxes")
        told = json.loads(await asyncio.to_thread(countersign, tmp_path, "sandboxes", "--json"))
        running.cancel()
    assert box.id in said
    assert "changelog-[red]7" in said
    assert told[0]["owner"] == "changelog-[red]7"
    assert told[0]["pid"] == os.getpid()
    assert 3_000_000 <= told[0]["disk"] < 10_000_000
    assert (told[0]["memory"] is None) == (cgroups.find() is None)
    assert "No sandbox is alive" in await asyncio.to_thread(countersign, tmp_path, "sandboxes")


@pytest.mark.chaos
async def test_what_was_left_is_removed(tmp_path: Path) -> None:
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from contracts.policy import SandboxPolicy
        from sandboxes import choose

        async def main():
            box = await choose(Path({str(tmp_path / "sandboxes")!r})).create(SandboxPolicy(), owner="killed")
            print(box.id, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """)
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout
    name = worker.stdout.readline().decode().strip()
    assert name in await asyncio.to_thread(countersign, tmp_path, "sandboxes")
    assert "Nothing was left" in await asyncio.to_thread(countersign, tmp_path, "sandboxes", "reap")
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    said = await asyncio.to_thread(countersign, tmp_path, "sandboxes", "reap")
    assert name in said
    assert "1 removed" in said
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


async def test_what_is_shared_is_listed_and_pruned(tmp_path: Path) -> None:
    folder = build(tmp_path / "demo", [Commit("One", {"a": b"1"})])
    tree = Tree(folder / ".git", git(folder, "rev-parse", "main"))
    provider = Bubblewrap(tmp_path / "sandboxes")
    kinds = {"objects"} if provider.check().way == "clone" else {"objects", "tree"}
    async with await provider.create(SandboxPolicy(), tree=tree):
        told = json.loads(await asyncio.to_thread(countersign, tmp_path, "sandboxes", "cache", "--json"))
        assert {one["kind"] for one in told if one["in_use"] and one["bytes"] > 0 and one["age"] < 600} == kinds
        said = await asyncio.to_thread(countersign, tmp_path, "sandboxes", "cache", "--prune")
        assert said.count("in use") == len(kinds)
    for _ in range(100):
        if "in use" not in (said := await asyncio.to_thread(countersign, tmp_path, "sandboxes", "cache", "--prune")):
            break
    assert "Nothing is kept" in said

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
from sandboxes import cgroups, choose

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
        from sandboxes import cgroups, choose

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

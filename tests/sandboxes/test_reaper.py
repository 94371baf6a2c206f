"""What a killed worker left, where the kernel takes its time."""

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from sandboxes import Bubblewrap, cgroups

ROOT = Path(__file__).parents[2]


@pytest.mark.chaos
def test_a_busy_cgroup_is_left_for_the_next_time(tmp_path: Path) -> None:
    """A process that isn't gone yet holds the cgroup of a dead worker's sandbox: others are removed all the same."""
    hierarchies = cgroups.find()
    if hierarchies is None:
        pytest.skip("this host hands out no cgroups")
    busy, other = killed(tmp_path)
    late = subprocess.Popen(["sleep", "300"])
    try:
        hierarchies.at(busy).join(late.pid)
        assert Bubblewrap(tmp_path).reap() == [other]
    finally:
        late.kill()
        late.wait()
    assert Bubblewrap(tmp_path).reap() == [busy]
    assert Bubblewrap(tmp_path).reap() == []


def killed(folder: Path) -> list[str]:
    """The ids of two sandboxes whose worker died by kill -9."""
    script = textwrap.dedent(f"""
        import asyncio
        from pathlib import Path
        from contracts.policy import SandboxPolicy
        from sandboxes import Bubblewrap

        async def main():
            provider = Bubblewrap(Path({str(folder)!r}))
            boxes = [await provider.create(SandboxPolicy(), owner="killed") for _ in range(2)]
            print(*(box.id for box in boxes), flush=True)
            await asyncio.sleep(300)

        asyncio.run(main())
    """)
    worker = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, cwd=ROOT)
    assert worker.stdout
    names = worker.stdout.readline().decode().split()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    worker.stdout.close()
    assert len(names) == 2
    return names

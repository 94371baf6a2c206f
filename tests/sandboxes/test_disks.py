"""A disk of its own: the sum of all files and their number are bounded, and it goes without a trace."""

import asyncio
import contextlib
import gc
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import DiskFull, SandboxUnavailable
from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap, cgroups, disks
from sandboxes.bubblewrap import BubblewrapSandbox

SIZE = 8 << 20


@pytest.fixture(autouse=True)
def needs_disks(provider: Bubblewrap) -> None:
    if not provider.check().disks:
        pytest.skip("this worker may not mount")


def used(folder: Path) -> int:
    return sum(path.lstat().st_blocks * 512 for path in folder.rglob("*"))


async def test_the_sum_of_files_is_bounded(box: BubblewrapSandbox) -> None:
    script = "for i in $(seq 20); do head -c 1000000 /dev/zero > f$i || exit 9; done"
    result = await box.exec(["sh", "-c", script])
    assert result.exit_code == 9
    assert b"No space left" in result.stderr
    assert used(box.place) <= SIZE
    with pytest.raises(DiskFull):
        await box.write("more", b"x" * 2_000_000)
    await box.exec(["sh", "-c", "rm f*"])
    await box.write("more", b"x" * 2_000_000)


async def test_the_number_of_files_is_bounded(box: BubblewrapSandbox) -> None:
    result = await box.exec(["sh", "-c", "i=0; while true > $i; do i=$((i+1)); done 2>/dev/null; echo $i"])
    assert 100 < int(result.stdout) < 10_000


async def test_nothing_of_a_disk_stays(provider: Bubblewrap) -> None:
    def mounts() -> str:
        return Path("/proc/self/mounts").read_text()

    box = await provider.create(SandboxPolicy(disk_bytes=SIZE))
    assert str(provider.folder / "boxes" / box.id) in mounts()
    await box.destroy()
    assert str(provider.folder / "boxes" / box.id) not in mounts()
    assert [path.suffix for path in (provider.folder / "disks").iterdir()] == [".ext4"] * len(
        list((provider.folder / "disks").iterdir())
    )


def loops(folder: Path) -> list[str]:
    """Loop devices over images that lie in a folder, unlinked ones too."""
    found = []
    for file in Path("/sys/block").glob("loop*/loop/backing_file"):
        with contextlib.suppress(OSError):
            found.append(file.read_text())
    return [text for text in found if str(folder) in text]


async def test_a_disk_made_ahead_goes_with_its_provider(tmp_path: Path) -> None:
    provider = Bubblewrap(tmp_path)
    for _ in range(3):
        async with await provider.create(SandboxPolicy(disk_bytes=SIZE)):
            pass
    for _ in range(3000):
        if len(loops(tmp_path)) == 1:
            break
        await asyncio.sleep(0.02)
    assert len(loops(tmp_path)) == 1
    del provider
    gc.collect()
    for _ in range(3000):
        if not loops(tmp_path):
            break
        await asyncio.sleep(0.02)
    assert loops(tmp_path) == []


async def test_two_disks_are_two(provider: Bubblewrap) -> None:
    policy = SandboxPolicy(disk_bytes=SIZE)
    async with await provider.create(policy) as one, await provider.create(policy) as other:
        await asyncio.gather(one.write("a", b"1"), other.write("a", b"2"))
        assert (await one.read("a"), await other.read("a")) == (b"1", b"2")


async def test_a_device_inside_would_not_work(box: BubblewrapSandbox) -> None:
    """Even one that root makes there: the disk is mounted without devices and without setuid."""
    os.mknod(box.place / "null", 0o20666, os.makedev(1, 3))
    result = await box.exec(["sh", "-c", "echo x > null"])
    assert b"Permission denied" in result.stderr


async def test_a_policy_that_needs_a_limit_is_refused_without_it(
    provider: Bubblewrap, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = SandboxPolicy(needs=("disk", "memory"))
    async with await provider.create(needs):
        pass
    monkeypatch.setattr(disks, "find", lambda folder: None)
    monkeypatch.setattr(cgroups, "find", lambda: None)
    lesser = Bubblewrap(provider.folder)
    async with await lesser.create(SandboxPolicy()) as box:
        await box.write("a", b"1")
        assert (await box.exec(["cat", "a"])).stdout == b"1"
    with pytest.raises(SandboxUnavailable, match="disk, memory"):
        await lesser.create(needs)
    assert lesser.alive() == []


def test_a_mount_that_fails_is_no_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disks, "OPTIONS", "no-such-option")
    assert disks.find(tmp_path / "disks") is None
    assert str(tmp_path) not in Path("/proc/self/mounts").read_text()


DIES = """
import os, signal, sys
from pathlib import Path
from sandboxes import disks
with disks.trial(Path(sys.argv[1])) as place:
    disks.Disks(place.parent).mount(disks.SMALLEST, place)
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_worker_that_dies_as_it_tries_disks_out_leaves_its_mount_to_the_next_trial_only(tmp_path: Path) -> None:
    folder = tmp_path / "disks"

    def mounted() -> int:
        return Path("/proc/self/mounts").read_text().count(f"{folder}/")

    died = subprocess.run([sys.executable, "-c", DIES, str(folder)], check=False)
    assert (died.returncode, mounted()) == (-signal.SIGKILL, 1)
    with disks.trial(folder) as place:
        disks.Disks(folder).mount(disks.SMALLEST, place)
        assert mounted() == 1, "the dead one's is gone, and this one's is there"
        assert disks.find(folder) is not None
        assert mounted() == 1, "that of a living process stays"
    assert mounted() == 0
    assert [path.suffix for path in folder.iterdir()] == [".ext4"]

"""The work survives its sandbox: what a checkpoint holds, how little it costs, where it fits."""

import asyncio
import json
from pathlib import Path

import pytest

from contracts.errors import BadInput
from contracts.policy import SandboxPolicy
from ledger import FolderArtifacts
from sandboxes import Sandbox, SandboxProvider

TELL = "cd /work; find . -printf '%p %y %m %l\\n' | sort; find . -type f -exec sha256sum {} + | sort"
BASE = """
mkdir -p src/deep gone/deep; for i in $(seq 30); do echo $i > src/$i; done
echo x > gone/deep/x; echo x > becomes_link; mkdir becomes_file; ln -s src becomes_folder; ln -s src link
chmod 755 src/1
"""
CHANGE = """
echo changed > src/2; rm src/3; rm -r gone; ln -sf src/1 becomes_link; rmdir becomes_file; echo f > becomes_file
rm becomes_folder; mkdir becomes_folder; echo in > becomes_folder/in; ln -sfn /etc/passwd link; chmod 700 src/4
mkdir -p empty closed/in; echo c > closed/in/c; chmod 555 closed/in closed
head -c 300000 /dev/urandom > src/big; : > src/none
printf odd > "$(printf 'caf\\351\\nline')"; mkfifo pipe
echo '#!/bin/sh' > run; chmod 4755 run 2>/dev/null; chmod 755 run
"""


class Counting(FolderArtifacts):
    """How much was stored."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.sizes: list[int] = []

    def put(self, data: bytes) -> str:
        self.sizes.append(len(data))
        return super().put(data)


@pytest.fixture
def store(tmp_path: Path) -> Counting:
    return Counting(tmp_path / "artifacts")


async def told(box: Sandbox) -> bytes:
    result = await box.exec(["sh", "-c", TELL])
    assert result.exit_code == 0, result.stderr
    return result.stdout


async def based(provider: SandboxProvider) -> Sandbox:
    box = await provider.create(SandboxPolicy())
    await box.exec(["sh", "-c", BASE])
    await box.mark_base("base")
    return box


async def test_another_sandbox_gets_the_same_work(provider: SandboxProvider, store: Counting) -> None:
    async with await based(provider) as box:
        await box.exec(["sh", "-c", CHANGE])
        ref = await box.checkpoint(store)
        await box.exec(["rm", "pipe"])
        expected = await told(box)
    async with await based(provider) as other:
        await other.restore(store, ref)
        assert await told(other) == expected
        assert await other.checkpoint(store) == ref
        await other.write("src/5", b"on the other")
        later = await other.checkpoint(store)
        expected = await told(other)
    async with await based(provider) as third:
        await third.restore(store, later)
        assert await told(third) == expected


async def test_only_the_change_is_stored(provider: SandboxProvider, store: Counting) -> None:
    async with await based(provider) as box:
        await box.write("large", b"l" * 5_000_000)
        await asyncio.sleep(0.05)
        first = await box.checkpoint(store)
        assert sum(store.sizes) < 5_010_000
        store.sizes.clear()
        assert await box.checkpoint(store) == first
        await box.write("small", b"s")
        assert await box.checkpoint(store) != first
        assert sum(store.sizes) < 3_000
        entries = json.loads(store.get(first))["entries"]
        assert list(entries) == ["large"]


async def test_a_change_within_a_tick_is_not_missed(provider: SandboxProvider, store: Counting) -> None:
    """The same size, the same moment: only reading it again tells."""
    async with await based(provider) as box:
        descriptor = (box.place / "src/7").open("r+b", buffering=0)
        refs = set()
        for number in range(50):
            descriptor.seek(0)
            descriptor.write(b"%d" % (number % 10))
            refs.add(await box.checkpoint(store))
        descriptor.close()
    assert len(refs) == 10


async def test_links_are_kept_as_links(provider: SandboxProvider, store: Counting, tmp_path: Path) -> None:
    """A link to the host is stored and put back as a link; nothing is ever read or written through it."""
    (tmp_path / "secret").write_text("the host's own")
    async with await based(provider) as box:
        await box.exec(["sh", "-c", f"ln -s {tmp_path}/secret s; ln -s {tmp_path} d"])
        ref = await box.checkpoint(store)
    assert b"the host's own" not in b"".join(store.get(piece) for piece in {ref})
    assert all("pieces" not in entry for entry in json.loads(store.get(ref))["entries"].values())
    async with await based(provider) as other:
        await other.restore(store, ref)
        assert (other.place / "s").is_symlink()


async def test_a_checkpoint_fits_its_base_only(provider: SandboxProvider, store: Counting) -> None:
    async with await based(provider) as box:
        await box.write("a", b"1")
        ref = await box.checkpoint(store)
        with pytest.raises(BadInput, match="changed already"):
            await box.restore(store, ref)
    async with await provider.create(SandboxPolicy()) as other:
        with pytest.raises(BadInput, match="made over 'base'"):
            await other.restore(store, ref)
        with pytest.raises(BadInput, match="no checkpoint"):
            await other.restore(store, store.put(b"{}"))


async def test_without_a_base_all_is_kept(provider: SandboxProvider, store: Counting) -> None:
    async with await provider.create(SandboxPolicy()) as box:
        await box.write("deep/a", b"1")
        ref = await box.checkpoint(store)
    async with await provider.create(SandboxPolicy()) as other:
        await other.restore(store, ref)
        assert await other.read("deep/a") == b"1"

"""A real bubblewrap provider in a folder of the test's own."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.policy import SandboxPolicy
from sandboxes import Bubblewrap
from sandboxes.bubblewrap import BubblewrapSandbox


@pytest.fixture(scope="session")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Bubblewrap:
    made = Bubblewrap(tmp_path_factory.mktemp("sandboxes"))
    made.check()
    return made


@pytest.fixture
def folder(provider: Bubblewrap) -> Path:
    return provider.folder


@pytest.fixture
async def box(provider: Bubblewrap) -> AsyncIterator[BubblewrapSandbox]:
    """A sandbox with small limits, so that a test which hits them stays quick."""
    policy = SandboxPolicy(memory_bytes=256 << 20, processes=32, wall_seconds=20, disk_bytes=8 << 20)
    async with await provider.create(policy, owner="test") as sandbox:
        yield sandbox

"""The hosted provider, through the vendor's own SDK, to a stand-in of the vendor's API on the loopback."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.policy import SandboxPolicy
from ledger import FolderArtifacts
from sandboxes import Bubblewrap
from sandboxes.hosted import Daytona, Options
from sandboxes.hosted.machine import HostedSandbox
from tests.support.hosted import KEY, StandIn

GIB = 1 << 30
POLICY = SandboxPolicy(provider="daytona", memory_bytes=GIB, disk_bytes=GIB, cpus=1, wall_seconds=20)


@pytest.fixture
async def standin(tmp_path: Path, provider: Bubblewrap, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[StandIn]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.chdir(tmp_path)  # the SDK looks for .env where it runs
    async with StandIn(tmp_path / "homes", provider) as server:
        yield server


@pytest.fixture
def options(standin: StandIn) -> Options:
    return Options(switch="daytona", key=KEY, url=standin.url, create_seconds=30, call_seconds=30)


@pytest.fixture
async def hosted(options: Options, provider: Bubblewrap) -> AsyncIterator[Daytona]:
    daytona = Daytona(options, installation="tests", local=provider)
    yield daytona
    await daytona.close()


@pytest.fixture
async def far(hosted: Daytona) -> AsyncIterator[HostedSandbox]:
    async with await hosted.create(POLICY, owner="test") as box:
        yield box


@pytest.fixture
def store(tmp_path: Path) -> FolderArtifacts:
    return FolderArtifacts(tmp_path / "artifacts")

"""A host with a certificate, found under several names."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.sandboxes.egress.world import NAMES, SECRET, VARIABLE, Host, World, authority, serving


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    return authority(tmp_path_factory.mktemp("authority"), (*NAMES, "rebind.test"))


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """What a sandbox asks with."""
    lacking = [path for path in ("/usr/bin/curl", "/usr/bin/python3") if not Path(path).exists()]
    if lacking:
        pytest.skip(f"there is no {' and no '.join(lacking)} to ask with (deploy/bin/setup test)")


@pytest.fixture
async def world(
    certificates: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[World]:
    monkeypatch.setenv(VARIABLE, SECRET)
    host = Host()
    async with serving(host.serve, certificates[1]) as port:
        host.port = port
        yield World(tmp_path, *certificates, host)

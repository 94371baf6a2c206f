"""A real sandbox for the whole session, with the pytest of this environment mounted read-only."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from contracts.policy import SandboxPolicy
from sandboxes import Mount, choose
from sandboxes.protocol import Sandbox

PYTHON = Path("/usr/bin/python3")
TOOLS = Path(pytest.__file__).parents[1]

# pytest itself is pure Python; the plugins of this environment may not be.
ENVIRONMENT = {"PYTHONPATH": "/tools", "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


@pytest.fixture(scope="session")
async def sandbox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Sandbox]:
    if not PYTHON.exists():
        pytest.skip("no system Python to try with")
    provider = choose(tmp_path_factory.mktemp("sandboxes"))
    policy = SandboxPolicy(memory_bytes=1 << 30, wall_seconds=200)
    async with await provider.create(policy, owner="test", mounts=[Mount(TOOLS, "/tools")]) as box:
        yield box

"""An installation that fixes tickets: on a Temporal server of its own, with machines, and with a model where asked."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from activities.models import models_from_environment
from tests.support.model_server import ModelServer
from tests.support.platform import Installation, Platform
from workers import machines
from workers.devserver import Binary, DevServer
from workers.worker import build

KEY = "sk-sentinel-of-the-ticket-tests"


async def installed(
    stack: AsyncExitStack, server: DevServer, state: Path, environ: dict[str, str], *, cached_workflows: int = 0
) -> Platform:
    platform = await Installation(server, state).open(stack, models=models_from_environment(environ))
    held = machines.leases(state, 0)
    platform = replace(platform, tools=replace(platform.tools, leases=held))
    for kind in ("agents", "effects"):
        await stack.enter_async_context(build(platform.client, kind, platform.tools, cached_workflows=cached_workflows))
    await stack.enter_async_context(machines.serving(platform.client, platform.tools))
    return platform


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def modelled(
    temporal_binary: Binary, running_model_server: ModelServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Platform]:
    """One with a model, which says what the fixture `serving` was scripted to."""
    folder = tmp_path_factory.mktemp("modelled-fixes")
    environ = {
        "ANTHROPIC_API_KEY": KEY,
        "ANTHROPIC_BASE_URL": running_model_server.anthropic_url,
        "COUNTERSIGN_PRICES_OF": "anthropic",
    }
    async with AsyncExitStack() as stack:
        server = DevServer(folder / "temporal", binary=temporal_binary, say=print)
        await stack.enter_async_context(server)
        yield await installed(stack, server, folder / "state", environ)


@pytest.fixture
def serving(model_server: ModelServer, monkeypatch: pytest.MonkeyPatch) -> ModelServer:
    """The scripted model of `modelled`."""
    monkeypatch.setattr(model_server, "key", KEY)
    return model_server

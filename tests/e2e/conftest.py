"""A Temporal server for installations that a test spoils: their workers share no queue with `here`."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path

import pytest
import pytest_asyncio

from tests.support.platform import Installation, Platform
from workers.devserver import Binary, DevServer
from workers.watcher import watch
from workers.worker import build

pytest.register_assert_rewrite("tests.e2e.failures", "tests.e2e.unattended")

Installed = Callable[..., AbstractAsyncContextManager[Platform]]


@pytest_asyncio.fixture(scope="package")
async def own_server(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DevServer]:
    async with DevServer(tmp_path_factory.mktemp("e2e-temporal"), binary=temporal_binary, say=print) as server:
        yield server


@pytest.fixture
def installed(own_server: DevServer) -> Installed:
    """Opens an installation in a folder, with both workers in this process unless told otherwise."""

    @asynccontextmanager
    async def opened(
        state: Path, *, kinds: tuple[str, ...] = ("agents", "effects"), **settings: object
    ) -> AsyncIterator[Platform]:
        async with AsyncExitStack() as stack:
            made = Installation(own_server, state)
            made.settings = made.settings.model_copy(update=settings)
            here = await made.open(stack)
            for kind in kinds:
                await stack.enter_async_context(build(here.client, kind, here.tools, cached_workflows=0))  # type: ignore[arg-type]
            watching = asyncio.create_task(watch(here.client, here.ledger))
            yield here
            watching.cancel()
            with suppress(asyncio.CancelledError):
                await watching

    return opened

"""A Temporal server for the tests, found the product's own way, and one no-op client of it."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from workers.devserver import Binary, DevServer, find
from workers.settings import Settings


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_binary() -> Binary:
    """Found, downloaded or built once; `make test` does the latter before, with progress."""
    return await find(Settings().tools, print)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def temporal_server(
    temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[DevServer]:
    """One server for the whole session, on ports of its own."""
    async with DevServer(tmp_path_factory.mktemp("temporal"), binary=temporal_binary, say=print) as server:
        yield server

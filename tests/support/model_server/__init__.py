"""A local server that speaks Anthropic's, OpenAI's and Bedrock's protocols to the real clients, scripted by each test.

`pytest_plugins = ["tests.support.model_server"]` gives the fixtures `model_server` and `no_real_models`.
"""

from collections.abc import Iterator

import pytest

from tests.support.model_server.guard import RealModelCalled, no_real_models
from tests.support.model_server.script import Asked, Called, Scripted, error
from tests.support.model_server.server import KEY, ModelServer

__all__ = [
    "KEY",
    "Asked",
    "Called",
    "ModelServer",
    "RealModelCalled",
    "Scripted",
    "error",
    "model_server",
    "no_real_models",
    "running_model_server",
]


@pytest.fixture(scope="session")
def running_model_server() -> Iterator[ModelServer]:
    with ModelServer() as server:
        yield server


@pytest.fixture
def model_server(running_model_server: ModelServer) -> Iterator[ModelServer]:
    """The server with nothing scripted. A request that the test scripted no reply for fails the test."""
    running_model_server.reset()
    yield running_model_server
    assert running_model_server.surprises == []
    assert not running_model_server.queue, "scripted replies were left over"

"""The model server, and no way past it."""

import pytest

from tests.support.model_server import model_server, no_real_models, running_model_server

__all__ = ["model_server", "no_real_models", "running_model_server"]


@pytest.fixture(autouse=True)
def guarded(no_real_models: None) -> None:
    """Real calls are impossible here."""

"""Fixtures that all tests share. See tests/support for the real parts they start."""

import os
from pathlib import Path

import pytest
from playwright.async_api import expect

# How long a page may take to show something. Five seconds, the default, are few on two busy cores.
expect.set_options(timeout=60_000)

# A model key or a state folder of whoever runs the tests must not be reached from here.
for name in list(os.environ):
    if name.startswith(("COUNTERSIGN_", "ANTHROPIC_", "OPENAI_", "TEMPORAL_")) and not name.startswith(
        ("COUNTERSIGN_TEST_", "COUNTERSIGN_TOOLS")
    ):
        del os.environ[name]

pytest_plugins = [
    "tests.support.temporal",
    "tests.support.platform",
    "tests.support.docker",
    "tests.support.model_server",
    "tests.support.time_skipping",
]


SANDBOXES = Path(__file__).parent / "sandboxes"


@pytest.hookimpl(tryfirst=True)  # xdist reads the groups as soon as it is asked itself
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What stays in one lane of `pytest -n 2 --dist loadgroup`: a file's tests, and all that the one engine serves."""
    for item in items:
        file = item.path
        item.add_marker(pytest.mark.xdist_group("sandboxes" if SANDBOXES in file.parents else file.stem))


@pytest.fixture(autouse=True)
def no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminal output in tests is plain."""
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session", autouse=True)
def only_scripted_models(no_real_models: None) -> None:
    """A call to a real provider fails the test that makes it."""

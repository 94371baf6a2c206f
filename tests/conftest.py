"""Fixtures that all tests share. See tests/support for the real parts they start."""

import os
import sys

import pytest
from playwright.async_api import expect

# How long a page may take to show something. Five seconds, the default, are few on two busy cores.
expect.set_options(timeout=60_000)

# Where Python keeps no compiled modules, each of the hundreds of processes that tests start compiles all it imports.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A model key or a state folder of whoever runs the tests must not be reached from here.
for name in list(os.environ):
    if name.startswith(("COUNTERSIGN_", "ANTHROPIC_", "OPENAI_", "TEMPORAL_")) and not name.startswith(
        ("COUNTERSIGN_TEST_", "COUNTERSIGN_TOOLS")
    ):
        del os.environ[name]

# What isn't a terminal has no width: a process of xdist's is given one.
os.environ.pop("COLUMNS", None)

# Tests read tickets with word vectors, whatever this machine has: quicker, and the same everywhere.
os.environ["COUNTERSIGN_EMBEDDINGS"] = os.devnull

pytest_plugins = [
    "tests.support.temporal",
    "tests.support.platform",
    "tests.support.docker",
    "tests.support.model_server",
    "tests.support.fixing",
    "tests.support.time_skipping",
    "tests.support.spread",
]


@pytest.fixture(autouse=True)
def no_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Terminal output in tests is plain."""
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture(scope="session", autouse=True)
def only_scripted_models(no_real_models: None) -> None:
    """A call to a real provider fails the test that makes it."""

"""mypy takes a minute and a half, and tests leave a core idle again and again: in a run of everything it starts with
the first test, and is waited for here. Of two processes of tests, the one that will wait for it starts it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

import pytest

from tests.support.spread import AHEAD
from workers.processes import die_with_parent

ROOT = Path(__file__).parents[2]
ALL = 1000  # tests: a run of so many is one of everything
ahead = pytest.StashKey["Mypy"]()


class Mypy:
    """One run of it, at the lowest priority."""

    def __init__(self) -> None:
        self.output: IO[bytes] = TemporaryFile()  # noqa: SIM115 it lives as long as the process
        command = ["nice", "-n", "19", str(Path(sys.executable).parent / "mypy")]
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=self.output, stderr=self.output, preexec_fn=die_with_parent()
        )

    def result(self) -> tuple[int, str]:
        """Its exit code, and all that it said."""
        code = self.process.wait()
        self.output.seek(0)
        return code, self.output.read().decode()


def pytest_collection_finish(session: pytest.Session) -> None:
    waits = os.environ.get("PYTEST_XDIST_WORKER", AHEAD) == AHEAD
    if waits and len(session.items) >= ALL and any("mypy" in item.name for item in session.items):
        session.stash[ahead] = Mypy()


def pytest_sessionfinish(session: pytest.Session) -> None:
    if (begun := session.stash.get(ahead, None)) is not None:
        begun.process.kill()
        begun.process.wait()


@pytest.fixture
def mypy(request: pytest.FixtureRequest) -> Iterator[Callable[[], tuple[int, str]]]:
    """Waits for mypy, and gives its exit code and what it said."""
    begun = request.session.stash.get(ahead, None) or Mypy()
    yield begun.result
    begun.process.kill()

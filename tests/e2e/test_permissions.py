"""No permission: the workers run as somebody who may not read, or may not write, a repository."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from contracts.changelog import ChangelogRequest
from tests.chaos.conftest import ROOT, environment
from tests.e2e.conftest import Installed
from tests.e2e.failures import failed, nothing_is_left
from tests.support.platform import Platform
from tests.workflows.test_changelog import branches, small_repository

# Root passes over permissions by these two capabilities; without them it is the files' owner and no more.
OVER = "-dac_override,-dac_read_search"


@contextmanager
def ordinary_worker(here: Platform, kind: str, log: Path) -> Iterator[None]:
    """A worker process for which permissions count."""
    command = [sys.executable, "-m", "workers", "worker", kind]
    if os.geteuid() == 0:
        if not shutil.which("setpriv"):
            pytest.skip("as root, permissions only count for a process started by setpriv")
        command = ["setpriv", f"--inh-caps={OVER}", f"--bounding-set={OVER}", *command]
    with log.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, env=environment(here.settings), stdout=out, stderr=out)
    try:
        yield
    finally:
        process.kill()
        process.wait()


async def test_a_repository_that_may_not_be_read(installed: Installed, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    (repository / ".git").chmod(0)
    try:
        async with installed(tmp_path / "state", kinds=()) as here:
            with ordinary_worker(here, "agents", tmp_path / "log"):
                run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
                failure = await failed(here, run)
            assert (failure.name, failure.attempts) == ("AccessRefused", 1)
            assert str(repository) in failure.message
            assert "permissions" in failure.problem["way_out"]
            nothing_is_left(here)
    finally:
        (repository / ".git").chmod(0o755)
    assert branches(repository) == []


async def test_a_repository_that_may_be_read_but_not_written(installed: Installed, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    folders = [repository / ".git" / name for name in ("objects", "refs", "refs/heads", "")]
    for folder in folders:
        folder.chmod(0o555)
    try:
        async with installed(tmp_path / "state", kinds=("agents",)) as here:
            with ordinary_worker(here, "effects", tmp_path / "log"):
                run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
                await here.decide(await here.waiting(run), "approve")
                failure = await failed(here, run)
            assert (failure.name, failure.attempts) == ("AccessRefused", 1)
            assert str(repository) in failure.message
            assert "write access" in failure.problem["way_out"]
            assert [effect.state for effect in here.ledger.effects(run=run)] == ["failed"]
            nothing_is_left(here, repository)
    finally:
        for folder in folders:
            folder.chmod(0o755)

"""A disk that is really full: a small one is mounted, and filled to the last byte."""

import contextlib
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.changelog import ChangelogRequest
from tests.e2e.conftest import Installed
from tests.e2e.failures import ended, failed, inbox, nothing_is_left
from tests.support.platform import Platform
from tests.workflows.test_changelog import branches, small_repository


@contextlib.contextmanager
def disk(where: Path, size: str) -> Iterator[Path]:
    """A file system of that size. Skips where we may not mount one."""
    where.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(where)], capture_output=True)
    if os.geteuid() != 0 or made.returncode:
        pytest.skip(f"a full disk needs a file system of its own: {made.stderr.decode().strip()}")
    try:
        yield where
    finally:
        subprocess.run(["umount", "--lazy", str(where)], check=True)


def fill(where: Path, *, leaving: int = 0) -> Path:
    """Take all the room that is left but for some bytes. Removing the file gives it back."""
    ballast = where / "ballast"
    with ballast.open("wb", buffering=0) as file:
        for piece in (1 << 20, 4096):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * piece) == piece:
                    pass
    os.truncate(ballast, ballast.stat().st_size - leaving)
    return ballast


@pytest.mark.parametrize("room", [0, 1 << 20])
async def test_a_full_disk_while_gathering(installed: Installed, tmp_path: Path, room: int) -> None:
    repository = small_repository(tmp_path / "app")
    database = f"sqlite:///{tmp_path / 'ledger.db'}"
    with disk(tmp_path / "small", "200m") as small:
        async with installed(small / "state", database_url=database) as here:
            ballast = fill(small, leaving=room)
            failure = await failed(here, await here.start("changelog", ChangelogRequest(repository=str(repository))))
            assert (failure.name, failure.attempts) == ("DiskFull", 1)
            assert str(small) in failure.message + failure.problem["subject"]
            assert "Free some" in failure.problem["way_out"]
            nothing_is_left(here, repository)
            ballast.unlink()
            await completes(here, repository)


async def test_a_full_disk_under_the_ledger(installed: Installed, tmp_path: Path) -> None:
    """Even the failure can't be written down then. It is, as soon as there is room."""
    repository = small_repository(tmp_path / "app")
    with disk(tmp_path / "small", "200m") as small:
        async with installed(small / "state") as here:
            run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
            proposal = await here.waiting(run)
            ballast = fill(small)
            await here.decide(proposal, "approve")
            with pytest.raises(Exception, match="Workflow execution failed"):
                await here.outcome(run)
            ballast.unlink()
            record = await ended(here, run)
            assert record.state == "failed"
            assert "full" in record.says
            assert "Free some space" in await inbox(here)
            assert branches(repository) == []
            nothing_is_left(here, repository)
            here.ledger.seal()
            assert here.ledger.verify().ok
            await completes(here, repository)


async def test_a_full_disk_while_committing(here: Platform, tmp_path: Path) -> None:
    with disk(tmp_path / "small", "4m") as small:
        repository = small_repository(small / "app")
        run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
        proposal = await here.waiting(run)
        ballast = fill(small)
        await here.decide(proposal, "approve")
        failure = await failed(here, run)
        assert (failure.name, failure.attempts) == ("DiskFull", 1)
        assert str(repository) in failure.message
        assert [effect.state for effect in here.ledger.effects(run=run)] == ["failed"]
        nothing_is_left(here, repository)
        ballast.unlink()
        await completes(here, repository)


async def completes(here: Platform, repository: Path) -> None:
    """With room again, a new run does it."""
    run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
    await here.decide(await here.waiting(run), "approve")
    assert (await here.outcome(run)).state == "done"
    assert len(branches(repository)) == 1

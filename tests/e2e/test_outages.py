"""What is away for a while is waited for: a worker, a locked database, a database that restarts."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from contracts.changelog import ChangelogRequest
from tests.e2e.conftest import Installed
from tests.support import postgres
from tests.support.platform import Platform
from tests.workflows.test_changelog import branches, small_repository


async def completes(here: Platform, run: str, repository: Path) -> None:
    await here.decide(await here.waiting(run), "approve")
    assert (await here.outcome(run)).state == "done"
    assert len(branches(repository)) == 1
    names = [entry.name for entry in here.ledger.entries(run=run) if entry.outcome == "ok"]
    for step in ("changelog.gather", "changelog.compose", "changelog.propose", "gate.judge", "effect.carry_out"):
        assert step in names
    here.ledger.seal()
    assert here.ledger.verify().ok


async def test_a_run_waits_for_a_worker_that_is_gone(installed: Installed, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    async with installed(tmp_path / "state", kinds=()) as here:
        run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
        await asyncio.sleep(3)
        assert here.ledger.run(run).state == "running"
    async with installed(tmp_path / "state", kinds=("agents",)) as here:
        await here.decide(await here.waiting(run), "approve")
        await asyncio.sleep(1)
        assert branches(repository) == [], "the worker that may write is not there"
    async with installed(tmp_path / "state") as here:
        assert (await here.outcome(run)).state == "done"
        assert len(branches(repository)) == 1


async def test_a_database_that_is_locked_for_a_while_loses_nothing(installed: Installed, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    async with installed(tmp_path / "state") as here:
        run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
        other = sqlite3.connect(here.settings.state / "ledger.db", isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        await asyncio.sleep(3)
        assert here.ledger.entries(run=run) == []
        other.execute("COMMIT")
        other.close()
        await completes(here, run, repository)


@pytest.mark.postgres
async def test_a_database_that_restarts_in_the_middle_of_a_run(installed: Installed, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    with postgres.restartable() as (url, control), postgres.database(url, "outage") as database:
        async with installed(tmp_path / "state", database_url=database) as here:
            run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(control, "stop")
            await asyncio.sleep(4)
            await asyncio.to_thread(control, "start")
            proposal = await here.waiting(run)
            await asyncio.to_thread(control, "stop")
            await here.decide(proposal, "approve")
            await asyncio.sleep(2)
            await asyncio.to_thread(control, "start")
            assert (await here.outcome(run)).state == "done"
            assert len(branches(repository)) == 1
            assert [effect.state for effect in here.ledger.effects(run=run)] == ["done"]

"""The gate survives restarts of everything: server, workers, ledger. Ten runs at once don't disturb each other."""

import asyncio
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from contracts.changelog import ChangelogRequest
from tests.chaos.conftest import KINDS, Workers
from tests.support.platform import Installation
from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos


async def test_a_parked_run_survives_the_death_of_everything(temporal_binary: Binary, tmp_path: Path) -> None:
    repository = small_repository(tmp_path / "app")
    server_folder, state = tmp_path / "temporal", tmp_path / "state"

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(server_folder, binary=temporal_binary))
        here = await Installation(server, state).open(stack)
        workers = Workers(here, tmp_path)
        stack.callback(workers.stop)
        workers.start(*KINDS)
        run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
        proposal = await here.waiting(run)
        workers.stop()
        assert server.pid is not None
        os.kill(server.pid, signal.SIGKILL)

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(server_folder, binary=temporal_binary))
        here = await Installation(server, state).open(stack)
        assert [each.digest for each in here.ledger.proposals(state="open")] == [proposal.digest]
        workers = Workers(here, tmp_path)
        stack.callback(workers.stop)
        workers.start(*KINDS)
        await here.decide(proposal, "approve")
        outcome = await here.outcome(run)
        assert (outcome.state, outcome.digest) == ("done", proposal.digest)
        [branch] = branches(repository)
        assert git(repository, "rev-list", "--count", f"HEAD..{branch}") == "1"
        here.ledger.seal()
        assert here.ledger.verify().ok


async def test_ten_runs_at_once_with_workers_dying_make_ten_effects(workers: Workers, tmp_path: Path) -> None:
    installation = workers.here
    repositories = [small_repository(tmp_path / f"app{number}") for number in range(10)]
    runs = [
        await installation.start("changelog", ChangelogRequest(repository=str(repository)))
        for repository in repositories
    ]
    await asyncio.sleep(1.0)
    await workers.kill("agents")
    proposals = await asyncio.gather(*(installation.waiting(run) for run in runs))
    await asyncio.gather(*(installation.decide(proposal, "approve") for proposal in proposals))
    await asyncio.sleep(0.3)
    await workers.kill("effects")
    outcomes = await asyncio.gather(*(installation.outcome(run) for run in runs))
    assert {outcome.state for outcome in outcomes} == {"done"}
    assert [len(branches(repository)) for repository in repositories] == [1] * 10
    assert workers.deaths >= 2


async def test_two_runs_on_one_repository_at_once_each_make_their_own_branch(workers: Workers, tmp_path: Path) -> None:
    installation = workers.here
    repository = small_repository(tmp_path / "app")
    runs = [await installation.start("changelog", ChangelogRequest(repository=str(repository))) for _ in range(2)]
    for run in runs:
        await installation.decide(await installation.waiting(run), "approve")
    outcomes = [await installation.outcome(run) for run in runs]
    assert [outcome.state for outcome in outcomes] == ["done", "done"]
    assert len(branches(repository)) == 2

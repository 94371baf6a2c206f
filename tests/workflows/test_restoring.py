"""Yesterday's backup of the ledger or of Temporal is put back while a run waits: nothing is lost or done twice."""

import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from contracts.changelog import ChangelogRequest
from contracts.errors import NotFound
from contracts.proposal import Proposal
from ledger import FolderArtifacts
from tests.support.platform import Installation, Platform
from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository
from tests.workflows.test_gate import ruling
from workers.devserver import Binary, DevServer
from workers.restoring import Restored, restore
from workers.worker import build


@asynccontextmanager
async def running(folder: Path, binary: Binary) -> AsyncIterator[Platform]:
    """Everything up on that folder; stopped after."""
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(DevServer(folder / "temporal", binary=binary, say=print))
        here = await Installation(server, folder / "state").open(stack)
        for kind in ("agents", "effects"):
            await stack.enter_async_context(build(here.client, kind, here.tools, cached_workflows=0))  # type: ignore[arg-type]
        yield here


async def restored(here: Platform) -> Restored:
    return await restore(here.client, here.ledger, FolderArtifacts(here.settings.artifacts), print)


async def parked(here: Platform, repository: Path) -> Proposal:
    run = await here.start("changelog", ChangelogRequest(repository=str(small_repository(repository))))
    return await here.waiting(run)


def backup(folder: Path) -> Callable[[], None]:
    """Keep a database and what belongs to it as it is now. The answer puts it back."""
    kept = folder.with_name(f"{folder.name}-kept")
    shutil.copytree(folder, kept)

    def put_back() -> None:
        shutil.rmtree(folder)
        shutil.copytree(kept, folder)

    return put_back


def ledger_backup(state: Path) -> Callable[[], None]:
    kept = (state / "ledger.db").read_bytes()

    def put_back() -> None:
        for each in state.glob("ledger.db*"):
            each.unlink()
        (state / "ledger.db").write_bytes(kept)

    return put_back


async def test_the_ledger_of_yesterday_knows_the_parked_run_again(tmp_path: Path, temporal_binary: Binary) -> None:
    repository, state = tmp_path / "app", tmp_path / "state"
    async with running(tmp_path, temporal_binary):
        pass
    put_back = ledger_backup(state)
    async with running(tmp_path, temporal_binary) as here:
        proposal = await parked(here, repository)
        early = here.sign(proposal, "approve")
    put_back()
    async with running(tmp_path, temporal_binary) as here:
        with pytest.raises(NotFound):
            here.ledger.proposal(proposal.digest)
        await here.signal(proposal.run, early)
        assert "No proposal with this digest" in await ruling(here, early)
        assert branches(repository) == []

        done = await restored(here)
        assert (done.proposals, done.lost, done.silent) == ((proposal.digest,), (), ())
        assert here.ledger.run(proposal.run).state == "waiting"
        assert (await restored(here)) == Restored()

        await here.decide(here.ledger.proposal(proposal.digest), "approve")
        outcome = await here.outcome(proposal.run)
        assert outcome.state == "done"
        [branch] = branches(repository)
        assert git(repository, "rev-list", "--count", f"HEAD..{branch}").strip() == "1"
        assert here.ledger.verify().ok


async def test_a_proposal_whose_body_is_gone_is_named(tmp_path: Path, temporal_binary: Binary) -> None:
    state = tmp_path / "state"
    async with running(tmp_path, temporal_binary):
        pass
    put_back = ledger_backup(state)
    async with running(tmp_path, temporal_binary) as here:
        proposal = await parked(here, tmp_path / "app")
    put_back()
    for body in (state / "artifacts").rglob("*"):
        if body.is_file() and proposal.digest.encode() in body.read_bytes():
            body.unlink()
    async with running(tmp_path, temporal_binary) as here:
        assert (await restored(here)).lost == (proposal.run,)


async def test_temporal_of_yesterday_is_told_the_decision_and_nothing_is_done_twice(
    tmp_path: Path, temporal_binary: Binary
) -> None:
    repository = tmp_path / "app"
    async with running(tmp_path, temporal_binary) as here:
        proposal = await parked(here, repository)
    put_back = backup(tmp_path / "temporal")
    async with running(tmp_path, temporal_binary) as here:
        await here.decide(proposal, "approve")
        assert (await here.outcome(proposal.run)).state == "done"
        [branch] = branches(repository)
        tip = git(repository, "rev-parse", branch)
    put_back()
    async with running(tmp_path, temporal_binary) as here:
        assert (await restored(here)).decided == (proposal.run,)
        outcome = await here.outcome(proposal.run)
        assert (outcome.state, [effect.repeated for effect in outcome.effects]) == ("done", [True])
        assert git(repository, "rev-parse", branch) == tip
        assert len(here.ledger.effects(run=proposal.run)) == 1

"""Releases: a run that is parked on one stays on it, new ones go to the next, and runs can be moved after a replay."""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import pytest_asyncio
from temporalio import workflow
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion

from console import versions as shown
from console.versions import Version, stranded, versions
from contracts.changelog import ChangelogRequest
from contracts.errors import NotFound
from contracts.steps import AGENTS
from tests.support.platform import Installation, Platform
from tests.workflows.test_changelog import branches, small_repository
from workers import discovery
from workers.devserver import Binary, DevServer
from workers.supervisor import Terminal
from workers.supervisor.children import agents
from workers.up import without_versions
from workers.versions import move, use, version_of
from workers.worker import build

A, B = WorkerDeploymentVersion("team", "A"), WorkerDeploymentVersion("team", "B")


@workflow.defn(name="waits", sandboxed=False)
class Waits:
    """As release A has it."""

    @workflow.run
    async def run(self) -> None:
        await workflow.sleep(timedelta(hours=1))


@workflow.defn(name="waits", sandboxed=False)
class WaitsOtherwise:
    """As release B has it, whose author forgot `workflow.patched`."""

    @workflow.run
    async def run(self) -> None:
        await workflow.execute_activity("look", start_to_close_timeout=timedelta(hours=1))


@pytest_asyncio.fixture(scope="module")
async def installed(temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Platform]:
    """On a server of its own: which version is current is one thing for all of a queue."""
    async with AsyncExitStack() as stack:
        server = DevServer(tmp_path_factory.mktemp("temporal"), binary=temporal_binary, say=print)
        installation = Installation(await stack.enter_async_context(server), tmp_path_factory.mktemp("state"))
        platform = await installation.open(stack)
        await stack.enter_async_context(build(platform.client, "effects", platform.tools))
        yield platform


@asynccontextmanager
async def release(here: Platform, version: WorkerDeploymentVersion) -> AsyncIterator[None]:
    """An agents' worker of that version."""
    classes = [*discovery.workflow_classes(), Waits]
    async with build(here.client, "agents", here.tools, workflows=classes, version=version):
        yield


async def current(here: Platform, version: WorkerDeploymentVersion) -> None:
    """The server hears of a version a moment after its worker began to poll."""

    async def told() -> bool:
        try:
            await use(here.client, version)
        except NotFound:
            return False
        return True

    await until(told)


async def until(check: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(60):
        while not await check():
            await asyncio.sleep(0.1)


async def known(here: Platform) -> dict[str, Version]:
    return {each.build: each for each in await versions(here.client, here.ledger)}


async def served_by(here: Platform, run: str) -> tuple[str, VersioningBehavior]:
    """The build whose worker did a run's last step, and whether the run stays there."""
    info = (await here.client.get_workflow_handle(run).describe()).raw_description.workflow_execution_info
    return info.versioning_info.deployment_version.build_id, VersioningBehavior(info.versioning_info.behavior)


async def command(here: Platform, *argv: str, version: str = "B") -> tuple[int, str]:
    """What a person of that release sees in their terminal."""
    own = here.settings
    environment = {
        **os.environ,
        "COUNTERSIGN_STATE": str(own.state),
        "TEMPORAL_ADDRESS": own.address,
        "COUNTERSIGN_DEPLOYMENT": "team",
        "COUNTERSIGN_VERSION": version,
        "COLUMNS": "200",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "workers", "versions", *argv),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    return process.returncode or 0, said.decode()


async def test_a_parked_run_stays_on_its_release_and_new_ones_go_to_the_next(
    installed: Platform, tmp_path: Path
) -> None:
    here, first = installed, small_repository(tmp_path / "first")
    async with release(here, A):
        await current(here, A)
        old = await here.start("changelog", ChangelogRequest(repository=str(first)))
        proposal = await here.waiting(old)
        async with release(here, B):
            await current(here, B)
            new = await here.start("changelog", ChangelogRequest(repository=str(small_repository(tmp_path / "second"))))
            await here.waiting(new)
            await until(lambda: parked_on(here, "A"))
            found = await known(here)
            assert (found["A"].status, found["A"].share, found["A"].since) == ("draining", 0, proposal.created_at)
            assert (found["B"].status, found["B"].share, found["B"].parked) == ("current", 100, 1)
            assert (found["A"].alive, found["B"].alive) == (True, True)
            assert (await stranded(here.client, here.ledger)).ok
            await here.decide(proposal, "approve")
            assert (await here.outcome(old)).state == "done"
            assert len(branches(first)) == 1, "the effects' worker has no version, and serves all"
            assert await served_by(here, old) == ("A", VersioningBehavior.PINNED)
            assert await served_by(here, new) == ("B", VersioningBehavior.PINNED)
            await here.client.get_workflow_handle(new).cancel()


async def parked_on(here: Platform, build_id: str) -> bool:
    """What the server lists lags behind a little."""
    found = await known(here)
    return build_id in found and (found[build_id].runs, found[build_id].parked) == (1, 1)


async def test_runs_move_once_their_histories_replay_and_others_are_named(
    installed: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here, repository = installed, small_repository(tmp_path / "app")
    waits = f"waits-{uuid.uuid4()}"
    async with release(here, A):
        await current(here, A)
        run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
        await here.client.start_workflow(Waits.run, id=waits, task_queue=AGENTS)
        proposal = await here.waiting(run)
        await until(lambda: has_runs(here, "A", 2))
    async with release(here, B):
        await current(here, B)
        monkeypatch.setattr(shown, "pollers", only_b)
        lost = await stranded(here.client, here.ledger)
        assert not lost.ok
        assert "No worker lives of a version that runs wait for: 2 runs on A (1 parked, the first for" in lost.says
        assert "`countersign versions move --from A`" in lost.fix

        otherwise = [*discovery.workflow_classes(), WaitsOtherwise]
        tried = await move(here.client, A, B, dry_run=True, workflows=otherwise)
        assert tried.moved == (run,)
        [(kept, why)] = tried.kept
        assert kept == waits
        assert "ondeterminis" in why
        assert (await known(here))["A"].runs == 2, "a dry run moves nothing"

        code, said = await command(here, "move", "--from", "A")
        assert code == 1
        assert f"{waits} stays on A: this release has no workflow 'waits'" in said
        assert "1 run moved." in said
        await here.decide(proposal, "approve")
        assert (await here.outcome(run)).state == "done"
        assert await served_by(here, run) == ("B", VersioningBehavior.PINNED)
        assert len(branches(repository)) == 1
        [entry] = here.ledger.entries(kind="system", words="versions.move", limit=1)
        assert (entry.facts["moved"], entry.facts["kept"]) == ([run], [waits])
        await here.client.get_workflow_handle(waits).terminate()


async def has_runs(here: Platform, build_id: str, runs: int) -> bool:
    found = await known(here)
    return build_id in found and found[build_id].runs == runs


async def only_b(_client: object) -> set[tuple[str, str]]:
    return {("team", "B")}


async def test_the_command_shows_each_version_and_says_what_it_can_not_do(installed: Platform) -> None:
    here = installed
    async with release(here, B):
        await current(here, B)
        (code, said), unseen, other = await asyncio.gather(
            command(here), command(here, "use", "C"), command(here, "move", "--from", "A", "--to", "D")
        )
        assert code == 0
        assert next(line.split()[:7] for line in said.splitlines() if line.startswith("team B")) == [
            "team",
            "B",
            "(this",
            "release)",
            "current",
            "100",
            "%",
        ]
        assert (unseen[0], other[0]) == (2, 2)
        assert "does not take version 'C'" in unseen[1]
        assert "can't say whether D goes on with a run" in other[1]
        assert (await command(here, "use", "--percent", "100"))[1].startswith("New runs go to version B of team.")


def test_without_a_deployment_workers_have_no_version_and_up_never_has(installed: Platform) -> None:
    plain = installed.settings
    assert version_of(plain) is None
    named = plain.model_copy(update={"deployment": "team"})
    own = version_of(named)
    assert own is not None
    assert len(own.build_id) == 16, "a digest of the code"
    assert version_of(named.model_copy(update={"version": "2026.11"})) == WorkerDeploymentVersion("team", "2026.11")
    without_versions(named, Terminal())
    assert agents(named).environment["COUNTERSIGN_DEPLOYMENT"] == ""

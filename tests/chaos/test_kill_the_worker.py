"""kill -9 of a worker at every named point of a run: it goes on, and there is exactly one effect.

Most of the time is spent in waiting for a dead worker's heartbeat. So there are lanes, each an installation in a
namespace of its own, whose workers are killed at one point after the other.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from activities.faults import FIX_POINTS, MACHINE_POINTS, POINTS, STEPS
from contracts.changelog import ChangelogRequest
from tests.chaos.conftest import KINDS, Workers
from tests.chaos.lanes import WideServer
from tests.support.platform import Installation, settings_for
from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository
from workers.devserver import Binary, DevServer
from workers.devserver.attributes import ensure_search_attributes

pytestmark = pytest.mark.chaos

# Points that no changelog passes: only a push to a URL or a merge does (tests/activities kills there), or a machine
# (tests/machines), or a fix (test_kill_a_fix.py).
PULLING = ("pull.before_open", "pull.after_open")  # tests/activities/test_pull_request.py
ELSEWHERE = {"git.after_push", "git.before_merge", "git.after_merge", *PULLING, *MACHINE_POINTS, *FIX_POINTS}


KILLED_AT = [point for point in POINTS if point not in ELSEWHERE]
LANES = tuple(f"lane-{number}" for number in range(6))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def killed(
    temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, "asyncio.Task[None]"]]:
    """For each point, what its test waits for."""
    folder = tmp_path_factory.mktemp("lanes")
    lanes: asyncio.Queue[Workers] = asyncio.Queue()

    async def in_a_lane(point: str) -> None:
        workers = await lanes.get()
        try:
            await killed_there_the_run_ends_with_one_effect(workers, folder / point, point)
        finally:
            lanes.put_nowait(workers)

    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(WideServer(folder / "temporal", temporal_binary, LANES))
        for name in LANES:
            lanes.put_nowait(await opened(server, folder / name, name, stack))
        tasks = {point: asyncio.create_task(in_a_lane(point)) for point in KILLED_AT}
        yield tasks
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


async def opened(server: DevServer, folder: Path, namespace: str, stack: AsyncExitStack) -> Workers:
    """Both workers of an installation of its own, kept alive."""
    installation = Installation(server, folder / "state")
    installation.settings = settings_for(server, folder / "state", TEMPORAL_NAMESPACE=namespace)
    workers = Workers(await installation.open(stack), folder)
    await ensure_search_attributes(workers.here.client)
    stack.callback(workers.stop)
    workers.start(*KINDS)
    keeper = asyncio.create_task(workers.keep_alive())
    stack.callback(keeper.cancel)
    return workers


async def killed_there_the_run_ends_with_one_effect(workers: Workers, folder: Path, point: str) -> None:
    repository, here = small_repository(folder / "app"), workers.here
    workers.deaths = 0
    workers.order.write_text(point)

    run = await here.start("changelog", ChangelogRequest(repository=str(repository)))
    proposal = await here.waiting(run)
    await here.decide(proposal, "approve")
    outcome = await here.outcome(run)

    assert not workers.order.exists(), "the worker did die there"
    assert workers.deaths == 1
    assert outcome.state == "done"
    [branch] = branches(repository)
    assert git(repository, "rev-list", "--count", f"HEAD..{branch}") == "1"
    assert len(here.ledger.effects(run=run)) == 1
    assert [e.state for e in here.ledger.effects(run=run)] == ["done"]
    accepted = [one for one, ruling in here.ledger.decisions(run) if ruling.accepted]
    assert len(accepted) == 1


@pytest.mark.parametrize("point", KILLED_AT)
async def test_killed_there_the_run_ends_with_one_effect(killed: dict[str, "asyncio.Task[None]"], point: str) -> None:
    await killed[point]


def test_every_step_of_a_run_is_among_the_points() -> None:
    """A new step of the changelog without a fault point would not be killed here."""
    from contracts import steps

    named = {each.name for each in vars(steps).values() if isinstance(each, steps.Step)}
    like_read_or_write = {
        *("machine.list", "machine.search", "machine.diff", "machine.checkpoint"),
        *("machine.install", "mcp.offer", "mcp.call"),
    }
    assert named - set(STEPS) == {"run.note", "text.propose", "changelog.rewrite"} | like_read_or_write

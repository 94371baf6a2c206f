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

from activities.faults import (
    BUG_POINTS,
    DEALS_POINTS,
    FIX_POINTS,
    MACHINE_POINTS,
    PAYABLES_POINTS,
    PAYMENT_POINTS,
    POINTS,
    STEPS,
    SUPPORT_POINTS,
)
from contracts.changelog import ChangelogRequest
from tests.chaos.conftest import KINDS, Workers
from tests.chaos.lanes import apart, in_lanes
from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository
from workers.devserver import Binary, DevServer

pytestmark = pytest.mark.chaos

# Points that no changelog passes: only a push to a URL or a merge does (tests/activities kills there), or a machine
# (tests/machines), a fix (test_kill_a_fix.py), or a triage of bugs (test_kill_a_triage.py).
PULLING = ("pull.before_open", "pull.after_open")  # tests/activities/test_pull_request.py
ELSEWHERE = {
    "issue.after_part",
    "crm.after_change",  # tests/activities/test_crm_effects.py, as the next
    "slack.after_post",
    *DEALS_POINTS,
    "run.after_start",
    "git.after_push",
    "git.before_merge",
    "git.after_merge",
    *PULLING,
    *MACHINE_POINTS,
    *FIX_POINTS,
    *BUG_POINTS,
    *PAYABLES_POINTS,
    *PAYMENT_POINTS,
    *SUPPORT_POINTS,  # test_kill_a_look.py
    *("support.kept", "support.part"),
}


KILLED_AT = [point for point in POINTS if point not in ELSEWHERE]
LANES = tuple(f"lane-{number}" for number in range(6))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def killed(
    temporal_binary: Binary, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[dict[str, "asyncio.Task[None]"]]:
    """For each point, what its test waits for."""
    folder = tmp_path_factory.mktemp("lanes")
    async with in_lanes(LANES, folder, temporal_binary, opened, the_run_ends_with_one_effect, KILLED_AT) as waited_for:
        yield waited_for


async def opened(server: DevServer, folder: Path, namespace: str, stack: AsyncExitStack) -> Workers:
    """Both workers of an installation of its own, kept alive."""
    workers = Workers(await apart(server, folder / "state", namespace, stack), folder)
    stack.callback(workers.stop)
    workers.start(*KINDS)
    keeper = asyncio.create_task(workers.keep_alive())
    stack.callback(keeper.cancel)
    return workers


async def the_run_ends_with_one_effect(workers: Workers, point: str) -> None:
    repository, here = small_repository(workers.folder / point / "app"), workers.here
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
    assert named - set(STEPS) == {"run.note", "text.propose", "gate.drop", "changelog.rewrite"} | like_read_or_write

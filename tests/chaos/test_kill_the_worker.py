"""kill -9 of a worker at every named point of a run: it goes on, and there is exactly one effect."""

from pathlib import Path

import pytest

from activities.faults import FIX_POINTS, MACHINE_POINTS, POINTS, STEPS
from contracts.changelog import ChangelogRequest
from tests.chaos.conftest import Workers
from tests.support.platform import Platform
from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository

pytestmark = pytest.mark.chaos

# Points that no changelog passes: only a push to a URL or a merge does (tests/activities kills there), or a machine
# (tests/machines), or a fix (test_kill_a_fix.py).
PULLING = ("pull.before_open", "pull.after_open")  # tests/activities/test_pull_request.py
ELSEWHERE = {"git.after_push", "git.before_merge", "git.after_merge", *PULLING, *MACHINE_POINTS, *FIX_POINTS}


@pytest.mark.parametrize("point", [point for point in POINTS if point not in ELSEWHERE])
async def test_killed_there_the_run_ends_with_one_effect(
    installation: Platform, workers: Workers, tmp_path: Path, point: str
) -> None:
    repository = small_repository(tmp_path / "app")
    workers.order.write_text(point)

    run = await installation.start("changelog", ChangelogRequest(repository=str(repository)))
    proposal = await installation.waiting(run)
    await installation.decide(proposal, "approve")
    outcome = await installation.outcome(run)

    assert not workers.order.exists(), "the worker did die there"
    assert workers.deaths == 1
    assert outcome.state == "done"
    [branch] = branches(repository)
    assert git(repository, "rev-list", "--count", f"HEAD..{branch}") == "1"
    assert len(installation.ledger.effects(run=run)) == 1
    assert [e.state for e in installation.ledger.effects(run=run)] == ["done"]
    accepted = [one for one, ruling in installation.ledger.decisions(run) if ruling.accepted]
    assert len(accepted) == 1


def test_every_step_of_a_run_is_among_the_points() -> None:
    """A new step of the changelog without a fault point would not be killed here."""
    from contracts import steps

    named = {each.name for each in vars(steps).values() if isinstance(each, steps.Step)}
    like_read_or_write = {
        *("machine.list", "machine.search", "machine.diff", "machine.checkpoint"),
        *("machine.install", "mcp.offer", "mcp.call"),
    }
    assert named - set(STEPS) == {"run.note", "text.propose", "changelog.rewrite"} | like_read_or_write

"""A long judging that dies goes on where it was: what is kept is not judged again."""

from dataclasses import replace
from pathlib import Path

import pytest
from temporalio.testing import ActivityEnvironment

from activities.bug_triage import assessing
from activities.bug_triage.assessing import BugAssessing
from activities.bug_triage.gathering import BugGathering
from activities.bug_triage.judge import Judge
from contracts.bug_triage import AssessBugs, Assessment, BugsAssessed, GatherBugs
from tests.activities.bug_triage.test_files import written
from tests.activities.effect_world import World


async def judged(world: World, request: AssessBugs, *, kept: tuple[str, ...] = ()) -> tuple[BugsAssessed, list[str]]:
    """What comes of an attempt whose predecessor kept that, and what it has kept last."""
    beats: list[tuple[str, ...]] = [kept]
    environment = ActivityEnvironment()
    environment.info = replace(environment.info, heartbeat_details=("said", *kept) if kept else ())
    environment.on_heartbeat = lambda *details: beats.append(details[1:])
    found = await environment.run(BugAssessing(world.toolbox).assess, request)
    return found, list(beats[-1])


async def test_an_attempt_goes_on_with_what_the_one_before_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assessing, "CHUNK", 10)
    world = World.open(tmp_path)
    rows = [{"id": str(number), "title": f"It breaks {number}"} for number in range(35)]
    gathered = await BugGathering(world.toolbox).gather(GatherBugs(source=str(written(tmp_path / "b.jsonl", *rows))))
    request = AssessBugs(backlog=gathered.backlog, most_doubtful=50)
    whole, kept = await judged(world, request)
    assert len(kept) == 1 + 4, "the model's version, and four parts"

    asked: list[int] = []
    judge = Judge.judge
    monkeypatch.setattr(Judge, "judge", lambda self, issues, k=5: asked.append(len(issues)) or judge(self, issues, k))
    again, _ = await judged(world, request, kept=tuple(kept[:3]))
    assert asked == [10, 5], "the first two parts are not judged again"
    assert again.judged == whole.judged == 35
    get = world.toolbox.artifacts.get_model
    assert get(Assessment, again.assessment) == get(Assessment, whole.assessment)

    asked.clear()
    await judged(world, request, kept=("another version", *kept[1:3]))
    assert asked == [10, 10, 10, 5], "what another model said is not taken"
    world.ledger.close()

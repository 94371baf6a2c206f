"""The kill switch over real workers: two effects workers, killed while they hold; each effect once, none meanwhile."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.changelog import ChangelogRequest
from contracts.records import EffectRecord
from ledger import Ledger
from tests.chaos.conftest import Workers, environment
from tests.support import forked
from tests.support.repositories import git
from tests.workflows.test_changelog import branches, small_repository

pytestmark = pytest.mark.chaos
LONG = 120.0


Check = Callable[[list[EffectRecord]], bool]


async def effects_when(ledger: Ledger, runs: list[str], check: Check) -> list[EffectRecord]:
    """The effects of the runs, as soon as the check holds of them."""
    async with asyncio.timeout(LONG):
        while True:
            found = [each for each in await asyncio.to_thread(ledger.effects) if each.run in runs]
            if check(found):
                return found
            await asyncio.sleep(0.01)


def all_are(runs: list[str], *states: str) -> Check:
    return lambda found: len(found) == len(runs) and {each.state for each in found} <= set(states)


async def ready(log: Path) -> None:
    async with asyncio.timeout(LONG):
        while "ready" not in (log.read_text() if log.exists() else ""):
            await asyncio.sleep(0.05)


async def test_stopped_on_all_workers_and_then_each_once(workers: Workers, tmp_path: Path) -> None:
    installation = workers.here
    ledger, environ = installation.ledger, environment(installation.settings)
    second = forked.start(forked.worker, "effects", ("changelog",), environ=environ, output=tmp_path / "second.log")
    try:
        folders = [small_repository(tmp_path / f"app{number}") for number in range(6)]
        runs = [await installation.start("changelog", ChangelogRequest(repository=str(folder))) for folder in folders]
        proposals = await asyncio.gather(*(installation.waiting(run) for run in runs))
        await ready(tmp_path / "second.log")
        await asyncio.gather(*(installation.decide(proposal, "approve") for proposal in proposals[:4]))
        await effects_when(ledger, runs, lambda found: any(each.begun_at for each in found))
        switch, _ = await asyncio.to_thread(ledger.stop_effects, "ana", "wrong branch")
        await asyncio.gather(*(installation.decide(proposal, "approve") for proposal in proposals[4:]))

        stopped = await effects_when(ledger, runs, all_are(runs, "held", "done"))
        held = [each for each in stopped if each.state == "held"]
        assert {each.run for each in held} >= set(runs[4:])
        assert all(str(each.outcome["says"]).startswith(f"Held: {switch.says}") for each in held)
        assert {(await asyncio.to_thread(ledger.run, each.run)).says for each in held} == {f"Held: {switch.says}"}
        untouched = {each.run for each in held if each.begun_at is None}
        assert [branches(folder) for run, folder in zip(runs, folders, strict=True) if run in untouched] == [
            [] for _ in untouched
        ]
        await workers.kill("effects")
        forked.kill(second)
    finally:
        await asyncio.to_thread(ledger.start_effects, "ana")
        forked.kill(second)

    outcomes = await asyncio.gather(*(installation.outcome(run) for run in runs))
    assert {outcome.state for outcome in outcomes} == {"done"}
    for folder in folders:
        [branch] = branches(folder)
        assert git(folder, "rev-list", "--count", f"HEAD..{branch}") == "1"
    await effects_when(ledger, runs, all_are(runs, "done"))
    told = ledger.entries(limit=100_000)
    names = [each.name for each in told]
    meanwhile = told[names.index("effects.stopped") : names.index("effects.started")]
    assert [each.says for each in meanwhile if each.facts.get("state") == "acting"] == []
    assert workers.deaths == 1

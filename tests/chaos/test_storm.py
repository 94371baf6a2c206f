"""A short storm on both databases. A long one is `python -m tests.chaos.storm --kills 500`."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from contracts.records import RunRecord
from tests.chaos.storm.judge import commits, lost_runs
from tests.chaos.storm.weather import Storm
from tests.support.repositories import Commit, build
from workers.devserver import Binary

pytestmark = pytest.mark.chaos
KILLS = {"postgres": 12, "sqlite": 8}


@pytest.mark.parametrize("kind", [pytest.param("postgres", marks=pytest.mark.postgres), "sqlite"])
async def test_all_that_is_killed_under_load_leaves_no_gap_and_nothing_twice(
    kind: str, temporal_binary: Binary, tmp_path: Path
) -> None:
    storm = Storm(tmp_path, temporal_binary, kills=KILLS[kind], seed=3, kind=kind, most=3, every=(0.1, 1.2))
    told = await storm.blow()
    assert told["wrong"] == []
    assert storm.killed.total() == KILLS[kind]
    assert storm.killed.keys() == {"agents", "effects", "server", *({"database"} if kind == "postgres" else ())}


def test_what_was_done_twice_or_not_at_all_is_named(tmp_path: Path) -> None:
    def done(run: str) -> Commit:
        return Commit(
            f"Changelog\n\nCountersign-Run: {run}", {"C.md": run.encode()}, f"countersign/{run}", start="main"
        )

    twice = Commit("Again\n\nCountersign-Run: b", {"C.md": b"again"}, "countersign/b")
    repository = build(tmp_path / "app", [Commit("Start", {"C.md": b"-"}), done("a"), done("b"), twice, done("d")])
    now = datetime.now(UTC)
    records = [RunRecord(run=run, workflow="changelog", state="done", started_at=now) for run in "abc"]
    assert list(commits([repository], records)) == ["b: 2 commits", "c: 0 commits", "d: 1 commits"]
    assert list(lost_runs(records, ["a", "x"])) == ["x was started and is not in the ledger"]

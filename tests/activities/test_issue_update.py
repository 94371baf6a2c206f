"""Changes of issues: what people decided meanwhile stays, a question is asked once, and nothing is done twice."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from activities.effects import IssueParams, issue_effect
from activities.effects.issue_params import issue_params, plan, row
from activities.effects.issue_update import UpdateIssue
from activities.faults import POINTS
from contracts.errors import BadInput, NotFound
from contracts.proposal import TablePanel
from contracts.runs import CarryOut
from tests.activities.effect_world import World
from tests.activities.letters import die_at

POINTS_OF_IT = [
    point
    for point in POINTS
    if point.startswith(("effect.", "issue.")) and not point.endswith((".started", ".worked", ".entered"))
]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    made = World.open(tmp_path)
    (tmp_path / "bugs.jsonl").write_text('{"id": "7", "title": "It breaks"}\n')
    yield made
    made.ledger.close()


def asked(world: World, number: int = 1, **params: Any) -> CarryOut:
    """A signed request to change the issue of the file."""
    values = {"source": str(world.folder / "bugs.jsonl"), "issue": "7", "kind": "bug", "labels": ("ui",), **params}
    effect = issue_effect(f"run-{number}", 1, IssueParams(**values))
    return world.request(effect, run=f"run-{number}")


def lines(world: World) -> list[dict[str, Any]]:
    path = world.folder / "bugs.jsonl.updates.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


async def test_what_is_done_to_a_file_stands_beside_it_and_once(world: World) -> None:
    before = (world.folder / "bugs.jsonl").read_bytes()
    request = asked(world, assignee="ana")
    first, second = await world.carry_out(request), await world.carry_out(request)
    assert (first.repeated, second.repeated) == (False, True)
    [line] = lines(world)
    assert (line["issue"], line["kind"], line["labels"], line["assignee"], line["by"]) == (
        "7",
        "bug",
        ["ui"],
        "ana",
        "ana",
    )
    assert (world.folder / "bugs.jsonl").read_bytes() == before


@pytest.mark.chaos
@pytest.mark.parametrize("point", POINTS_OF_IT)
async def test_killed_anywhere_it_is_done_once(world: World, point: str) -> None:
    request = asked(world)
    assert die_at(point, world.folder, request) == -signal.SIGKILL
    await world.carry_out(request)
    assert len(lines(world)) == 1
    assert [each.state for each in world.ledger.effects()] == ["done"]


async def test_a_line_that_a_crash_cut_short_is_ended_and_counts_for_nothing(world: World) -> None:
    path = world.folder / "bugs.jsonl.updates.jsonl"
    path.write_text('{"effect": "issue.up')
    await world.carry_out(asked(world))
    broken, whole = path.read_text().splitlines()
    assert broken == '{"effect": "issue.up'
    assert json.loads(whole)["issue"] == "7"


async def test_a_question_is_asked_once_whoever_signs(world: World) -> None:
    await world.carry_out(asked(world, 1, comment="Which version?", question=True))
    await world.carry_out(asked(world, 2, comment="Which version, please?", question=True, kind="question"))
    first, second = lines(world)
    assert first["question"] is True
    assert "comment" not in second
    assert second["kind"] == "question"


async def test_a_file_that_is_gone_is_named(world: World) -> None:
    request = asked(world)
    (world.folder / "bugs.jsonl").unlink()
    with pytest.raises(NotFound, match=r"bugs\.jsonl"):
        await world.carry_out(request)


def test_a_reviewer_changes_labels_as_a_text_and_the_table_follows() -> None:
    params = IssueParams(source="s", issue="7", title="It breaks", labels=("bug",))
    effect = issue_effect("run-1", 1, params)
    changed, [panel] = UpdateIssue().edited(effect, {**effect.params, "labels": "bug, ui ,"}, (plan([row(params)]),))
    assert issue_params(changed.params).labels == ("bug", "ui")
    assert changed.says == "7: label bug, ui"
    assert isinstance(panel, TablePanel)
    assert panel.rows[0][2].text == "bug, ui"


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"labels": "one\ntwo"}, "labels"),
        ({"assignee": "ana\nCountersign-Digest: x"}, "assignee"),
        ({"comment": "Hello\nCountersign-Effect: issue.update/1"}, "comment"),
    ],
)
def test_what_could_pass_for_something_else_is_refused(wrong: dict[str, Any], named: str) -> None:
    with pytest.raises(BadInput, match=named):
        issue_params({"source": "s", "issue": "7", **wrong})

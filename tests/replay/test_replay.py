"""Committed histories replay: a change of a workflow that would break a parked run is caught here.

`make histories` records them anew, after a deliberate change with a new version of the workflow.
"""

import json
from pathlib import Path

import pytest
from temporalio.client import WorkflowHistory
from temporalio.contrib.pydantic import pydantic_data_converter
from temporalio.worker import Replayer

from tests.machines.own.workflows.scripted import Scripted
from tests.workflows.own.workflows.guarded import Hurried
from workers import discovery
from workers.runner import runner

HISTORIES = sorted((Path(__file__).parent / "histories").glob("*.json"))


def recorded(path: Path) -> WorkflowHistory:
    """Under its own id, since a child's is made of it."""
    text = path.read_text()
    started = json.loads(text)["events"][0]["workflowExecutionStartedEventAttributes"]
    return WorkflowHistory.from_json(started.get("workflowId", path.stem), text)


@pytest.mark.parametrize("path", HISTORIES, ids=lambda path: path.stem)
async def test_a_recorded_history_replays(path: Path) -> None:
    replayer = Replayer(
        workflows=[*discovery.workflow_classes(), Scripted, Hurried],
        data_converter=pydantic_data_converter,
        workflow_runner=runner(),
    )
    history = recorded(path)
    assert len(history.events) > 10
    result = await replayer.replay_workflow(history, raise_on_replay_failure=False)
    assert result.replay_failure is None


def test_there_are_histories_of_every_way_a_run_ends() -> None:
    assert {path.stem for path in HISTORIES} >= {
        "changelog_approved",
        "changelog_edited",
        "changelog_changes_requested",
        "changelog_rejected",
        "changelog_nothing_to_do",
        "changelog_by_several",
        "machine_lost_twice",
        "ticket_to_pr_fixed",
        "ticket_to_pr_by_model",
        "agent_at_work",
    }

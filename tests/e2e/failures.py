"""What a failed run leaves: one failure that has a name, told everywhere alike, and nothing half-done."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from temporalio.api.enums.v1 import EventType
from temporalio.client import WorkflowFailureError
from temporalio.exceptions import ActivityError, ApplicationError

from console.app import create_app
from contracts.records import RunRecord
from tests.console.conftest import BASE, deps_for
from tests.support.platform import PATIENCE, Platform
from tests.support.repositories import git
from tests.workflows.test_changelog import branches


@dataclass(frozen=True)
class Failure:
    """As Temporal has it: `attempts` are those of the step that failed."""

    name: str
    message: str
    problem: dict[str, Any]
    attempts: int


async def failed(here: Platform, run: str) -> Failure:
    """Waits for the run to fail, and checks that Temporal, the ledger and the inbox tell it alike."""
    handle = here.client.get_workflow_handle(run)
    with pytest.raises(WorkflowFailureError) as caught:
        await asyncio.wait_for(handle.result(), PATIENCE)
    cause = failure_of(caught.value)
    assert cause.type
    assert cause.non_retryable, "it is not tried again"
    failure = Failure(cause.type, cause.message, cause.details[0], await attempts(here, run))
    record = await ended(here, run)
    assert record.state == "failed"
    assert record.says == failure.message
    assert here.ledger.proposals(state="open", run=run) == []
    card = (await inbox(here)).partition(f'"/runs/{run}"')[2].partition("</li>")[0]
    assert failure.problem["way_out"]
    assert card.count(shown(failure.problem["detail"])) == 1, "what happened is there, and once"
    assert "way-out" in card
    return failure


def failure_of(error: BaseException) -> ApplicationError:
    """The step's own failure; what caused it, for developers, is deeper still."""
    while isinstance(error, WorkflowFailureError | ActivityError) and error.cause is not None:
        error = error.cause
    assert isinstance(error, ApplicationError), repr(error)
    return error


async def attempts(here: Platform, run: str) -> int:
    """How often the step that failed was started, and that only one did fail."""
    events = {event.event_id: event async for event in here.client.get_workflow_handle(run).fetch_history_events()}
    ended_badly = [e for e in events.values() if e.event_type == EventType.EVENT_TYPE_ACTIVITY_TASK_FAILED]
    assert len(ended_badly) == 1
    started = events[ended_badly[0].activity_task_failed_event_attributes.started_event_id]
    return started.activity_task_started_event_attributes.attempt


async def ended(here: Platform, run: str) -> RunRecord:
    """The run in the ledger, once its end is written there."""
    for _ in range(2000):
        record = here.ledger.run(run)
        if record.state not in ("running", "waiting"):
            return record
        await asyncio.sleep(0.05)
    raise AssertionError(f"the ledger still holds {run} as {record.state}")


async def inbox(here: Platform) -> str:
    """The inbox as the reviewer sees it."""
    app = create_app(deps_for(here.ledger))
    cookies = {"countersign_8400": here.ledger.create_session("ana", 600)}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE, cookies=cookies) as browser:
        answer = await browser.get("/")
    assert answer.status_code == 200
    return answer.text


def shown(text: str) -> str:
    """As the page escapes it."""
    for raw, escaped in (("&", "&amp;"), ("'", "&#39;"), ('"', "&#34;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(raw, escaped)
    return text


def nothing_is_left(here: Platform, repository: Path | None = None) -> None:
    """No branch, no lock, no half of an object or artifact, no sandbox, mount or process."""
    state = here.settings.state
    assert list((state / "sandboxes" / "boxes").glob("*")) == []
    assert [line for line in Path("/proc/mounts").read_text().splitlines() if f"{state}/sandboxes/boxes" in line] == []
    assert [each for each in psutil.Process().children(recursive=True) if each.name() == "bwrap"] == []
    assert list((state / "artifacts").rglob(".*")) == []
    if repository is not None:
        assert branches(repository) == []
        found = (repository / ".git").rglob("*")
        halves = [path for path in found if path.suffix == ".lock" or path.name.startswith("tmp_")]
        assert halves == []
        assert "fatal" not in git(repository, "fsck", "--strict")

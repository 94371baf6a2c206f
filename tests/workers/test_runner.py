"""Our runner of workflows answers without going into the sandbox, and what it answers is what the SDK would have."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

import pytest
from temporalio.api.common.v1 import Payload
from temporalio.converter import (
    ExternalStorage,
    StorageDriver,
    StorageDriverClaim,
    StorageDriverRetrieveContext,
    StorageDriverStoreContext,
    WorkflowSerializationContext,
)
from temporalio.worker import Replayer, WorkflowRunner

from ledger import FolderArtifacts
from tests.bench.agent_replay import of_the_sdk
from tests.replay.test_replay import HISTORIES, recorded
from workers import discovery
from workers.client import converter
from workers.runner import runner


class Noting(StorageDriver):
    """Keeps nothing, and notes for whom it was to keep what."""

    def __init__(self) -> None:
        self.seen: list[tuple[StorageDriverStoreContext, bytes]] = []

    def name(self) -> str:
        return "noting"

    async def store(self, context: StorageDriverStoreContext, payloads: Sequence[Payload]) -> list[StorageDriverClaim]:
        self.seen += [(context, payload.data) for payload in payloads]
        return [StorageDriverClaim(claim_data={}) for _ in payloads]

    async def retrieve(
        self, context: StorageDriverRetrieveContext, claims: Sequence[StorageDriverClaim]
    ) -> list[Payload]:
        raise AssertionError("no history here has a reference")


def test_no_part_of_our_converter_takes_a_context(tmp_path: Path) -> None:
    """What `Runner` relies on: it gives none."""
    ours = converter(FolderArtifacts(tmp_path))
    assert ours.with_context(WorkflowSerializationContext(namespace="default", workflow_id="run")) is ours


@pytest.mark.parametrize("name", ["ticket_to_pr_by_model", "changelog_approved"])
async def test_every_payload_is_kept_where_the_sdk_would_keep_it(tmp_path: Path, name: str) -> None:
    """Over a run with a child, activities and an end."""
    [path] = [each for each in HISTORIES if each.stem == name]
    kept = []
    for by in (of_the_sdk(), runner()):
        driver = Noting()
        await replay(path, by, driver, tmp_path)
        kept.append(driver.seen)
    assert kept[0] == kept[1]
    assert len(kept[1]) > 10


async def replay(path: Path, by: WorkflowRunner, driver: StorageDriver, folder: Path) -> None:
    data = dataclasses.replace(
        converter(FolderArtifacts(folder)),
        external_storage=ExternalStorage(drivers=[driver], payload_size_threshold=1),
    )
    replayer = Replayer(workflows=discovery.workflow_classes(), data_converter=data, workflow_runner=by)
    result = await replayer.replay_workflow(recorded(path))
    assert result.replay_failure is None

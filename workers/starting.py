"""Starting a run by hand or by a webhook, with what people look for it by."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from pydantic import BaseModel, JsonValue, ValidationError
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy
from temporalio.exceptions import WorkflowAlreadyStartedError
from temporalio.service import RPCError, RPCStatusCode

from contracts import search, shown
from contracts.errors import BadInput, NotFound
from contracts.policy import Policy
from contracts.records import RunRecord
from contracts.requirements import StartedBy
from contracts.runs import STARTED_BY
from contracts.steps import AGENTS
from ledger import Ledger
from workers import discovery


async def start(client: Client, ledger: Ledger, cls: type, request: BaseModel, run: str, by: StartedBy) -> None:
    """Start a run of a workflow class, known as `run`. WorkflowAlreadyStartedError where there is, or was, one."""
    name = discovery.workflow_name(cls)
    policy: Policy = cls.policy  # type: ignore[attr-defined]
    handle = await client.start_workflow(
        name,
        request,
        id=run,
        task_queue=AGENTS,
        id_reuse_policy=WorkflowIDReusePolicy.REJECT_DUPLICATE,
        static_summary=summary_of(policy.summary, request),
        memo={STARTED_BY: by},
        search_attributes=TypedSearchAttributes(
            [
                search.SearchAttributePair(search.WORKFLOW, name),
                search.SearchAttributePair(search.TEAM, policy.team),
                search.SearchAttributePair(search.STATE, "starting"),
            ]
        ),
    )
    ledger.start_run(
        RunRecord(
            run=run,
            workflow=name,
            version=policy.version,
            temporal_run_id=handle.first_execution_run_id or "",
            started_at=datetime.now(UTC),
        )
    )


def summary_of(what: str, request: BaseModel) -> str:
    subject = getattr(request, "repository", "")
    return shown.summary(f"{what}: {subject}" if subject else what)


class Starting:
    """What effects start runs with. See `activities.starting.Starter`."""

    def __init__(self, client: Client, ledger: Ledger) -> None:
        self._client, self._ledger = client, ledger

    async def known(self, run: str) -> bool:
        with suppress(NotFound):
            self._ledger.run(run)
            return True
        try:
            await self._client.get_workflow_handle(run).describe()
        except RPCError as error:
            if error.status != RPCStatusCode.NOT_FOUND:
                raise
            return False
        return True

    async def start(self, workflow: str, request: Mapping[str, JsonValue], run: str, by: StartedBy) -> None:
        cls = discovery.workflow_named(workflow)
        try:
            asked: BaseModel = discovery.request_type(cls).model_validate(request)
        except ValidationError as error:
            raise BadInput(f"{workflow} does not take that: {error.errors()[0]['msg']}.", subject=workflow) from error
        with suppress(WorkflowAlreadyStartedError):
            await start(self._client, self._ledger, cls, asked, run, by)

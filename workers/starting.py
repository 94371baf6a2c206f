"""Starting a run by hand or by a webhook, with what people look for it by."""

from datetime import UTC, datetime

from pydantic import BaseModel
from temporalio.client import Client
from temporalio.common import TypedSearchAttributes, WorkflowIDReusePolicy

from contracts import search, shown
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

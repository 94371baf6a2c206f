"""After the ledger's database, or Temporal's, was restored from a backup: what open runs need.

Temporal knows which runs are open, and which proposal each waits for. One that the ledger has forgotten is found in the
artifact store by its digest, and taken in as it was; approvals that the ledger's backup doesn't have are gone, and
people sign again. Decisions that Temporal has forgotten are in the ledger, and are sent again: the rule lets a decision
stand that closed its proposal itself. What was done is not done again: each effect asks its destination first.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from datetime import timedelta

from pydantic import ValidationError
from temporalio.client import Client, WorkflowExecution, WorkflowQueryFailedError
from temporalio.service import RPCError

from contracts import search
from contracts.decision import CLOSES
from contracts.errors import ArtifactDamaged, NotFound, WrongRun
from contracts.proposal import Proposal
from contracts.records import RunRecord
from contracts.runs import GateView, run_of
from contracts.steps import AGENTS
from ledger import FolderArtifacts, Ledger

OPEN = f"ExecutionStatus = 'Running' AND TaskQueue = '{AGENTS}'"
ANSWERS = timedelta(seconds=10)
LARGEST = 64 << 20  # bytes of a body that is looked into

Say = Callable[[str], None]


@dataclass(frozen=True)
class Restored:
    """Runs and proposals that were taken in, and runs that were sent their decisions again.

    Nothing could be done for runs whose proposal is `lost`, or that were `silent` when asked what they wait for.
    """

    runs: tuple[str, ...] = ()
    proposals: tuple[str, ...] = ()
    decided: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    silent: tuple[str, ...] = ()


async def restore(client: Client, ledger: Ledger, artifacts: FolderArtifacts, say: Say) -> Restored:
    """Look at every open run. Doing it again, or where nothing was lost, changes nothing. RPCError as the server's."""
    began, waits, silent = [], dict[str, str](), []
    async for each in client.list_workflows(OPEN):
        if run_of(each.id) != each.id:
            continue
        began += [each.id] if take_in(ledger, each) else []
        try:
            if digest := await waits_for(client, each):
                waits[digest] = each.id
        except RPCError:
            silent.append(each.id)
        say(f"{len(waits) + len(silent):,} open runs asked")
    missing = {digest for digest in waits if not is_known(ledger, digest)}
    found = {proposal.digest for proposal in taken_in(ledger, artifacts, missing, say)}
    for digest in found:
        ledger.update_run(waits[digest], state="waiting", says="Waiting for review, after a restore")
    decided = [
        run for digest, run in waits.items() if digest not in missing and await decide(client, ledger, digest, run)
    ]
    lost = tuple(sorted(waits[digest] for digest in missing - found))
    return Restored(tuple(began), tuple(sorted(found)), tuple(decided), lost, tuple(silent))


async def decide(client: Client, ledger: Ledger, digest: str, run: str) -> bool:
    """Send a run again what closed the proposal that it waits for. False where that is open in the ledger as well."""
    if ledger.proposal_record(digest).state not in CLOSES.values():
        return False
    told = [signed for signed, ruling in ledger.decisions(run) if ruling.accepted and signed.statement.digest == digest]
    for signed in told:
        await client.get_workflow_handle(run).signal("decide", signed)
    return bool(told)


def take_in(ledger: Ledger, execution: WorkflowExecution) -> bool:
    """Whether the run's row was missing; it is there now."""
    try:
        ledger.run(execution.id)
    except NotFound:
        subject = execution.typed_search_attributes.get(search.SUBJECT) or ""
        record = RunRecord(
            run=execution.id,
            workflow=execution.workflow_type,
            temporal_run_id=execution.run_id,
            subject=subject,
            started_at=execution.start_time,
        )
        ledger.start_run(record)
        return True
    return False


async def waits_for(client: Client, execution: WorkflowExecution) -> str | None:
    """The digest that the run waits for; None where it is at work, or is no run with a gate."""
    handle = client.get_workflow_handle(execution.id)
    try:
        view: GateView = await handle.query("gate", result_type=GateView, rpc_timeout=ANSWERS)
    except WorkflowQueryFailedError:
        return None
    return view.digest


def is_known(ledger: Ledger, digest: str) -> bool:
    try:
        ledger.proposal_record(digest)
    except NotFound:
        return False
    return True


def taken_in(
    ledger: Ledger, artifacts: FolderArtifacts, missing: Collection[str], say: Say = print
) -> Iterator[Proposal]:
    """The missing ones that are in the store, once they are in the ledger again."""
    left = set(missing)
    for number, ref in enumerate(artifacts.references() if left else (), 1):
        if number % 1000 == 0:
            say(f"{number:,} bodies looked through")
        if (proposal := proposal_in(artifacts, ref, left)) is not None:
            try:
                ledger.store_proposal(proposal)  # which looks at digest and realm
            except WrongRun:
                continue
            left.discard(proposal.digest)
            yield proposal
        if not left:
            return


def proposal_in(artifacts: FolderArtifacts, ref: str, wanted: Collection[str]) -> Proposal | None:
    """The proposal that this body is, if it is one of those that are wanted and as it was sealed."""
    if artifacts.size(ref) > LARGEST:
        return None
    try:
        data = artifacts.get(ref)
        if not any(digest.encode() in data for digest in wanted):
            return None
        proposal = Proposal.model_validate_json(data)
    except (ArtifactDamaged, NotFound, ValidationError):
        return None
    return proposal if proposal.digest in wanted and proposal.is_intact else None

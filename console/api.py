"""The JSON API. The pages' own scripts use it too, so a script of yours can do what a page can do."""

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query

from console import batching, decide, delegating
from console.access import HandingIn, ReadingEntries, ReadingProposals, ReadingRuns
from console.deps import Here
from console.description import ID, PROBLEMS
from contracts.delegation import DelegationRecord, SignedDelegation
from contracts.proposal import Proposal
from contracts.records import ProposalRecord, RunRecord, StoredEntry
from contracts.runs import Sealed

router = APIRouter(prefix="/api", responses=PROBLEMS)
State = Literal["", "open", "superseded", "approved", "changes requested", "rejected", "expired", "withdrawn"]
Limit = Annotated[int, Query(ge=1, le=1000)]
Digest = Annotated[str, Path(max_length=71, description="or its first hex digits", json_schema_extra=ID)]
Word = Annotated[str, Query(max_length=500)]
After = Annotated[int, Query(ge=0, le=2**53)]


@router.get("/proposals")
def proposals(
    here: Here, session: ReadingProposals, state: State = "open", run: Word = "", limit: Limit = 200
) -> list[ProposalRecord]:
    """Proposals as the inbox lists them. An empty state means every state."""
    return here.ledger.proposals(state=state, run=run, limit=limit, teams=session.teams)


@router.get("/proposals/{digest}")
def proposal(here: Here, session: ReadingProposals, digest: Digest) -> Proposal:
    """One proposal, whole."""
    return here.ledger.proposal(digest)


@router.post("/proposals/{digest}/statement")
def statement(here: Here, session: HandingIn, digest: Digest, choice: decide.Choice) -> decide.Prepared:
    """The exact bytes to sign for a choice. Nothing is decided yet."""
    return decide.prepare(here, session, digest, choice)


@router.post("/proposals/{digest}/decisions")
async def decisions(here: Here, session: HandingIn, digest: Digest, signing: decide.Signing) -> decide.Taken:
    """Hand in a signed statement. 403 with the reason where the rule refuses it."""
    return await decide.take(here, session, digest, signing)


@router.post("/proposals/{digest}/revise")
async def revise(here: Here, session: HandingIn, digest: Digest, edit: decide.Edit) -> Sealed:
    """Hand in an edited text, or effects to drop and parameters of effects to change (those that the effect lists as
    `editable`). The answer names the new revision's digest: that is what to sign then."""
    return await decide.revise(here, session, digest, edit)


@router.post("/batches/statement")
def batch_statement(here: Here, session: HandingIn, chosen: batching.Chosen) -> decide.Prepared:
    """The exact bytes to sign for approving several at once. 403 names the one that can't be in a batch, and why."""
    return batching.prepare(here, session, chosen)


@router.post("/batches")
async def batches(here: Here, session: HandingIn, signing: batching.BatchSigning) -> batching.TakenBatch:
    """Hand in a signed batch. 403 or 409, and nothing is approved, where one of them can't be."""
    return await batching.take(here, session, signing)


@router.get("/delegations")
def delegations(here: Here, session: ReadingProposals) -> list[DelegationRecord]:
    """What was handed on by you or to you, and holds today."""
    return here.ledger.delegations(session.person.name)


@router.post("/delegations/statement")
def delegation_statement(
    here: Here, session: HandingIn, wish: delegating.HandOn | delegating.TakeBack
) -> decide.Prepared:
    """The exact bytes to sign for handing one proposal on, or all of one's own until then; or for ending that."""
    return delegating.prepare(here, session, wish)


@router.post("/delegations/signed")
def delegate(here: Here, session: HandingIn, signed: SignedDelegation) -> DelegationRecord:
    """Hand in a signed delegation, or the end of one. 403 with the reason where the rule refuses it."""
    return delegating.take(here, session, signed)


@router.get("/runs")
def runs(
    here: Here, session: ReadingRuns, state: Word = "", workflow: Word = "", limit: Limit = 100
) -> list[RunRecord]:
    """Runs, newest first."""
    return here.ledger.runs(state=state, workflow=workflow, limit=limit, teams=session.teams)


@router.get("/runs/{run:path}/log")
def log(here: Here, session: ReadingEntries, run: str, after: After = 0, limit: Limit = 200) -> list[StoredEntry]:
    """The run's entries in the ledger, oldest first. Ask again with `after` the last one's id."""
    return here.ledger.entries(run=here.ledger.run(run).run, after=after, limit=limit)


@router.get("/runs/{run:path}")
def run(here: Here, session: ReadingRuns, run: str) -> RunRecord:
    return here.ledger.run(run)

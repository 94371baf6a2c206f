"""The JSON API. The pages' own scripts use it too, so a script of yours can do what a page can do."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query

from console import decide
from console.deps import Here
from console.sessions import Signed, SignedApi
from contracts.proposal import Proposal
from contracts.records import ProposalRecord, RunRecord, StoredEntry
from contracts.runs import Sealed

router = APIRouter(prefix="/api")
State = Literal["", "open", "superseded", "approved", "changes requested", "rejected", "expired", "withdrawn"]
Limit = Annotated[int, Query(ge=1, le=1000)]


@router.get("/proposals")
def proposals(
    here: Here, session: Signed, state: State = "open", run: str = "", limit: Limit = 200
) -> list[ProposalRecord]:
    """Proposals as the inbox lists them. An empty state means every state."""
    return here.ledger.proposals(state=state, run=run, limit=limit)


@router.get("/proposals/{digest}")
def proposal(here: Here, session: Signed, digest: str) -> Proposal:
    """One proposal, whole. `digest` may be its first twelve hex digits."""
    return here.ledger.proposal(digest)


@router.post("/proposals/{digest}/statement")
def statement(here: Here, session: SignedApi, digest: str, choice: decide.Choice) -> decide.Prepared:
    """The exact bytes to sign for a choice. Nothing is decided yet."""
    return decide.prepare(here, session, digest, choice)


@router.post("/proposals/{digest}/decisions")
async def decisions(here: Here, session: SignedApi, digest: str, signing: decide.Signing) -> decide.Taken:
    """Hand in a signed statement. 403 with the reason where the rule refuses it."""
    return await decide.take(here, session, digest, signing)


@router.post("/proposals/{digest}/revise")
async def revise(here: Here, session: SignedApi, digest: str, edit: decide.Edit) -> Sealed:
    """Hand in an edited text. The answer names the new revision's digest: that is what to sign then."""
    return await decide.revise(here, session, digest, edit)


@router.get("/runs")
def runs(here: Here, session: Signed, state: str = "", workflow: str = "", limit: Limit = 100) -> list[RunRecord]:
    """Runs, newest first."""
    return here.ledger.runs(state=state, workflow=workflow, limit=limit)


@router.get("/runs/{run:path}/log")
def log(here: Here, session: Signed, run: str, after: int = 0, limit: Limit = 200) -> list[StoredEntry]:
    """The run's entries in the ledger, oldest first. Ask again with `after` the last one's id."""
    return here.ledger.entries(run=here.ledger.run(run).run, after=after, limit=limit)


@router.get("/runs/{run:path}")
def run(here: Here, session: Signed, run: str) -> RunRecord:
    return here.ledger.run(run)

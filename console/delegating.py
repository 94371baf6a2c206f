"""Handing on: what is to be signed, taking it, and the page of what was handed to whom."""

import secrets
from contextlib import suppress
from datetime import UTC, datetime

from fastapi import APIRouter
from pydantic import AwareDatetime, Field
from starlette.responses import HTMLResponse

from console import decide
from console.access import Deciding
from console.deps import Console, Here
from console.keys import signers
from console.seeing import sees_proposal
from console.sessions import Session
from contracts import errors
from contracts.base import Contract
from contracts.delegation import Delegation, DelegationRecord, SignedDelegation
from contracts.proposal import Proposal
from contracts.records import Person
from contracts.roles import parts

router = APIRouter(include_in_schema=False)


class HandOn(Contract):
    """One proposal, by its digest, to somebody; or, without it, all that waits for oneself, until then."""

    to: str = Field(min_length=1, max_length=200)
    digest: str = Field(default="", max_length=71)
    until: AwareDatetime | None = None
    words: str = Field(default="", max_length=1_000)


class TakeBack(Contract):
    """The end of a delegation, by who handed on or who has it."""

    revokes: str = Field(min_length=1, max_length=71)


def prepare(console: Console, session: Session, wish: HandOn | TakeBack) -> decide.Prepared:
    """The delegation to sign. Raises NotFound, Refused."""
    said = {"revokes": console.ledger.delegation(wish.revokes).id} if isinstance(wish, TakeBack) else {}
    if isinstance(wish, HandOn):
        said = wish.model_dump()
        if wish.digest:
            proposal = found(console, session, wish.digest)
            said |= {"digest": proposal.digest, "run": proposal.run}
    now = datetime.now(UTC).replace(microsecond=0)
    fixed = {"realm": console.ledger.realm, "person": session.person.name, "decided_at": now}
    made = Delegation.model_validate({**said, **fixed, "nonce": secrets.token_urlsafe(24)})
    if made.problem:
        raise errors.NotDelegable(f"It can't be handed on like that: {made.problem}.", subject=session.person.name)
    return decide.Prepared(statement=made.signing_bytes().decode())


def found(console: Console, session: Session, digest: str) -> Proposal:
    """NotFound for what is the name of none that this person may read."""
    with suppress(errors.BadInput):
        if sees_proposal(console.ledger, session, digest):
            return console.ledger.proposal(digest)
    raise errors.NotFound("There is no such proposal, or it is another team's.", subject=digest)


def take(console: Console, session: Session, signed: SignedDelegation) -> DelegationRecord:
    """Raises Refused, NotFound."""
    if signed.statement.person != session.person.name:
        raise errors.Refused(
            f"The delegation names {signed.statement.person!r}, and {session.person.name!r} is signed in.",
            subject=signed.statement.person,
        )
    return console.ledger.delegate(signed)


@router.get("/delegations")
def delegations(here: Here, session: Deciding) -> HTMLResponse:
    people = [each for each in here.ledger.trusted_people() if may(each) and each.name != session.person.name]
    return here.page(
        "delegations.html",
        session,
        known=here.ledger.delegations(session.person.name),
        people=people,
        signers=signers(here, session),
    )


def may(person: Person) -> bool:
    """Whether they decide anything at all."""
    return "reviewer" in parts(person.roles)

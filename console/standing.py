"""Standing approvals: what was approved ahead, what was done on it, and what measured decisions speak for."""

import secrets
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Form
from pydantic import Field
from starlette.responses import HTMLResponse, RedirectResponse

from console.access import Deciding, HandingIn, Own, TeamReading
from console.decide import Prepared
from console.deps import Console, Here
from console.keys import signers
from console.seeing import of_their_teams
from console.sessions import Session
from contracts import errors
from contracts.base import Contract
from contracts.decision import Signature
from contracts.digests import short
from contracts.standing import MOST_USES, SignedStanding, StandingApproval
from contracts.suggesting import LASTS, Suggestion

router = APIRouter(include_in_schema=False)
Words = Annotated[str, Form(max_length=500)]
SHOWN = 50


class Wanted(Contract):
    """A suggestion that a person wants to sign."""

    suggestion: str
    uses: int = Field(default=MOST_USES, ge=1, le=MOST_USES)


class Ahead(Contract):
    """A standing approval as it was signed."""

    standing: StandingApproval
    signature: Signature


@router.get("/standing")
def page(here: Here, session: TeamReading) -> HTMLResponse:
    now = here.ledger.clock()
    kept = [each for each in here.ledger.standing_approvals() if of_their_teams(session, each.standing.team)]
    return here.page(
        "standing.html",
        session,
        kept=[
            (each, each.state(now), here.ledger.standing_uses(standing=each.standing.digest, limit=SHOWN))
            for each in kept[:SHOWN]
        ],
        suggested=[each for each in here.ledger.standing_suggestions() if of_their_teams(session, each.team)],
        days=LASTS.days,
        signers=signers(here, session),
    )


@router.post("/standing/statement")
def statement(here: Here, session: HandingIn, wanted: Wanted) -> Prepared:
    """The exact bytes to sign for a suggestion, from now on. Nothing is approved yet."""
    found = suggestion(here, session, wanted.suggestion)
    made = found.approval(
        realm=here.ledger.realm,
        person=session.person.name,
        now=datetime.now(UTC).replace(microsecond=0),
        nonce=secrets.token_urlsafe(24),
        uses=wanted.uses,
    )
    return Prepared(statement=made.signing_bytes().decode())


@router.post("/standing/sign")
def sign(here: Here, session: HandingIn, ahead: Ahead) -> dict[str, str]:
    """Hand in a signed standing approval. 403 with the reason where the rule refuses it."""
    if ahead.standing.person != session.person.name:
        raise errors.Refused(
            f"It names {ahead.standing.person!r}, and {session.person.name!r} is signed in.", subject=ahead.standing.id
        )
    return {"id": here.ledger.sign_standing(ahead.standing, ahead.signature).standing.id}


@router.post("/standing/revoke")
def revoke(
    here: Here, session: Deciding, standing: str = Form(), words: Words = "", csrf: str = Form("")
) -> RedirectResponse:
    """End one at once."""
    session.require_csrf(csrf)
    if not of_their_teams(session, here.ledger.standing_approval(standing).standing.team):
        raise errors.NotFound("No such standing approval is of your team.", subject=short(standing))
    ended: SignedStanding = here.ledger.end_standing(standing, session.person.name, words)
    return RedirectResponse(f"/standing#s-{ended.standing.id}", 303)


@router.post("/standing/seen")
def seen(
    here: Here, session: Own, standing: str = Form(), number: int = Form(ge=1, le=MOST_USES), csrf: str = Form("")
) -> RedirectResponse:
    """Whose standing approval it is has looked at what was done on it."""
    session.require_csrf(csrf)
    here.ledger.see_standing_use(standing, number, session.person.name)
    return RedirectResponse("/", 303)


def suggestion(here: Console, session: Session, given: str) -> Suggestion:
    """Raises NotFound."""
    found = next((each for each in here.ledger.standing_suggestions() if each.id == given), None)
    if found is None or not of_their_teams(session, found.team):
        raise errors.NotFound(
            f"No standing approval {short(given)!r} is proposed any more.",
            subject=given,
            way_out="Reload the page to see which are.",
        )
    return found

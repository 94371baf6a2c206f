"""Signing in through the organisation's provider, and back."""

import secrets
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.access import OPEN
from console.deps import Console, Here, in_thread
from console.oidc import Provider, ProviderUnavailable
from console.sessions import find_session, set_cookie
from contracts.errors import CountersignError, NoRole, NotFound, SignInRefused
from contracts.records import Person

router = APIRouter(include_in_schema=False)
PATIENCE = timedelta(minutes=10)  # to type a password, and find the second factor


@router.get("/oidc/begin", dependencies=[OPEN])
async def begin(request: Request, here: Here) -> Response:
    """Send the browser to the provider, with a secret that only it keeps."""
    provider = provider_of(here)
    here.visits.spend(caller(request))
    kept = secrets.token_urlsafe(32)
    response = RedirectResponse(await provider.begin(kept), 303)
    # Lax: it has to come along when the provider sends the browser back.
    response.set_cookie(
        cookie(here), kept, max_age=int(PATIENCE.total_seconds()), httponly=True, samesite="lax", secure=here.is_https
    )
    return response


@router.get("/oidc/return", dependencies=[OPEN])
async def back(request: Request, here: Here) -> Response:
    """Who came back, a session of theirs, and the page that leads on: a redirect would come without the new cookie."""
    provider = provider_of(here)
    here.visits.spend(caller(request))
    claims: Mapping[str, Any] = {}
    try:
        kept, answer = request.cookies.get(cookie(here), ""), dict(request.query_params)
        claims = await provider.claims(kept, answer)
        person = await identified(here, provider, claims)
    except (SignInRefused, ProviderUnavailable) as refused:
        await in_thread(refuse, here, provider, refused, str(claims.get("sub", "")))
        return forgotten(here, refused_page(request, here, refused))
    return forgotten(here, await entered(request, here, provider, person))


async def identified(here: Console, provider: Provider, claims: Mapping[str, Any]) -> Person:
    """The person whom the provider tells of. Raises SignInRefused; who has no role any more loses what they had."""
    try:
        identity = provider.roles.identity(provider.issuer, claims)
    except NoRole:
        gone = await in_thread(here.ledger.disown, provider.issuer, str(claims["sub"]))
        if gone:
            await in_thread(here.ledger.end_sessions, gone)
        raise
    return await in_thread(here.ledger.identify, identity, seconds=provider.seconds)


def refuse(here: Console, provider: Provider, refused: CountersignError, subject: str) -> None:
    """Write down that somebody did not get in, and why: by the provider's subject, since a name may be another's."""
    who = f"subject {subject}" if subject else ""
    here.ledger.refuse_sign_in(refused.what, how=f"through {provider.name}", who=who)


def refused_page(request: Request, here: Console, refused: CountersignError) -> HTMLResponse:
    return here.page("error.html", find_session(request), status=refused.status, error=refused)


async def entered(request: Request, here: Console, provider: Provider, person: Person) -> HTMLResponse:
    """A new session, whatever cookie the browser came with: who sat here before, or planted one, is signed out."""
    await in_thread(here.ledger.end_session, request.cookies.get(here.cookie, ""))
    how, seconds = f"through {provider.name}", provider.seconds
    token = await in_thread(here.ledger.create_session, person.name, seconds, how, idle=provider.idle)
    response = here.page("entered.html", person=person)
    set_cookie(response, here.cookie, token, secure=here.is_https, seconds=seconds)
    return response


def forgotten(here: Console, response: Response) -> Response:
    """An answer that ends the way in: the secret of it is of no more use."""
    response.delete_cookie(cookie(here), httponly=True, samesite="lax", secure=here.is_https)
    return response


def provider_of(here: Console) -> Provider:
    if here.deps.provider is None:
        raise NotFound("Nobody signs in through an organisation here.", way_out="`countersign link` prints a link.")
    return here.deps.provider


def cookie(here: Console) -> str:
    return f"{here.cookie}_oidc"


def caller(request: Request) -> str:
    return request.client.host if request.client else "unknown"

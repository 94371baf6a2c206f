"""Signing in: a one-time link, opened in a browser that makes its own key and enrols the public half."""

import base64
import binascii
from collections.abc import Sequence
from datetime import UTC, datetime

from fastapi import APIRouter, Form, Request
from pydantic import Field
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from console.access import OPEN, Own
from console.deps import Console, Here, in_thread
from console.organisation import caller
from console.sessions import SESSION_SECONDS, clear_cookie, find_session, set_cookie
from contracts import errors
from contracts.base import Contract
from contracts.records import Person, PersonKey
from contracts.wire import fingerprint

router = APIRouter(include_in_schema=False)


class Entering(Contract):
    """A one-time token, a public key just made, and the fingerprints of keys the browser holds already.

    `fresh` is the raw 32-byte Ed25519 public key, base64.
    """

    token: str = Field(min_length=1, max_length=200)
    fresh: str = Field(min_length=44, max_length=44)
    held: tuple[str, ...] = Field(default=(), max_length=50)


@router.get("/enter", response_class=HTMLResponse, dependencies=[OPEN])
def enter_page(request: Request, here: Here) -> Response:
    """The page that makes the key. The token comes behind a #, so no log of ours ever has it."""
    return here.page("enter.html", find_session(request))


@router.post("/enter", dependencies=[OPEN])
def enter(request: Request, here: Here, entering: Entering) -> Response:
    """Redeem the link. Which key the browser shall use from now on is in the answer."""
    here.sign_ins.spend(caller(request))
    line = public_line(entering.fresh)
    person = redeemed(request, here, entering.token)
    known = held_key(here, person, entering.held)
    key = known or enrol(here, entering.token, person, line, browser(request.headers.get("user-agent", "")))
    response = JSONResponse({"person": person.display_name, "key": key, "fresh": known is None})
    if by_provider(here, person.name):
        return response  # they are signed in already, and a link prolongs nothing
    here.ledger.end_session(request.cookies.get(here.cookie, ""))  # whoever was signed in here before no longer is
    token = here.ledger.create_session(person.name, seconds=SESSION_SECONDS)
    set_cookie(response, here.cookie, token, secure=here.is_https)
    return response


@router.post("/leave")
async def leave(here: Here, session: Own, csrf: str = Form("")) -> Response:
    """End the session. The key stays in the browser, of use to nobody without a session's decision."""
    session.require_csrf(csrf)
    await in_thread(here.ledger.end_session, session.token)
    response: Response = RedirectResponse("/enter", 303)
    provider = here.deps.provider
    if provider is not None and await in_thread(here.ledger.has_identity, session.person.name):
        response = here.page("left.html", elsewhere=await provider.leave_url())
    clear_cookie(response, here.cookie, secure=here.is_https)
    return response


def redeemed(request: Request, here: Console, token: str) -> Person:
    """Whose link it was. One that doesn't hold is written down, too.

    Who signs in through the organisation has to have done so: the link by itself makes nobody them.
    """
    try:
        invited = here.ledger.invited(token)
        session = find_session(request)
        if invited and by_provider(here, invited) and (session is None or session.person.name != invited):
            raise errors.SignInRefused(
                f"This link enrols a key for {invited!r}, who is not signed in here.",
                subject=invited,
                way_out="Sign in through your organisation first, then open the link again: it still holds.",
            )
        return here.ledger.redeem_invitation(token)
    except errors.Refused as refused:
        here.ledger.refuse_sign_in(refused.what, who=refused.subject or "")
        raise


def by_provider(here: Console, person: str) -> bool:
    return here.deps.provider is not None and here.ledger.has_identity(person)


def held_key(here: Console, person: Person, held: Sequence[str]) -> str | None:
    """A key of this person that the browser still has and that is still good, so that no second one is enrolled."""
    good = here.ledger.plain_keys(person.name)
    return next((mark for mark in held if mark in good), None)


def enrol(here: Console, token: str, person: Person, line: str, label: str) -> str:
    """The link's token vouches for the key: its person signed for the link, where signatures are asked for."""
    key = PersonKey(
        fingerprint=fingerprint(line),
        person=person.name,
        public_key=line,
        label=label,
        enrolled_at=datetime.now(UTC),
    )
    here.ledger.enrol_invited(token, key)
    return key.fingerprint


def public_line(raw: str) -> str:
    """A raw public key as OpenSSH writes it. Raises BadInput."""
    try:
        key = base64.b64decode(raw, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise errors.BadInput("That is not an Ed25519 public key.")
    kind = b"ssh-ed25519"
    blob = len(kind).to_bytes(4, "big") + kind + len(key).to_bytes(4, "big") + key
    return f"ssh-ed25519 {base64.b64encode(blob).decode()} browser"


def browser(agent: str) -> str:
    """A label a person recognises: `browser, Chromium on Linux`. The header is only ever matched."""
    names = {"Edg/": "Edge", "Firefox/": "Firefox", "Chrome/": "Chromium", "Safari/": "Safari"}
    systems = {"Windows": "Windows", "Android": "Android", "iPhone": "iPhone", "iPad": "iPad"}
    systems |= {"Mac OS": "macOS", "Linux": "Linux"}
    name = next((name for mark, name in names.items() if mark in agent), "unknown")
    system = next((name for mark, name in systems.items() if mark in agent), "an unknown system")
    return f"browser, {name} on {system}"

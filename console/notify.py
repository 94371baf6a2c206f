"""How a person wants to be told what waits for them: their own page, and nobody else's."""

from typing import Annotated

from fastapi import APIRouter, Form
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console.access import Own
from console.deps import Here
from contracts.notify import CHANNELS, WINDOWS, Wish

router = APIRouter(include_in_schema=False)
SHOWN = 20


class WishForm(Wish):
    """The page's form."""

    csrf: str = ""


@router.get("/notify")
def notify_page(here: Here, session: Own) -> HTMLResponse:
    """How you are told, and what you were told of."""
    name = session.person.name
    return here.page(
        "notify.html",
        session,
        wish=Wish.of(here.ledger.preference(name, here.deps.notify)),
        unproved=here.ledger.unproved_email(name),
        ways=[each for each in CHANNELS if each in here.deps.channels],
        windows=WINDOWS,
        told=here.ledger.notices(state="", person=name, limit=SHOWN),
    )


@router.post("/notify")
def keep(here: Here, session: Own, asked: Annotated[WishForm, Form()]) -> Response:
    """Keep it. Another e-mail address waits for the code that is sent there."""
    session.require_csrf(asked.csrf)
    here.ledger.set_preference(session.person.name, asked.read(), here.deps.notify)
    return RedirectResponse("/notify", 303)


@router.post("/notify/prove")
def prove(here: Here, session: Own, code: str = Form("", max_length=40), csrf: str = Form("")) -> Response:
    session.require_csrf(csrf)
    here.ledger.prove_email(session.person.name, code)
    return RedirectResponse("/notify", 303)


@router.post("/notify/test")
def try_it(here: Here, session: Own, csrf: str = Form("")) -> Response:
    """A message by each of your channels, at once."""
    session.require_csrf(csrf)
    here.ledger.ask_test(session.person.name, here.deps.notify, here.deps.channels)
    return RedirectResponse("/notify", 303)

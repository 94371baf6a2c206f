"""Who is asking: the session cookie, and the token that keeps other sites from asking in its name."""

import hashlib
import hmac
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.responses import Response

from contracts.errors import CountersignError
from contracts.records import Person

SESSION_SECONDS = 7 * 86400


class NotSignedIn(CountersignError):
    """The page is for people who are signed in here."""

    status = 401


class ForeignRequest(CountersignError):
    """A change was asked for without this console's own token: it did not come from one of its pages."""

    status = 403


@dataclass(frozen=True)
class Session:
    """A signed-in person. `token` is the cookie's value; only its hash is in the database."""

    token: str
    person: Person

    @property
    def csrf(self) -> str:
        """The token that this console's own pages send along with a change.

        It is derived from the session's secret, so nothing is stored, and a restart spoils no open page.
        """
        return hmac.new(self.token.encode(), b"countersign/csrf/v1", hashlib.sha256).hexdigest()

    def require_csrf(self, given: str) -> None:
        """Raises ForeignRequest."""
        if not hmac.compare_digest(given.encode(), self.csrf.encode()):
            raise ForeignRequest(
                "This request does not carry this page's own token, so nothing was done.",
                way_out="Reload the page and try again.",
            )


def find_session(request: Request) -> Session | None:
    """The session that the request's cookie stands for."""
    console = request.app.state.console
    token = request.cookies.get(console.cookie, "")
    person = console.ledger.session(token) if token else None
    return Session(token, person) if person else None


def signed_in(request: Request) -> Session:
    """For pages and reading. Raises NotSignedIn."""
    session = find_session(request)
    if session is None:
        raise NotSignedIn(
            "You are not signed in here.",
            way_out="Run `countersign link` on the machine that runs Countersign: it prints a one-time link.",
        )
    return session


def signed_in_api(request: Request) -> Session:
    """For changes through the API: also checks the header X-CSRF-Token."""
    session = signed_in(request)
    session.require_csrf(request.headers.get("x-csrf-token", ""))
    return session


Signed = Annotated[Session, Depends(signed_in)]
SignedApi = Annotated[Session, Depends(signed_in_api)]


def set_cookie(response: Response, name: str, token: str, *, secure: bool) -> None:
    """Out of reach of scripts, and never sent along with another site's request."""
    response.set_cookie(name, token, max_age=SESSION_SECONDS, httponly=True, samesite="strict", secure=secure, path="/")


def clear_cookie(response: Response, name: str, *, secure: bool) -> None:
    response.delete_cookie(name, httponly=True, samesite="strict", secure=secure, path="/")

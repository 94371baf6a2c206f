"""Who is asking: the session cookie, and the token that keeps other sites from asking in its name."""

import hashlib
import hmac
from dataclasses import dataclass

from fastapi import Request
from starlette.responses import Response

from contracts.errors import CountersignError
from contracts.records import Person
from contracts.roles import teams

SESSION_SECONDS = 7 * 86400


class NotSignedIn(CountersignError):
    """The page is for people who are signed in here."""

    status = 401


class ForeignRequest(CountersignError):
    """A change was asked for without this console's own token: it did not come from one of its pages."""

    status = 403


class OutOfScope(CountersignError):
    """An API token was used for something that it isn't for."""

    status = 403


@dataclass(frozen=True)
class Session:
    """A signed-in person, or a program with a token of theirs. `token` is the cookie's value; only its hash is in the
    database. `program`: it came without a cookie, so no other site can have asked in its name."""

    token: str
    person: Person
    program: bool = False

    @property
    def teams(self) -> frozenset[str] | None:
        """The teams whose work they read; None: all."""
        return teams(self.person.roles)

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
    person = console.ledger.session(token, doing=is_doing(request)) if token else None
    return Session(token, person) if person else None


def is_doing(request: Request) -> bool:
    """Whether somebody does something, or a page that is left open asks by itself: that keeps no session open."""
    return request.method != "GET" or request.headers.get("sec-fetch-dest", "document") != "empty"


def find_bearer(request: Request, scope: str) -> Session | None:
    """The API token in the request's Authorization header; None where there is none.

    Raises NotSignedIn for one that doesn't hold, OutOfScope for one that is for other things.
    """
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "bearer":
        return None
    console = request.app.state.console
    known = console.ledger.token(given.strip())
    if known is None:
        raise NotSignedIn(
            "This API token doesn't hold: it was ended, has run out, or never was.",
            way_out="Make another: `countersign tokens create`.",
        )
    person, scopes = known
    console.calls.spend(person.name)
    if scope not in scopes:
        raise OutOfScope(
            f"This API token is for {', '.join(sorted(scopes))}, and this call takes {scope!r}.",
            subject=scope,
            way_out="Make one for it: `countersign tokens create --scope`.",
        )
    return Session(given, person, program=True)


def set_cookie(response: Response, name: str, token: str, *, secure: bool, seconds: int = SESSION_SECONDS) -> None:
    """Out of reach of scripts, and never sent along with another site's request."""
    response.set_cookie(name, token, max_age=seconds, httponly=True, samesite="strict", secure=secure, path="/")


def clear_cookie(response: Response, name: str, *, secure: bool) -> None:
    response.delete_cookie(name, httponly=True, samesite="strict", secure=secure, path="/")

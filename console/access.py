"""What each route needs of who asks. One dependency says it, and a console with a route that says nothing won't start.

The ledger's rule decides what a decision is worth. This is the fence before it: who may read, hand in decisions, or
administer; and for programs with an API token, what the token is for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute, iter_route_contexts

from console import seeing
from console.sessions import NotSignedIn, Session, find_bearer, find_session
from contracts.errors import MissingRole
from contracts.roles import Part, parts
from contracts.tokens import Scope

WAY_IN = "Run `countersign link` on the machine that runs Countersign: it prints a one-time link."
Need = Part | Literal["nobody", "oneself"]


@dataclass(frozen=True)
class Access:
    """Lets a request through. Raises NotSignedIn, MissingRole, ForeignRequest.

    `need`: "oneself" is anybody who is signed in, for what is their own. `scope`: what an API token has to be for;
    without it no token will do. `changes`: a session's request has to carry the page's own token in X-CSRF-Token.
    `by_team`: it shows what somebody's teams do, where they have roles in teams only; the others are closed to them.
    """

    need: Need
    scope: Scope | None = None
    changes: bool = False
    by_team: bool = False

    def __call__(self, request: Request) -> Session | None:
        if self.need == "nobody":
            return None
        session = find_bearer(request, self.scope) if self.scope else None
        if session is None:
            session = find_session(request)
            if session is None:
                raise NotSignedIn("You are not signed in here.", way_out=way_in(request))
        self.require_part(session)
        self.require_seen(request, session)
        if self.changes and not session.program:
            session.require_csrf(request.headers.get("x-csrf-token", ""))
        return session

    def require_part(self, session: Session) -> None:
        person = session.person
        if self.need == "oneself" or self.need in parts(person.roles):
            return
        has = ", ".join(person.roles) or "no role at all"
        raise MissingRole(
            f"{person.display_name} may not do this: it takes {self.need!r}, and has {has}.",
            subject=person.name,
            way_out="Ask an administrator of this installation for the role.",
        )

    def require_seen(self, request: Request, session: Session) -> None:
        if self.need == "oneself":
            return
        if not self.by_team:
            seeing.require_all(session)
        seeing.require_seen(request, session)


OPEN = Depends(Access("nobody"))
Reading = Annotated[Session, Depends(Access("viewer"))]
TeamReading = Annotated[Session, Depends(Access("viewer", by_team=True))]
Deciding = Annotated[Session, Depends(Access("reviewer", by_team=True))]
Administering = Annotated[Session, Depends(Access("administrator"))]
Own = Annotated[Session, Depends(Access("oneself"))]
OwnChange = Annotated[Session, Depends(Access("oneself", changes=True))]
ReadingProposals = Annotated[Session, Depends(Access("viewer", scope="read:proposals", by_team=True))]
ReadingRuns = Annotated[Session, Depends(Access("viewer", scope="read:runs", by_team=True))]
ReadingEntries = Annotated[Session, Depends(Access("viewer", scope="read:ledger", by_team=True))]
HandingIn = Annotated[Session, Depends(Access("reviewer", scope="submit:decisions", changes=True, by_team=True))]


def way_in(request: Request) -> str:
    provider = request.app.state.console.deps.provider
    return WAY_IN if provider is None else f"Open the console's sign-in page: it leads to {provider.name}."


def named(route: APIRoute) -> list[Access]:
    """What a route says it needs."""
    return [call for call in _calls(route.dependant) if isinstance(call, Access)]


def api_routes(app: FastAPI) -> list[APIRoute]:
    found = (context.original_route for context in iter_route_contexts(app.routes))
    return [route for route in found if isinstance(route, APIRoute)]


def require_named(app: FastAPI) -> None:
    """Every route names exactly one need; static files are the only other thing that is served."""
    wrong = [route.path for route in api_routes(app) if len(named(route)) != 1]
    if wrong:
        raise RuntimeError(f"routes that do not say who may use them: {', '.join(wrong)}")


def _calls(dependant: Dependant) -> Iterator[Any]:
    for each in dependant.dependencies:
        yield each.call
        yield from _calls(each)

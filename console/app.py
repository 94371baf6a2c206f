"""The web application: pages, API, errors."""

from collections.abc import Mapping
from functools import partial
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.exceptions import HTTPException
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.responses import JSONResponse, Response
from starlette.staticfiles import StaticFiles

from console import (
    access,
    api,
    backtests,
    batch,
    delegating,
    description,
    enter,
    events,
    health,
    inbox,
    keys,
    ledger,
    metrics,
    notify,
    organisation,
    plots,
    proposals,
    render,
    runs,
    standing,
    stopping,
    words,
    workflows,
)
from console.badge import Badge
from console.deps import Console, ConsoleDeps
from console.guard import PROBLEM, Guard
from console.limits import RateLimit
from console.sessions import NotSignedIn, find_session
from console.verification import Prover
from contracts import errors
from contracts.digests import short

__all__ = ["ConsoleDeps", "create_app"]

HERE = Path(str(files("console")))
PAGES = (
    inbox,
    batch,
    delegating,
    proposals,
    runs,
    ledger,
    workflows,
    backtests,
    health,
    metrics,
    standing,
    stopping,
    enter,
    organisation,
    keys,
    notify,
    events,
)
SIGN_IN_TRIES = 10  # a minute and caller
VISITS = 60  # a minute and caller, to the organisation's sign-in and back; behind a proxy all are one caller
BROKEN = "Something went wrong here."
CALLS = 600  # a minute, by one person's API tokens


def create_app(deps: ConsoleDeps) -> FastAPI:
    """The console over its dependencies. Nothing is read from the environment."""
    app = FastAPI(title="Countersign", version="1", docs_url=None, redoc_url=None, openapi_url="/api/openapi.json")
    app.state.console = Console(
        deps,
        template_environment(),
        sign_ins=RateLimit(SIGN_IN_TRIES, 60),
        visits=RateLimit(VISITS, 60),
        calls=RateLimit(CALLS, 60, what="calls"),
        prover=Prover(deps.ledger),
        badge=Badge(deps.ledger),
    )
    for module in (*PAGES, api):
        app.include_router(module.router)
    access.require_named(app)
    app.openapi = partial(description.describe, app, app.state.console.cookie)  # type: ignore[method-assign]
    app.mount("/static", StaticFiles(directory=HERE / "static"), name="static")
    app.add_exception_handler(errors.CountersignError, on_named_error)
    app.add_exception_handler(RequestValidationError, on_bad_request)
    app.add_exception_handler(HTTPException, on_http_error)
    app.add_middleware(ServerErrorMiddleware, handler=on_crash)
    app.add_middleware(Guard, base_url=deps.base_url)
    return app


def template_environment() -> Environment:
    """Everything is escaped, a missing name is an error, and hidden characters are spelt out."""
    env = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=words.visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    said = (words.ago, words.clock, words.commands, words.cost, words.count, words.drafted, words.exact, words.lasted)
    for call in (
        *said,
        words.money,
        words.span,
        words.in_groups,
        words.breaks,
        render.markdown,
        render.diff_lines,
        plots.plot,
        short,
    ):
        env.filters[call.__name__] = call
    return env


def on_named_error(request: Request, error: Exception) -> Response:
    return said(request, error if isinstance(error, errors.CountersignError) else errors.CountersignError(BROKEN))


def said(
    request: Request, error: errors.CountersignError, status: int = 0, headers: Mapping[str, str] | None = None
) -> Response:
    """The same error as a page for people and as problem+json (RFC 9457) for programs."""
    status = status or error.status
    more = {**description.HEADERS.get(status, {}), **(headers or {})}
    if wants_json(request):
        return JSONResponse(error.problem() | {"status": status}, status, more, media_type=PROBLEM)
    console: Console = request.app.state.console
    if isinstance(error, NotSignedIn):
        response = sign_in_page(request, console)
    else:
        response = console.page("error.html", find_session(request), status=status, error=error)
    response.headers.update(more)
    return response


def sign_in_page(request: Request, console: Console) -> Response:
    """How to sign in. A link on another site comes without the cookie: the page asks once more itself."""
    response = console.page("enter.html", status=401)
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        response.headers["Refresh"] = "0"
    return response


def wants_json(request: Request) -> bool:
    path = request.url.path
    return path.startswith("/api/") or request.headers.get("accept", "").startswith("application/json")


def on_bad_request(request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    where = ".".join(str(part) for part in problems[0]["loc"][1:]) if problems else ""
    what = problems[0]["msg"].removeprefix("Value error, ") if problems else "it can't be read"
    return on_named_error(request, errors.BadInput(f"The request can't be used: {what}.", subject=where))


def on_http_error(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        return on_named_error(request, error)
    return said(request, http_error(error.status_code), error.status_code, error.headers)


def http_error(status: int) -> errors.CountersignError:
    if status == 404:
        return errors.NotFound("There is no page here.", way_out="Go to the inbox, or search the ledger.")
    if status == 400:
        return errors.BadInput("The request can't be read.", way_out="Send JSON where the description asks for it.")
    return errors.BadInput(f"This page can't be asked that way (HTTP {status}).")


def on_crash(request: Request, error: Exception) -> Response:
    """Our own mistake. The server's log has the traceback; the page has none of it, and asks nothing more of
    a database that may be what failed."""
    way_out = "Try again. If it stays, the console's log has the details; nothing was decided."
    named = errors.CountersignError("The console made a mistake.", way_out=way_out)
    if wants_json(request):
        return on_named_error(request, named)
    console: Console = request.app.state.console
    return console.page("error.html", status=500, error=named)

"""The API's description, as OpenAPI: how calls are refused, and what each takes of who asks.

What a call takes is read from the route itself, so that the description can't say another thing than the fence does.
"""

from typing import Any, Final

from fastapi import FastAPI
from pydantic.config import JsonDict

from console.access import Access, api_routes, named
from contracts.base import Contract


class Problem(Contract):
    """An error, as RFC 9457 has it: what happened, to what, and the way out."""

    type: str
    title: str
    status: int
    detail: str
    subject: str | None = None
    way_out: str | None = None


REASONS: Final = {
    400: "It can't be read",
    401: "Not signed in, and no API token that holds",
    403: "Not allowed, by role, scope or the ledger's rule",
    404: "Not here",
    409: "Too late, or another was quicker",
    413: "More than this console takes in one request",
    421: "Another name than this console's",
    422: "It can't be used as it is",
    429: "Too many calls",
    503: "Something that it takes does not answer",
}
# What an answer of this status says besides, as RFC 9110 wants it.
HEADERS: Final = {401: {"WWW-Authenticate": 'Bearer realm="Countersign"'}, 429: {"Retry-After": "60"}}
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {
        "description": words,
        "content": {"application/problem+json": {"schema": Problem.model_json_schema()}},
        "headers": {name: {"required": True, "schema": {"type": "string"}} for name in HEADERS.get(status, ())},
    }
    for status, words in REASONS.items()
}

# How a proposal is named. Told, and not checked by it: the ledger's own error says more.
ID: Final[JsonDict] = {"pattern": "^(sha256:)?[0-9a-f]{6,64}$"}

TOKEN, SESSION, CSRF = "token", "session", "csrf"


def describe(app: FastAPI, cookie: str) -> dict[str, Any]:
    """What `/api/openapi.json` answers."""
    described = FastAPI.openapi(app)
    described["components"]["securitySchemes"] = schemes(cookie)
    for route in api_routes(app):
        for method in (route.methods or ()) if route.include_in_schema else ():
            [need] = named(route)
            described["paths"][route.path_format][method.lower()]["security"] = takes(need)
    return described


def schemes(cookie: str) -> dict[str, Any]:
    return {
        TOKEN: {"type": "http", "scheme": "bearer", "description": "A token of `countersign tokens create`."},
        SESSION: {"type": "apiKey", "in": "cookie", "name": cookie, "description": "A person's session."},
        CSRF: {"type": "apiKey", "in": "header", "name": "X-CSRF-Token", "description": "The pages' <meta name=csrf>."},
    }


def takes(need: Access) -> list[dict[str, list[str]]]:
    """The ways in: a token where one will do, and a session, with the pages' own token for a change."""
    session: dict[str, list[str]] = {SESSION: [], CSRF: []} if need.changes else {SESSION: []}
    return [{TOKEN: []}, session] if need.scope else [session]

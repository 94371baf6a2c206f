"""The door: which requests get in at all, and the headers that every answer carries."""

from typing import Final
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from console.sessions import ForeignRequest
from contracts.errors import CountersignError

MAX_BODY: Final = 2 << 20  # bytes; the longest text that a person may edit is 200,000 characters
LOOPBACK: Final = {"127.0.0.1", "localhost", "[::1]"}
PROBLEM: Final = "application/problem+json"  # RFC 9457
SAFE: Final = {"GET", "HEAD", "OPTIONS"}

HEADERS: Final = {
    # No inline script or style, nothing from anywhere else, no frame around us.
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class TooLarge(CountersignError):
    """A request's body is larger than any that this console has use for."""

    status = 413


class WrongHost(CountersignError):
    """The console was asked for by a name that isn't its own."""

    status = 421


class Guard:
    """Checks Host (against DNS rebinding), Origin (against other sites) and the body's size."""

    def __init__(self, app: ASGIApp, base_url: str) -> None:
        self.app = app
        self.base = base_url.rstrip("/")
        self.host = urlsplit(base_url).netloc

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        answer: ASGIApp = refusal or self.app
        await answer(scope, limited(receive), with_headers(scope, send))

    def refusal(self, scope: Scope) -> Response | None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if scope["path"] == "/healthz":  # asked by whoever started us, by our address; it says nothing of anybody
            return None
        if host != self.host:
            return self.wrong_host(scope, host)
        if scope["method"] in SAFE:
            return None
        if not self.is_ours(headers):
            return refused(scope, ForeignRequest("This request came from another site. Nothing was done."))
        if int(headers.get("content-length", "0") or 0) > MAX_BODY:
            return refused(scope, TooLarge("That is more than this console takes in one request."))
        return None

    def wrong_host(self, scope: Scope, host: str) -> Response:
        """Another name of this very machine is sent to the real one, where the browser's key is."""
        name, _, port = host.rpartition(":")
        ours, _, our_port = self.host.rpartition(":")
        if scope["method"] in SAFE and port == our_port and {name, ours} <= LOOPBACK:
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            # raw_path is still percent-encoded; a leading // would name another host.
            path = "/" + scope.get("raw_path", b"/").decode("latin-1").lstrip("/")
            return RedirectResponse(f"{self.base}{path}{query}", 307)
        return refused(scope, WrongHost("No console is served under this name."))

    def is_ours(self, headers: Headers) -> bool:
        """Browsers name the page that asks in Origin; a request without it came from no browser's page."""
        origin = headers.get("origin")
        site = headers.get("sec-fetch-site", "same-origin")
        return (origin is None or origin == self.base) and site in {"same-origin", "none"}


def refused(scope: Scope, error: CountersignError) -> Response:
    """In few words, since whoever asked is no page of ours; as a problem where the API was asked."""
    if scope["path"].startswith("/api/"):
        return JSONResponse(error.problem(), error.status, media_type=PROBLEM)
    return PlainTextResponse(f"{error.what}\n", error.status)


def limited(receive: Receive) -> Receive:
    """Stop reading a body past the limit, whatever its Content-Length said."""
    taken = 0

    async def counted() -> Message:
        nonlocal taken
        message = await receive()
        taken += len(message.get("body", b""))
        return {"type": "http.disconnect"} if taken > MAX_BODY else message

    return counted


def with_headers(scope: Scope, send: Send) -> Send:
    """Add the security headers; only static files may be kept by the browser."""
    static = scope["path"].startswith("/static/")

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers[name] = value
            headers.setdefault("cache-control", "no-cache" if static else "no-store")
        await send(message)

    return sending

"""What the console is given when it starts, and what its handlers reach it by."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Annotated, ParamSpec, TypeVar
from urllib.parse import quote, urlsplit

from fastapi import Depends, Request
from jinja2 import Environment
from starlette.concurrency import run_in_threadpool
from starlette.responses import HTMLResponse
from temporalio.client import Client

from console.badge import Badge
from console.limits import RateLimit
from console.oidc import Provider
from console.sessions import Session
from console.verification import Prover
from contracts.notify import Channel, Defaults
from contracts.roles import parts
from ledger import ArtifactStore, Ledger

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class ConsoleDeps:
    """All that the console needs from outside. It holds no private key and no write credential.

    `temporal` gives a connected client whose data converter is the pydantic one; it may raise while the
    server is down. `base_url` is where people reach the console, as `http://127.0.0.1:8400`. `demo` marks
    every page of a demo's console. Without a `metrics_token` there are no metrics. `provider`: the organisation's,
    where people sign in through one. `notify`, `channels`: how people are told who have said nothing, and by which ways
    the operator has set up.
    """

    ledger: Ledger
    artifacts: ArtifactStore
    temporal: Callable[[], Awaitable[Client]]
    temporal_ui: str
    namespace: str
    base_url: str
    demo: bool = False
    metrics_token: str = field(default="", repr=False)
    provider: Provider | None = None
    notify: Defaults = field(default_factory=Defaults)
    channels: tuple[Channel, ...] = ()


@dataclass(frozen=True)
class Console:
    """The console of one process: its dependencies, its templates, its limits, its latest proof."""

    deps: ConsoleDeps
    templates: Environment
    sign_ins: RateLimit
    visits: RateLimit
    calls: RateLimit
    prover: Prover
    badge: Badge

    @property
    def ledger(self) -> Ledger:
        return self.deps.ledger

    def page(self, name: str, session: Session | None = None, *, status: int = 200, **context: object) -> HTMLResponse:
        """Render a template as a page that no cache keeps."""
        everywhere: dict[str, object] = {"session": session, "demo": self.deps.demo, "here": name.removesuffix(".html")}
        everywhere |= {"may": parts(session.person.roles) if session else (), "provider": self.deps.provider}
        everywhere["waits"] = self.badge.count(session.person) if session else 0
        html = self.templates.get_template(name).render(**everywhere, **context)
        return HTMLResponse(html, status_code=status)

    def history_url(self, run: str, temporal_run_id: str) -> str:
        """The run's history in the Temporal UI."""
        parts = (self.deps.namespace, run, temporal_run_id)
        namespace, workflow, execution = (quote(part, safe="") for part in parts)
        where = f"{self.deps.temporal_ui.rstrip('/')}/namespaces/{namespace}/workflows/{workflow}"
        return f"{where}/{execution}/history" if execution else where

    @property
    def cookie(self) -> str:
        """The session cookie's name. Cookies ignore ports, so two consoles on a host need two names."""
        parts = urlsplit(self.deps.base_url)
        name = f"countersign_{parts.port or 0}"
        return f"__Host-{name}" if self.is_https else name

    @property
    def is_https(self) -> bool:
        return self.deps.base_url.startswith("https://")


def console_of(request: Request) -> Console:
    console: Console = request.app.state.console
    return console


Here = Annotated[Console, Depends(console_of)]


async def in_thread(call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Run one of the ledger's blocking calls without holding up the loop."""
    return await run_in_threadpool(call, *args, **kwargs)
